// Log-in, sessions, API tokens and users.
//
// Threads: thread-safe; calls block (SQLite, argon2id, the audit log), so use them on worker threads.
// Every log-in, refusal and change of a user or token is in the audit log before the call returns.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mgmt-service/auth/auth_store.hpp"
#include "mgmt-service/auth/model.hpp"
#include "mgmt-service/auth/rate_limit.hpp"

namespace esl::mgmt::auth {

// One audited fact. `before` and `after` are JSON texts without secrets.
struct AuthEvent {
    std::string actor, action, object, source, before, after;
};
// Appends durably; a failure makes the call that caused it fail. Provided by app/ (Service::audit).
using AuditAuth = std::function<Result<>(const AuthEvent&)>;

struct AuthSettings {
    std::chrono::milliseconds session_idle = std::chrono::hours(2);
    std::chrono::milliseconds session_lifetime = std::chrono::hours(12);
    std::chrono::milliseconds once_lifetime = std::chrono::hours(24);  // of the first link
    RateLimit::Rule per_name_and_address{.failures = 8, .window = std::chrono::minutes(5)};
    RateLimit::Rule per_address{.failures = 40, .window = std::chrono::minutes(5)};
    RateLimit::Rule per_name{.failures = 60, .window = std::chrono::minutes(5)};
    std::size_t max_sessions_per_user = 20;  // above: the one unused for longest ends
    std::size_t max_users = 10'000;
    std::size_t max_tokens = 1'000;
};

struct LoggedIn {
    std::string cookie;  // the session's secret; only here
    Principal principal;
    User user;
};
struct MadeToken {
    Token token;
    std::string secret;  // "swt_" and 64 hex digits; only here
};
struct NewUser {
    std::string name{};
    Role role = Role::operator_;
    std::vector<std::string> stores{};
    std::string password{};
};
struct UserPatch {
    std::optional<Role> role{};
    std::optional<std::vector<std::string>> stores{};
    std::optional<std::string> password{};
    std::optional<bool> disabled{};
};
struct NewToken {
    std::string name{};
    Role role = Role::api;
    std::vector<std::string> stores{};
    std::optional<UnixMillis> expires_at{};
};

class AuthService {
public:
    // Loads everything; throws what the store throws. The references outlive this object.
    AuthService(const Clock& clock, AuthStore& store, AuditAuth audit, AuthSettings settings = {});

    // The one-time secret of the first administrator: there while nobody can log in, new at each start, gone once used.
    [[nodiscard]] std::optional<std::string> first_link_secret() const;
    // Makes the user `admin` (chain_admin), or gives it this password and lets it in. For scripts.
    [[nodiscard]] Result<> set_admin_password(const std::string& password);

    // unauthenticated, too_many_requests.
    [[nodiscard]] Result<LoggedIn> log_in(const std::string& user, const std::string& password,
                                          const std::string& source);
    // Uses up the first link's secret; makes the user `admin`, who has no password until one is set.
    [[nodiscard]] Result<LoggedIn> log_in_once(const std::string& secret, const std::string& source);
    // No session with that cookie: nothing happens.
    [[nodiscard]] Result<> log_out(const std::string& cookie, const std::string& source);

    // unauthenticated. Session use is written down once a minute.
    [[nodiscard]] Result<Principal> by_cookie(const std::string& cookie);
    [[nodiscard]] Result<Principal> by_token(const std::string& secret);

    [[nodiscard]] std::vector<User> users() const;
    [[nodiscard]] std::optional<User> user(const std::string& name) const;
    // conflict, invalid.
    [[nodiscard]] Result<User> create_user(const Principal& by, const NewUser& user, const std::string& source);
    // not_found, invalid; forbidden when it would leave no chain_admin, or for someone else without that right. A new
    // password or `disabled` ends the user's sessions, the calling one excepted.
    [[nodiscard]] Result<User> update_user(const Principal& by, const std::string& name, const UserPatch& patch,
                                           const std::string& source, const std::string& keep_cookie = {});
    [[nodiscard]] std::vector<Token> tokens() const;  // newest first
    [[nodiscard]] Result<MadeToken> create_token(const Principal& by, const NewToken& token, const std::string& source);
    [[nodiscard]] Result<> revoke_token(const Principal& by, const std::string& id, const std::string& source);

private:
    [[nodiscard]] Result<> note(AuthEvent event) const { return audit_(event); }
    [[nodiscard]] Result<LoggedIn> open_session(User user, const std::string& source, std::string_view how);
    [[nodiscard]] Principal principal_of(const User& user, const Session& session) const;
    [[nodiscard]] UnixMillis ends_at(const Session& session) const;
    [[nodiscard]] bool nobody_can_log_in() const;
    [[nodiscard]] std::chrono::seconds must_wait(const std::string& user, const std::string& source);
    void count_failure(const std::string& user, const std::string& source);
    void drop_session(const std::string& id_hash);
    void make_room_for_session_of(const std::string& user);
    [[nodiscard]] Result<User> patched(const User& before, const UserPatch& patch) const;

    const Clock& clock_;
    AuthStore& store_;
    AuditAuth audit_;
    AuthSettings settings_;
    mutable std::mutex mutex_;  // guards all below, and the store
    std::map<std::string, User> users_;
    std::map<std::string, Token> tokens_;           // by id
    std::map<std::string, std::string> token_ids_;  // by secret hash
    std::map<std::string, Session> sessions_;       // by id hash
    RateLimit by_name_and_address_, by_address_, by_name_;
    std::optional<std::string> once_{};
    UnixMillis once_ends_at_{};
};

[[nodiscard]] bool valid_user_name(std::string_view name);

}  // namespace esl::mgmt::auth
