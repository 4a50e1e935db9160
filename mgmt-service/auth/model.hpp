// Who may do what: users, API tokens, sessions, and the principal that a request acts for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::mgmt::auth {

enum class AuthError {
    unauthenticated,    // no valid session or token, or a wrong name or password: which of them is not said
    csrf,               // a session's write without its X-CSRF-Token
    forbidden,          // the role, or the store, is not this principal's
    too_many_requests,  // log-ins slowed down; `about` is the number of seconds to wait
    not_found,
    conflict,  // the name is taken
    invalid,   // `about` is "/pointer: reason"
    store,     // the database failed
};
constexpr std::string_view describe(AuthError e) {
    switch (e) {
        case AuthError::unauthenticated:
            return "not logged in";
        case AuthError::csrf:
            return "missing or wrong X-CSRF-Token";
        case AuthError::forbidden:
            return "not allowed";
        case AuthError::too_many_requests:
            return "too many attempts";
        case AuthError::not_found:
            return "not found";
        case AuthError::conflict:
            return "already there";
        case AuthError::invalid:
            return "not acceptable";
        case AuthError::store:
            return "user database failed";
    }
    return "auth error";
}

enum class Role { chain_admin, store_manager, operator_, auditor, api };
[[nodiscard]] std::string_view name(Role role);
[[nodiscard]] std::optional<Role> role_from(std::string_view name);

// What an operation needs. Each includes the ones before it.
enum class Right {
    read,          // everybody
    write_prices,  // products, changes, bindings, LEDs: operator, api, store_manager, chain_admin
    manage_aps,    // store_manager, chain_admin
    administer,    // users, tokens, stores: chain_admin
};
[[nodiscard]] bool allows(Role role, Right right);

struct User {
    std::string name{};  // [a-z0-9._-]{1,64}
    Role role = Role::operator_;
    std::vector<std::string> stores{};  // empty: all
    bool disabled = false;
    std::string password_hash{};  // argon2id string, or empty: no log-in by password
    UnixMillis created_at{};
    std::optional<UnixMillis> last_login_at{};
    bool operator==(const User&) const = default;
};

struct Token {
    std::string id{};  // UUIDv7
    std::string name{};
    Role role = Role::api;
    std::vector<std::string> stores{};
    std::string secret_hash{};  // SHA-256, lower-case hex, of the whole "swt_..." text
    UnixMillis created_at{};
    std::string created_by{};  // actor
    std::optional<UnixMillis> last_used_at{};
    std::optional<UnixMillis> expires_at{};
    bool operator==(const Token&) const = default;
};

struct Session {
    std::string id_hash{};  // SHA-256, lower-case hex, of the cookie's value
    std::string user{};
    std::string csrf_token{};
    UnixMillis created_at{};
    UnixMillis last_seen_at{};
    bool operator==(const Session&) const = default;
};

// A value, valid for one request.
struct Principal {
    std::string actor;  // "user:ana", "token:erp"
    Role role = Role::auditor;
    std::vector<std::string> stores{};
    std::string user{};            // empty for a token
    std::string csrf_token{};      // empty for a token
    UnixMillis session_ends_at{};  // at the latest

    [[nodiscard]] bool may(Right right) const { return allows(role, right); }
    [[nodiscard]] bool sees(std::string_view store) const;
};

}  // namespace esl::mgmt::auth
