// Identities and their permissions.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "broker/auth/book_page.hpp"
#include "broker/auth/credential_book.hpp"
#include "broker/core/hub.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

using nlohmann::json;

namespace {

constexpr std::size_t kNameMost = 128;
constexpr std::size_t kSecretMost = 1'024;

bool printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
}

// A user name has no bar, so the first two end its parts.
std::string key_of(const IdentityName& who) {
    return std::string(name(who.type)) + "|" + who.username + "|" + who.client_id;
}
std::string key_of(IdentityType type, std::string_view identity) {
    return std::string(name(type)).append("|").append(identity);
}
const std::string& permission_name(const IdentityName& who) {
    return who.type == IdentityType::user ? who.username : who.client_id;
}

Result<> check(const IdentityName& who) {
    if (who.username.empty() || who.username.size() > kNameMost || !printable(who.username) ||
        who.username.contains('|')) {
        return fail(CredentialError::bad_value, "username: 1 to 128 characters, no bar, no control characters");
    }
    const bool pair = who.type == IdentityType::client;
    if (pair == who.client_id.empty())
        return fail(CredentialError::bad_value, "client_id: for an identity of type CLIENT, and only for that");
    if (who.client_id.size() > kSecretMost || !printable(who.client_id))
        return fail(CredentialError::bad_value, "client_id: at most 1,024 characters, no control characters");
    return {};
}

std::string rules_text(IdentityType type, const std::string& identity,
                       const std::map<std::string, AccessRule, std::less<>>& rules) {
    json list = json::array();
    for (const auto& [filter, rule] : rules)
        list.push_back({{"topic", filter}, {"access", name(rule.access)}, {"allow", rule.allow}});
    return json{{"type", name(type)}, {"identity", identity}, {"rules", std::move(list)}}.dump();
}

}  // namespace

std::string_view name(IdentityType type) {
    return type == IdentityType::user ? "USER" : "CLIENT";
}
std::string_view name(SignMode mode) {
    return mode == SignMode::origin ? "ORIGIN" : "SIGNED";
}
std::optional<IdentityType> parse_identity_type(std::string_view text) {
    if (text == "USER") return IdentityType::user;
    if (text == "CLIENT") return IdentityType::client;
    return std::nullopt;
}
std::optional<SignMode> parse_sign_mode(std::string_view text) {
    if (text == "ORIGIN") return SignMode::origin;
    if (text == "SIGNED") return SignMode::signed_;
    return std::nullopt;
}
std::optional<Access> parse_permit_action(std::string_view text) {
    for (const auto access : {Access::publish, Access::subscribe, Access::both}) {
        if (text == name(access)) return access;
    }
    return std::nullopt;
}

// Once all is read: an identity's permissions may come after it.
void CredentialBook::make_grants() {
    for (auto& [key, identity] : identities_) {
        const auto kind = identity.who.type == IdentityType::user ? Grant::Kind::user : Grant::Kind::client;
        identity.grant = new Grant(kind, key, list_of(identity.who));
    }
}

std::shared_ptr<const AccessList> CredentialBook::list_of(const IdentityName& who) const {
    std::vector<AccessRule> rules;
    if (const auto at = owners_.find(key_of(who.type, permission_name(who))); at != owners_.end()) {
        for (const auto& [filter, rule] : at->second.rules) rules.push_back(rule);
    }
    return std::make_shared<const AccessList>(rules);
}

bool CredentialBook::has_identity(IdentityType type, std::string_view identity) const {
    return std::ranges::any_of(identities_, [&](const auto& entry) {
        const auto& who = entry.second.who;
        return who.type == type && permission_name(who) == identity;
    });
}

Result<> CredentialBook::put_identity(const IdentityName& who, SignMode mode, const std::string& secret, bool is_new) {
    if (auto ok = check(who); !ok) return ok;
    if (secret.empty() || secret.size() > kSecretMost)
        return fail(CredentialError::bad_value, "secret: 1 to 1,024 characters");
    // Before the lock: it takes its time.
    const auto kept = mode == SignMode::origin ? hash_password(secret) : secret;
    const auto key = key_of(who);
    const std::lock_guard writing(writing_);
    const auto at = identities_.find(key);
    if (is_new && at != identities_.end()) return fail(CredentialError::exists, "identity '" + who.username + "'");
    if (!is_new && at == identities_.end()) return fail(CredentialError::not_there, "identity '" + who.username + "'");
    if (is_new && identities_.size() >= kIdentities)
        return fail(CredentialError::over_capacity, "identities: 1,000,000");
    const auto fields = json{
        {"type", name(who.type)},
        {"username", who.username},
        {"client_id", who.client_id},
        {"sign_mode",
         name(mode)}}.dump();
    if (auto saved = save({.put = {{.kind = "identity", .key = key, .fields = fields, .secret = kept}}, .remove = {}});
        !saved) {
        return saved;
    }
    const std::unique_lock guard(lock_);
    auto& identity = identities_[key];
    identity.who = who;
    identity.mode = mode;
    identity.secret = kept;
    if (!identity.grant) {
        const auto kind = who.type == IdentityType::user ? Grant::Kind::user : Grant::Kind::client;
        identity.grant = new Grant(kind, key, list_of(who));
    }
    return {};
}

Result<> CredentialBook::add_identity(const IdentityName& who, SignMode mode, const std::string& secret) {
    return put_identity(who, mode, secret, true);
}

Result<> CredentialBook::update_identity(const IdentityName& who, SignMode mode, const std::string& secret) {
    return put_identity(who, mode, secret, false);
}

Result<> CredentialBook::remove_identity(const IdentityName& who) {
    const auto key = key_of(who);
    const std::lock_guard writing(writing_);
    const auto at = identities_.find(key);
    if (at == identities_.end()) return fail(CredentialError::not_there, "identity '" + who.username + "'");
    const auto& named = permission_name(who);
    const auto others = std::ranges::count_if(identities_, [&](const auto& entry) {
        return entry.second.who.type == who.type && permission_name(entry.second.who) == named;
    });
    CredentialChange change{.put = {}, .remove = {{"identity", key}}};
    const auto owner = key_of(who.type, named);
    if (others == 1 && owners_.contains(owner)) change.remove.push_back({"permissions", owner});
    if (auto saved = save(change); !saved) return saved;
    const auto grant = at->second.grant;
    {
        const std::unique_lock guard(lock_);
        identities_.erase(at);
        if (others == 1) owners_.erase(owner);
    }
    close_grant(grant, "its identity was removed");
    return {};
}

Page<CredentialBook::IdentityInfo> CredentialBook::identities(const IdentityFilter& filter,
                                                              const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    return page_of<IdentityInfo>(
        identities_, page,
        [&](const std::string&, const Identity& identity) {
            const auto& who = identity.who;
            return (!filter.type || who.type == *filter.type) &&
                   (filter.username.empty() || who.username == filter.username) &&
                   (filter.client_id.empty() || who.client_id == filter.client_id);
        },
        [](const std::string&, const Identity& identity) {
            return IdentityInfo{.who = identity.who, .mode = identity.mode};
        });
}

std::optional<CredentialBook::IdentityLogin> CredentialBook::identity_login(std::string_view username,
                                                                            std::string_view client_id) const {
    const auto pair =
        key_of({.type = IdentityType::client, .username = std::string(username), .client_id = std::string(client_id)});
    const auto user = key_of({.type = IdentityType::user, .username = std::string(username), .client_id = {}});
    const std::shared_lock guard(lock_);
    for (const auto& key : {pair, user}) {
        const auto at = identities_.find(key);
        if (at == identities_.end()) continue;
        const auto& identity = at->second;
        return IdentityLogin{.mode = identity.mode, .secret = identity.secret, .subject = key, .grant = identity.grant};
    }
    return std::nullopt;
}

// The change holds the owner's record, or its removal when no rule is left.
Result<> CredentialBook::put_rules(Owner owner, CredentialChange change) {
    if (auto saved = save(std::move(change)); !saved) return saved;
    const auto key = key_of(owner.type, owner.identity);
    std::vector<AccessRule> rules;
    for (const auto& [filter, rule] : owner.rules) rules.push_back(rule);
    const auto type = owner.type;
    const auto identity_name = owner.identity;
    const auto list = std::make_shared<const AccessList>(rules);
    const std::unique_lock guard(lock_);
    if (owner.rules.empty()) {
        owners_.erase(key);
    } else {
        owners_[key] = std::move(owner);
    }
    for (auto& [id, identity] : identities_) {
        if (identity.who.type != type || permission_name(identity.who) != identity_name) continue;
        auto old = identity.grant->replace(list);
        // Carried along, so that it lives until each shard is past any use of it.
        shards([grant = identity.grant, old = std::move(old)](Hub& hub) { hub.grant_changed(*grant); });
    }
    return {};
}

Result<> CredentialBook::put_permission(const Permission& permission, bool is_new) {
    const auto& filter = permission.rule.filter;
    if (!mqtt::is_topic_filter(filter) || filter.starts_with("$share/"))
        return fail(CredentialError::bad_value, "topic: '" + filter + "' is not a topic filter");
    const std::lock_guard writing(writing_);
    if (!has_identity(permission.type, permission.identity))
        return fail(CredentialError::not_there, "identity '" + permission.identity + "'");
    const auto key = key_of(permission.type, permission.identity);
    Owner owner{.type = permission.type, .identity = permission.identity, .rules = {}};
    if (const auto at = owners_.find(key); at != owners_.end()) owner = at->second;
    const bool there = owner.rules.contains(filter);
    const auto about = "permission of '" + permission.identity + "' for '" + filter + "'";
    if (is_new && there) return fail(CredentialError::exists, about);
    if (!is_new && !there) return fail(CredentialError::not_there, about);
    if (is_new && owner.rules.size() >= kRulesPerIdentity)
        return fail(CredentialError::over_capacity, "permissions of one identity: 100");
    owner.rules[filter] = permission.rule;
    auto fields = rules_text(owner.type, owner.identity, owner.rules);
    return put_rules(std::move(owner),
                     {.put = {{.kind = "permissions", .key = key, .fields = std::move(fields)}}, .remove = {}});
}

Result<> CredentialBook::add_permission(const Permission& permission) {
    return put_permission(permission, true);
}

Result<> CredentialBook::update_permission(const Permission& permission) {
    return put_permission(permission, false);
}

Result<> CredentialBook::remove_permission(IdentityType type, const std::string& identity, const std::string& topic) {
    const std::lock_guard writing(writing_);
    const auto key = key_of(type, identity);
    const auto at = owners_.find(key);
    if (at == owners_.end() || !at->second.rules.contains(topic))
        return fail(CredentialError::not_there, "permission of '" + identity + "' for '" + topic + "'");
    Owner owner = at->second;
    owner.rules.erase(topic);
    CredentialChange change;
    if (owner.rules.empty()) {
        change.remove.push_back({"permissions", key});
    } else {
        change.put.push_back({.kind = "permissions", .key = key, .fields = rules_text(type, identity, owner.rules)});
    }
    return put_rules(std::move(owner), std::move(change));
}

Page<Permission> CredentialBook::permissions(std::optional<IdentityType> type, const std::string& identity,
                                             const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    // The cursor is the owner's key and the filter with a newline between, which neither has.
    std::map<std::string, Permission> flat;
    for (const auto& [key, owner] : owners_) {
        if ((type && owner.type != *type) || (!identity.empty() && owner.identity != identity)) continue;
        for (const auto& [filter, rule] : owner.rules)
            flat.emplace(key + "\n" + filter, Permission{.type = owner.type, .identity = owner.identity, .rule = rule});
    }
    return page_of<Permission>(
        flat, page, [](const std::string&, const Permission&) { return true; },
        [](const std::string&, const Permission& permission) { return permission; });
}

}  // namespace esl::broker
