// A credential book whose clock stands still and whose store outlives it; what it does to shards is counted.
#pragma once

#include <gtest/gtest.h>

#include <future>

#include "broker/adapters/credential_stores.hpp"
#include "broker/auth/credential_book.hpp"
#include "broker/auth/mode_authenticator.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {

class CredentialRig {
public:
    CredentialRig() { open(); }
    void open() {
        modes.reset();
        book.reset();
        book =
            std::make_unique<CredentialBook>(open_sqlite_credential_store(folder / "credentials.db", key), key, clock);
        book->on_every_shard([this](const std::function<void(Hub&)>&) { ++told; });
        modes = std::make_unique<ModeAuthenticator>(*book, configured);
    }
    // Waits for what takes longer.
    Login login(std::string_view client_id, std::optional<std::string> user, std::optional<std::string> password,
                const PeerCertificate* certificate = nullptr, const ListenerAuth* listener = nullptr) {
        auto answer = std::make_shared<std::promise<Login>>();
        Credentials c{.client_id = client_id};
        if (user) c.user_name = *user;
        if (password) c.password = as_bytes(*password);
        c.certificate = certificate;
        c.listener = listener;
        auto now = modes->check(c, [answer](Login later) { answer->set_value(std::move(later)); });
        if (now) return *now;
        auto future = answer->get_future();
        if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
            ADD_FAILURE() << "no answer to a login";
            return {};
        }
        return future.get();
    }
    std::string token(std::string actions, std::vector<std::string> resources, std::chrono::seconds life,
                      std::string access_key = {}) {
        const auto issued = book->apply_token({.actions = std::move(actions),
                                               .resources = std::move(resources),
                                               .expires = to_millis(clock.wall() + life),
                                               .access_key = std::move(access_key),
                                               .instance = {}});
        EXPECT_TRUE(issued);
        return issued ? issued->text : std::string{};
    }

    esl::testing::TempDir folder;
    esl::testing::ManualClock clock;
    MasterKey key;
    ConfigAuthenticator configured{{{.name = "plain", .password = "pw", .password_hash = {}}},
                                   {{.id = "AK", .secret = "sk", .instance = {}}},
                                   false};
    std::unique_ptr<CredentialBook> book;
    std::unique_ptr<ModeAuthenticator> modes;
    int told = 0;  // times that all shards were told of something
};

}  // namespace esl::broker::testing
