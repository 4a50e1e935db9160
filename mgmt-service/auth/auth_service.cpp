#include "mgmt-service/auth/auth_service.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/core/ids.hpp"
#include "mgmt-service/auth/password.hpp"

namespace esl::mgmt::auth {
namespace {

constexpr std::size_t kMinPassword = 10;
constexpr std::size_t kMaxPassword = 256;
constexpr std::string_view kTokenPrefix = "swt_";
constexpr auto kTouchEvery = std::chrono::minutes(1);

std::string as_json(const User& user) {
    return nlohmann::json{{"role", name(user.role)}, {"stores", user.stores}, {"disabled", user.disabled}}.dump();
}
std::string as_json(const Token& token) {
    nlohmann::json out{{"name", token.name}, {"role", name(token.role)}, {"stores", token.stores}};
    if (token.expires_at) out["expires_at"] = to_millis(*token.expires_at);
    return out.dump();
}

Result<> check_password(const std::string& password) {
    if (password.size() < kMinPassword) return fail(AuthError::invalid, "/password: shorter than 10 characters");
    if (password.size() > kMaxPassword) return fail(AuthError::invalid, "/password: longer than 256 characters");
    return {};
}

Result<> check_stores(const std::vector<std::string>& stores) {
    for (std::size_t i = 0; i < stores.size(); ++i) {
        const auto& id = stores[i];
        const bool good = !id.empty() && id.size() <= 16 && std::ranges::all_of(id, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        });
        if (!good) return fail(AuthError::invalid, "/stores/" + std::to_string(i) + ": not a store id");
    }
    if (stores.size() > 1000) return fail(AuthError::invalid, "/stores: more than 1000");
    return {};
}

// Never tells a name that was only tried: people type passwords into the wrong field.
std::string object_for(const std::map<std::string, User>& users, const std::string& user) {
    return users.contains(user) ? "user:" + user : "user";
}

}  // namespace

bool valid_user_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    });
}

AuthService::AuthService(const Clock& clock, AuthStore& store, AuditAuth audit, AuthSettings settings)
    : clock_(clock),
      store_(store),
      audit_(std::move(audit)),
      settings_(settings),
      by_name_and_address_(settings.per_name_and_address),
      by_address_(settings.per_address),
      by_name_(settings.per_name) {
    for (auto& user : store_.users()) users_.emplace(user.name, std::move(user));
    for (auto& token : store_.tokens()) {
        token_ids_.emplace(token.secret_hash, token.id);
        tokens_.emplace(token.id, std::move(token));
    }
    for (auto& session : store_.sessions()) sessions_.emplace(session.id_hash, std::move(session));
    if (nobody_can_log_in()) {
        once_ = new_secret();
        once_ends_at_ = clock_.wall() + settings_.once_lifetime;
    }
}

bool AuthService::nobody_can_log_in() const {
    return std::ranges::none_of(users_, [](const auto& entry) {
        const User& user = entry.second;
        return user.role == Role::chain_admin && !user.disabled && !user.password_hash.empty();
    });
}

std::optional<std::string> AuthService::first_link_secret() const {
    const std::lock_guard lock(mutex_);
    return once_;
}

Result<> AuthService::set_admin_password(const std::string& password) {
    if (auto good = check_password(password); !good) return good;
    {
        const std::lock_guard lock(mutex_);
        const auto it = users_.find("admin");
        if (it != users_.end() && !it->second.disabled && it->second.role == Role::chain_admin &&
            verify_password(it->second.password_hash, password)) {
            once_.reset();
            return {};  // the same as at the last start: nothing to write, nothing to audit
        }
    }
    auto hash = hash_password(password);
    const std::lock_guard lock(mutex_);
    User user{.name = "admin", .role = Role::chain_admin, .created_at = clock_.wall()};
    if (const auto it = users_.find("admin"); it != users_.end()) user = it->second;
    user.role = Role::chain_admin;
    user.disabled = false;
    user.stores.clear();
    user.password_hash = std::move(hash);
    if (auto noted = note({"service", "user.write", "user:admin", {}, {}, as_json(user)}); !noted) return noted;
    store_.put(user);
    users_.insert_or_assign(user.name, user);
    once_.reset();
    return {};
}

std::chrono::seconds AuthService::must_wait(const std::string& user, const std::string& source) {
    const auto now = clock_.steady();
    return std::max({by_name_and_address_.wait_for(user + '\n' + source, now), by_address_.wait_for(source, now),
                     by_name_.wait_for(user, now)});
}

void AuthService::count_failure(const std::string& user, const std::string& source) {
    const auto now = clock_.steady();
    by_name_and_address_.failed(user + '\n' + source, now);
    by_address_.failed(source, now);
    by_name_.failed(user, now);
}

Result<LoggedIn> AuthService::log_in(const std::string& user, const std::string& password, const std::string& source) {
    std::string hash;
    {
        const std::lock_guard lock(mutex_);
        if (const auto wait = must_wait(user, source); wait.count() > 0) {
            return fail(AuthError::too_many_requests, std::to_string(wait.count()));
        }
        // Counted before the slow part, or many at once would all pass the check above.
        count_failure(user, source);
        if (const auto it = users_.find(user); it != users_.end() && !it->second.disabled)
            hash = it->second.password_hash;
    }
    const bool good = verify_password(hash, password.substr(0, kMaxPassword + 1));
    const std::lock_guard lock(mutex_);
    const auto it = users_.find(user);
    if (!good || it == users_.end() || it->second.disabled || it->second.password_hash != hash) {
        const auto object = object_for(users_, user);
        if (auto noted = note({"service", "session.refused", object, source, {}, {}}); !noted)
            return fail(noted.error());
        return fail(AuthError::unauthenticated, "wrong name or password");
    }
    by_name_and_address_.succeeded(user + '\n' + source);
    by_address_.take_back(source);
    by_name_.take_back(user);
    return open_session(it->second, source, "password");
}

Result<LoggedIn> AuthService::log_in_once(const std::string& secret, const std::string& source) {
    const std::lock_guard lock(mutex_);
    if (by_address_.wait_for(source, clock_.steady()).count() > 0) return fail(AuthError::too_many_requests, "300");
    if (!once_ || clock_.wall() >= once_ends_at_ || !same_secret(*once_, secret)) {
        by_address_.failed(source, clock_.steady());
        if (auto noted = note({"service", "session.refused", "user:admin", source, {}, {}}); !noted) {
            return fail(noted.error());
        }
        return fail(AuthError::unauthenticated, "this link is used up or never was one");
    }
    User user{.name = "admin", .role = Role::chain_admin, .created_at = clock_.wall()};
    if (const auto it = users_.find("admin"); it != users_.end()) user = it->second;
    user.role = Role::chain_admin;
    user.disabled = false;
    if (auto noted = note({"service", "user.write", "user:admin", source, {}, as_json(user)}); !noted)
        return fail(noted.error());
    store_.put(user);
    users_.insert_or_assign("admin", user);
    once_.reset();
    return open_session(std::move(user), source, "first link");
}

void AuthService::drop_session(const std::string& id_hash) {
    store_.erase_session(id_hash);
    sessions_.erase(id_hash);
}

void AuthService::make_room_for_session_of(const std::string& user) {
    const auto now = clock_.wall();
    std::vector<std::string> ended;
    const Session* oldest = nullptr;
    std::size_t count = 0;
    for (const auto& [id, session] : sessions_) {
        if (ends_at(session) <= now) {
            ended.push_back(id);
        } else if (session.user == user) {
            ++count;
            if (oldest == nullptr || session.last_seen_at < oldest->last_seen_at) oldest = &session;
        }
    }
    if (count >= settings_.max_sessions_per_user && oldest != nullptr) ended.push_back(oldest->id_hash);
    for (const auto& id : ended) drop_session(id);
}

// With the mutex held.
Result<LoggedIn> AuthService::open_session(User user, const std::string& source, std::string_view how) {
    const auto detail = nlohmann::json{{"by", how}}.dump();
    if (auto noted = note({"user:" + user.name, "session.login", "user:" + user.name, source, {}, detail}); !noted) {
        return fail(noted.error());
    }
    make_room_for_session_of(user.name);
    const auto now = clock_.wall();
    LoggedIn out{.cookie = new_secret(), .principal = {}, .user = {}};
    Session session{.id_hash = hash_secret(out.cookie),
                    .user = user.name,
                    .csrf_token = new_secret(),
                    .created_at = now,
                    .last_seen_at = now};
    store_.put(session);
    user.last_login_at = now;
    store_.put(user);
    users_.insert_or_assign(user.name, user);
    out.principal = principal_of(user, session);
    out.user = std::move(user);
    sessions_.emplace(session.id_hash, std::move(session));
    return out;
}

Result<> AuthService::log_out(const std::string& cookie, const std::string& source) {
    const std::lock_guard lock(mutex_);
    const auto it = sessions_.find(hash_secret(cookie));
    if (it == sessions_.end()) return {};
    const auto user = it->second.user;
    if (auto noted = note({"user:" + user, "session.logout", "user:" + user, source, {}, {}}); !noted) return noted;
    drop_session(it->first);
    return {};
}

UnixMillis AuthService::ends_at(const Session& session) const {
    return std::min(session.created_at + settings_.session_lifetime, session.last_seen_at + settings_.session_idle);
}

Principal AuthService::principal_of(const User& user, const Session& session) const {
    return {.actor = "user:" + user.name,
            .role = user.role,
            .stores = user.stores,
            .user = user.name,
            .csrf_token = session.csrf_token,
            .session_ends_at = ends_at(session)};
}

Result<Principal> AuthService::by_cookie(const std::string& cookie) {
    const auto now = clock_.wall();
    const std::lock_guard lock(mutex_);
    const auto it = sessions_.find(hash_secret(cookie));
    if (it == sessions_.end()) return fail(AuthError::unauthenticated, "no such session");
    const auto user = users_.find(it->second.user);
    if (ends_at(it->second) <= now || user == users_.end() || user->second.disabled) {
        drop_session(it->first);
        return fail(AuthError::unauthenticated, "the session has ended");
    }
    if (now - it->second.last_seen_at >= kTouchEvery) {
        it->second.last_seen_at = now;
        store_.put(it->second);
    }
    return principal_of(user->second, it->second);
}

Result<Principal> AuthService::by_token(const std::string& secret) {
    const auto now = clock_.wall();
    const std::lock_guard lock(mutex_);
    const auto id = token_ids_.find(hash_secret(secret));
    if (id == token_ids_.end()) return fail(AuthError::unauthenticated, "no such token");
    auto& token = tokens_.at(id->second);
    if (token.expires_at && *token.expires_at <= now) return fail(AuthError::unauthenticated, "the token has expired");
    if (!token.last_used_at || now - *token.last_used_at >= kTouchEvery) {
        token.last_used_at = now;
        store_.put(token);
    }
    return Principal{.actor = "token:" + token.name,
                     .role = token.role,
                     .stores = token.stores,
                     .user = {},
                     .csrf_token = {},
                     .session_ends_at = token.expires_at.value_or(UnixMillis::max())};
}

std::vector<User> AuthService::users() const {
    const std::lock_guard lock(mutex_);
    std::vector<User> out;
    for (const auto& [name, user] : users_) out.push_back(user);
    return out;
}

std::optional<User> AuthService::user(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto it = users_.find(name);
    if (it == users_.end()) return std::nullopt;
    return it->second;
}

Result<User> AuthService::create_user(const Principal& by, const NewUser& request, const std::string& source) {
    if (!by.may(Right::administer)) return fail(AuthError::forbidden, "only a chain_admin adds users");
    if (!valid_user_name(request.name)) return fail(AuthError::invalid, "/name: not [a-z0-9._-]{1,64}");
    if (auto good = check_password(request.password); !good) return fail(good.error());
    if (auto good = check_stores(request.stores); !good) return fail(good.error());
    auto hash = hash_password(request.password);
    const std::lock_guard lock(mutex_);
    if (users_.contains(request.name)) return fail(AuthError::conflict, "user " + request.name);
    if (users_.size() >= settings_.max_users)
        return fail(AuthError::conflict, "there are as many users as there may be");
    User user{.name = request.name,
              .role = request.role,
              .stores = request.stores,
              .disabled = false,
              .password_hash = std::move(hash),
              .created_at = clock_.wall()};
    if (auto noted = note({by.actor, "user.write", "user:" + user.name, source, {}, as_json(user)}); !noted)
        return fail(noted.error());
    store_.put(user);
    users_.emplace(user.name, user);
    return user;
}

Result<User> AuthService::patched(const User& before, const UserPatch& patch) const {
    User after = before;
    if (patch.role) after.role = *patch.role;
    if (patch.disabled) after.disabled = *patch.disabled;
    if (patch.stores) {
        if (auto good = check_stores(*patch.stores); !good) return fail(good.error());
        after.stores = *patch.stores;
    }
    return after;
}

Result<User> AuthService::update_user(const Principal& by, const std::string& name, const UserPatch& patch,
                                      const std::string& source, const std::string& keep_cookie) {
    const bool own_password_only =
        by.user == name && !by.user.empty() && !patch.role && !patch.stores && !patch.disabled;
    if (!by.may(Right::administer) && !own_password_only) {
        return fail(AuthError::forbidden, "only a chain_admin changes more than one's own password");
    }
    std::string hash;
    if (patch.password) {
        if (auto good = check_password(*patch.password); !good) return fail(good.error());
        hash = hash_password(*patch.password);
    }
    const std::lock_guard lock(mutex_);
    const auto it = users_.find(name);
    if (it == users_.end()) return fail(AuthError::not_found, "user " + name);
    auto after = patched(it->second, patch);
    if (!after) return after;
    if (patch.password) after->password_hash = hash;
    const bool was_admin = it->second.role == Role::chain_admin && !it->second.disabled;
    const bool is_admin = after->role == Role::chain_admin && !after->disabled;
    const auto admins = std::ranges::count_if(
        users_, [](const auto& entry) { return entry.second.role == Role::chain_admin && !entry.second.disabled; });
    if (was_admin && !is_admin && admins == 1) return fail(AuthError::forbidden, "this is the last chain_admin");
    auto change = nlohmann::json::parse(as_json(*after));
    if (patch.password) change["password"] = "changed";
    if (auto noted = note({by.actor, "user.write", "user:" + name, source, as_json(it->second), change.dump()});
        !noted) {
        return fail(noted.error());
    }
    store_.put(*after);
    it->second = *after;
    if (!nobody_can_log_in()) once_.reset();
    if (patch.password || after->disabled) {
        const auto keep = keep_cookie.empty() ? std::string{} : hash_secret(keep_cookie);
        std::vector<std::string> ended;
        for (const auto& [id, session] : sessions_) {
            if (session.user == name && id != keep) ended.push_back(id);
        }
        for (const auto& id : ended) drop_session(id);
    }
    return after;
}

std::vector<Token> AuthService::tokens() const {
    const std::lock_guard lock(mutex_);
    std::vector<Token> out;
    for (const auto& [id, token] : tokens_) out.push_back(token);
    std::ranges::reverse(out);
    return out;
}

Result<MadeToken> AuthService::create_token(const Principal& by, const NewToken& request, const std::string& source) {
    if (!by.may(Right::administer)) return fail(AuthError::forbidden, "only a chain_admin makes tokens");
    if (!valid_user_name(request.name)) return fail(AuthError::invalid, "/name: not [a-z0-9._-]{1,64}");
    if (auto good = check_stores(request.stores); !good) return fail(good.error());
    const auto now = clock_.wall();
    if (request.expires_at && *request.expires_at <= now) return fail(AuthError::invalid, "/expires_at: is past");
    const std::lock_guard lock(mutex_);
    if (tokens_.size() >= settings_.max_tokens)
        return fail(AuthError::conflict, "there are as many tokens as there may be");
    MadeToken out{.token = {.id = new_uuid7(clock_),
                            .name = request.name,
                            .role = request.role,
                            .stores = request.stores,
                            .secret_hash = {},
                            .created_at = now,
                            .created_by = by.actor,
                            .last_used_at = {},
                            .expires_at = request.expires_at},
                  .secret = std::string(kTokenPrefix) + new_secret()};
    out.token.secret_hash = hash_secret(out.secret);
    if (auto noted = note({by.actor, "token.create", "token:" + out.token.id, source, {}, as_json(out.token)});
        !noted) {
        return fail(noted.error());
    }
    store_.put(out.token);
    token_ids_.emplace(out.token.secret_hash, out.token.id);
    tokens_.emplace(out.token.id, out.token);
    return out;
}

Result<> AuthService::revoke_token(const Principal& by, const std::string& id, const std::string& source) {
    if (!by.may(Right::administer)) return fail(AuthError::forbidden, "only a chain_admin revokes tokens");
    const std::lock_guard lock(mutex_);
    const auto it = tokens_.find(id);
    if (it == tokens_.end()) return fail(AuthError::not_found, "token " + id);
    if (auto noted = note({by.actor, "token.revoke", "token:" + id, source, as_json(it->second), {}}); !noted)
        return noted;
    store_.erase_token(id);
    token_ids_.erase(it->second.secret_hash);
    tokens_.erase(it);
    return {};
}

}  // namespace esl::mgmt::auth
