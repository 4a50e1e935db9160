// Who may connect, and by what grant.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/grant.hpp"
#include "common/core/bytes.hpp"
#include "common/mqtt/reason_code.hpp"

namespace esl::broker {

// The certificate that a client proved in its TLS handshake to hold the key of. Immutable.
struct PeerCertificate {
    std::string common_name;    // of the subject; empty when it has none
    std::string serial;         // upper-case hex of whole bytes, as `openssl x509 -serial` prints it
    std::string issuer;         // distinguished name, RFC 2253
    std::string issuer_serial;  // serial of the issuer's own certificate; empty when `verified` is false
    Bytes der;                  // the client's own certificate
    std::vector<Bytes> chain;   // what the client sent besides, DER, at most 10
    bool verified = false;      // it leads to a CA of the listener's client_ca
};

// How a client may prove who it is.
enum class AuthMethod : std::uint8_t { anonymous, password, signature, token, device, certificate };
constexpr std::size_t kAuthMethods = 6;

constexpr std::string_view describe(AuthMethod method) {
    switch (method) {
        case AuthMethod::anonymous:
            return "anonymous";
        case AuthMethod::password:
            return "password";
        case AuthMethod::signature:
            return "signature";
        case AuthMethod::token:
            return "token";
        case AuthMethod::device:
            return "device";
        case AuthMethod::certificate:
            return "certificate";
    }
    return "method";
}

// What one listener says about authentication, over what the configuration says for all. Immutable.
struct ListenerAuth {
    std::uint8_t methods = 0xFF;          // bit 1 << AuthMethod: allowed here
    std::optional<bool> allow_anonymous;  // none: as for all

    [[nodiscard]] bool allows(AuthMethod method) const {
        return ((methods >> static_cast<unsigned>(method)) & 1U) != 0;
    }
    bool operator==(const ListenerAuth&) const = default;
};

// What CONNECT brought, and by which way it came. Views and pointers are valid during the call.
struct Credentials {
    std::string_view client_id;
    std::optional<std::string_view> user_name{};
    std::optional<BytesView> password{};
    const PeerCertificate* certificate = nullptr;  // null: not TLS, or the client has shown none
    const ListenerAuth* listener = nullptr;        // null: no rules of its own
    std::string_view address{};                    // "192.0.2.7", without port; empty: not known
};

// The answer to a login.
struct Login {
    bool good = false;
    GrantPtr grant = {};                                                    // null: unrestricted
    mqtt::ReasonCode reason = mqtt::ReasonCode::bad_user_name_or_password;  // of a refusal
};

// The answer to `$SYS/uploadToken`.
struct TokenUpload {
    GrantPtr grant = {};  // in place of the session's; null: the session's stays
    std::optional<TokenFault> fault = {};
    std::string type = {};  // of the token that is at fault
};

// Thread-safe. What of these blocks says so.
class Authenticator {
public:
    using Later = std::function<void(Login)>;

    virtual ~Authenticator() = default;
    // Never blocks. Nothing: `later` is called once, on another thread, when the answer is known. A grant may have
    // ended by the time the connection takes it: it asks.
    [[nodiscard]] virtual std::optional<Login> check(const Credentials& credentials, Later later) = 0;
    // Asked once more when an answer came later: a client may have been shut out meanwhile. Never blocks.
    [[nodiscard]] virtual bool shut_out(std::string_view /*client_id*/) { return false; }
    // Never blocks. `body` is the payload of `$SYS/uploadToken`.
    [[nodiscard]] virtual TokenUpload upload_token(const Grant& /*current*/, std::string_view /*client_id*/,
                                                   std::string_view /*body*/) {
        return {};
    }
};

}  // namespace esl::broker
