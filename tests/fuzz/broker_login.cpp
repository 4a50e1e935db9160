// Logging in to the broker with anything: user names of every mode, token passwords, `$SYS/uploadToken`, certificates.
// Nobody without a secret may get in, whatever the bytes are.
#include <cstdlib>

#include "broker/adapters/credential_stores.hpp"
#include "broker/auth/mode_authenticator.hpp"
#include "common/testing/testing.hpp"

namespace {

using namespace esl;          // NOLINT
using namespace esl::broker;  // NOLINT

void must(bool true_of_any_input) {
    if (!true_of_any_input) std::abort();
}

struct World {
    testing::ManualClock clock;
    CredentialBook book{std::make_unique<MemoryCredentialStore>(), MasterKey(), clock};
    ConfigAuthenticator configured{{}, {{.id = "AK", .secret = "unguessed", .instance = {}}}, false};
    ModeAuthenticator modes{book, configured};
    GrantPtr token;

    World() {
        must(book.register_device("GID_a@@@1").has_value());
        must(book.add_identity({.type = IdentityType::user, .username = "u", .client_id = {}}, SignMode::signed_, "s")
                 .has_value());
        token = new Grant("AK|i", {{.type = "R",
                                    .id = "0",
                                    .expires = clock.wall() + std::chrono::hours(1),
                                    .rules = {{.filter = "a/#", .access = Access::subscribe}}}});
    }
};

std::string_view part(std::string_view& rest) {
    const auto end = rest.find('\n');
    const auto out = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return out;
}

}  // namespace

// Lines: client id, user name, password, body of an upload; the rest is a certificate.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const auto client = part(rest);
    const auto user = part(rest);
    const auto password = part(rest);
    const auto body = part(rest);
    PeerCertificate certificate;
    certificate.der.assign(rest.begin(), rest.end());
    Credentials c{.client_id = client, .user_name = user};
    c.password = as_bytes(password);
    c.certificate = &certificate;
    const auto login = world.modes.check(c, [](const Login&) {});
    must(login.has_value() && !login->good);
    must(!world.modes.upload_token(*world.token, client, body).grant);
    static_cast<void>(issuer_of(certificate.der));
    if (const auto parts = parse_token_password(password)) {
        for (const auto& one : *parts) must(!world.book.check_token(one.text));
    }
    const AccessList list({{.filter = "a/+", .access = Access::both}, {.filter = "a/x", .allow = false}});
    static_cast<void>(list.publish(user, client));
    return 0;
}
