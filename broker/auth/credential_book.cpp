#include "broker/auth/credential_book.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "broker/auth/book_page.hpp"
#include "broker/core/hub.hpp"
#include "common/core/ids.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

using nlohmann::json;

namespace {

constexpr std::size_t kClientIdMost = 1'024;

Result<> check_client_id(std::string_view id) {
    const bool printable = std::ranges::all_of(id, [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
    if (id.empty() || id.size() > kClientIdMost || !printable)
        return fail(CredentialError::bad_value, "client_id: 1 to 1,024 characters, no control characters");
    return {};
}

std::string device_fields(const DeviceCredential& c) {
    return json{{"id", c.id}, {"created", to_millis(c.created)}, {"updated", to_millis(c.updated)}}.dump();
}

}  // namespace

CredentialBook::CredentialBook(std::unique_ptr<CredentialStore> store, MasterKey key, const Clock& clock)
    : store_(std::move(store)), key_(key), clock_(clock) {
    const auto records = store_->load();
    if (!records) throw std::runtime_error(records.error().message());
    for (const auto& record : *records) {
        try {
            take(record);
        } catch (const json::exception&) {
            throw std::runtime_error("credentials: the fields of " + record.kind + " '" + record.key + "' are damaged");
        }
    }
    make_grants();
}

CredentialBook::~CredentialBook() = default;

void CredentialBook::take(const CredentialRecord& record) {
    const auto fields = json::parse(record.fields);
    if (record.kind == "device") {
        Device device{.credential = {.client_id = record.key,
                                     .id = fields.at("id"),
                                     .secret = record.secret,
                                     .created = from_millis(fields.at("created")),
                                     .updated = from_millis(fields.at("updated"))},
                      .grant = new Grant(Grant::Kind::device, record.key)};
        device_ids_[device.credential.id] = record.key;
        devices_[record.key] = std::move(device);
    } else if (record.kind == "identity") {
        Identity identity{.who = {.type = parse_identity_type(fields.at("type").get<std::string>()).value(),
                                  .username = fields.at("username"),
                                  .client_id = fields.at("client_id")},
                          .mode = parse_sign_mode(fields.at("sign_mode").get<std::string>()).value(),
                          .secret = record.secret,
                          .grant = {}};
        identities_[record.key] = std::move(identity);
    } else if (record.kind == "permissions") {
        Owner owner{.type = parse_identity_type(fields.at("type").get<std::string>()).value(),
                    .identity = fields.at("identity"),
                    .rules = {}};
        for (const auto& rule : fields.at("rules")) {
            AccessRule r{.filter = rule.at("topic"),
                         .access = parse_permit_action(rule.at("access").get<std::string>()).value(),
                         .allow = rule.at("allow")};
            owner.rules.emplace(r.filter, r);
        }
        owners_[record.key] = std::move(owner);
    } else if (record.kind == "blacklist") {
        blacklist_[record.key];
    } else if (record.kind == "revoked") {
        revoked_[record.key] = from_millis(fields.at("expires"));
    } else {
        take_certificate(record);
    }
}

Result<> CredentialBook::save(CredentialChange change) {
    auto done = store_->apply(change);
    if (!done) spdlog::error("credentials: {}", done.error().message());
    return done;
}

void CredentialBook::shards(std::function<void(Hub&)> work) const {
    if (on_every_shard_) on_every_shard_(std::move(work));
}

void CredentialBook::close_grant(const GrantPtr& grant, std::string why) const {
    if (!grant) return;
    grant->end();
    shards([grant, why = std::move(why)](Hub& hub) {
        hub.close_sessions([&](const Session& s) { return s.grant == grant; }, why);
    });
}

// Tokens

Result<IssuedToken> CredentialBook::apply_token(const TokenRequest& request) const {
    Token token;
    const auto access = parse_token_access(request.actions);
    if (!access) return fail(CredentialError::bad_value, "actions: R, W or R,W");
    token.access = *access;
    token.resources = request.resources;
    std::ranges::sort(token.resources);
    token.resources.erase(std::ranges::unique(token.resources).begin(), token.resources.end());
    if (token.resources.empty() || token.resources.size() > kTokenResources) {
        return fail(CredentialError::bad_value,
                    "resources: 1 to 100 topics, not " + std::to_string(token.resources.size()));
    }
    std::size_t bytes = 0;
    for (const auto& resource : token.resources) {
        bytes += resource.size();
        if (!mqtt::is_topic_filter(resource) || resource.starts_with('$'))
            return fail(CredentialError::bad_value, "resources: '" + resource + "' is not a topic filter");
    }
    if (bytes > kTokenResourceBytes)
        return fail(CredentialError::bad_value, "resources: more than 4,096 bytes together");
    if (request.access_key.size() > 255 || request.instance.size() > 255)
        return fail(CredentialError::bad_value, "access_key, instance: at most 255 bytes");
    const auto now = clock_.wall();
    if (request.expires < to_millis(now + kTokenShortest))
        return fail(CredentialError::bad_value, "expires: Unix ms, at least 60 s from now");
    token.expires = std::min(from_millis(request.expires), now + kTokenLongest);
    token.id = to_lower_hex(random_bytes(16));
    token.access_key = request.access_key;
    token.instance = request.instance;
    auto text = write_token(token, key_.tokens());
    return IssuedToken{.token = std::move(token), .text = std::move(text)};
}

std::expected<Token, TokenFault> CredentialBook::check_token(std::string_view text, Token* about) const {
    auto token = read_token(text, key_.tokens());
    if (!token) return token;
    if (about != nullptr) *about = *token;
    if (token->expires <= clock_.wall()) return std::unexpected(TokenFault::expired);
    const std::shared_lock guard(lock_);
    if (revoked_.contains(token->id)) return std::unexpected(TokenFault::revoked);
    return token;
}

void CredentialBook::forget_expired_revocations(CredentialChange& change) const {
    const auto now = clock_.wall();
    for (const auto& [id, expires] : revoked_) {
        if (expires <= now) change.remove.push_back({"revoked", id});
    }
}

Result<Token> CredentialBook::revoke_token(std::string_view text) {
    auto token = read_token(text, key_.tokens());
    if (!token) return fail(CredentialError::bad_token, std::string(describe(token.error())));
    const std::lock_guard writing(writing_);
    if (token->expires <= clock_.wall() || revoked_.contains(token->id)) return *token;
    CredentialChange change;
    forget_expired_revocations(change);
    if (revoked_.size() - change.remove.size() >= kRevokedTokens)
        return fail(CredentialError::over_capacity, "revoked tokens: 100,000");
    change.put.push_back(
        {.kind = "revoked", .key = token->id, .fields = json{{"expires", to_millis(token->expires)}}.dump()});
    if (auto saved = save(change); !saved) return fail(saved.error());
    {
        const std::unique_lock guard(lock_);
        for (const auto& gone : change.remove) revoked_.erase(gone.key);
        revoked_[token->id] = token->expires;
    }
    shards([id = token->id](Hub& hub) { hub.token_revoked(id); });
    return *token;
}

Page<RevokedToken> CredentialBook::revoked_tokens(const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    const auto now = clock_.wall();
    return page_of<RevokedToken>(
        revoked_, page, [&](const std::string&, UnixMillis expires) { return expires > now; },
        [](const std::string& id, UnixMillis expires) { return RevokedToken{id, expires}; });
}

// Device credentials

Result<DeviceCredential> CredentialBook::put_device(DeviceCredential credential) {
    const auto saved = save({.put = {{.kind = "device",
                                      .key = credential.client_id,
                                      .fields = device_fields(credential),
                                      .secret = credential.secret}},
                             .remove = {}});
    if (!saved) return fail(saved.error());
    const std::unique_lock guard(lock_);
    auto& device = devices_[credential.client_id];
    if (device.credential.id != credential.id) {
        device_ids_.erase(device.credential.id);
        device_ids_[credential.id] = credential.client_id;
        device.grant = new Grant(Grant::Kind::device, credential.client_id);
    }
    device.credential = credential;
    return credential;
}

Result<DeviceCredential> CredentialBook::register_device(const std::string& client_id) {
    if (auto ok = check_client_id(client_id); !ok) return fail(ok.error());
    const std::lock_guard writing(writing_);
    const auto at = devices_.find(client_id);
    if (at == devices_.end() && devices_.size() >= kDeviceCredentials)
        return fail(CredentialError::over_capacity, "device credentials: 1,000,000");
    const GrantPtr before = at == devices_.end() ? GrantPtr{} : at->second.grant;
    const auto now = clock_.wall();
    auto put = put_device({.client_id = client_id,
                           .id = "DC." + to_hex(random_bytes(12)),
                           .secret = new_secret(),
                           .created = now,
                           .updated = now});
    if (put) close_grant(before, "its device credential was replaced");
    return put;
}

Result<DeviceCredential> CredentialBook::refresh_device(const std::string& client_id) {
    const std::lock_guard writing(writing_);
    const auto at = devices_.find(client_id);
    if (at == devices_.end()) return fail(CredentialError::not_there, "device credential of '" + client_id + "'");
    auto credential = at->second.credential;
    credential.secret = new_secret();
    credential.updated = clock_.wall();
    return put_device(std::move(credential));
}

Result<DeviceCredential> CredentialBook::device(const std::string& client_id) const {
    const std::shared_lock guard(lock_);
    const auto at = devices_.find(client_id);
    if (at == devices_.end()) return fail(CredentialError::not_there, "device credential of '" + client_id + "'");
    return at->second.credential;
}

Result<> CredentialBook::unregister_device(const std::string& client_id) {
    const std::lock_guard writing(writing_);
    const auto at = devices_.find(client_id);
    if (at == devices_.end()) return fail(CredentialError::not_there, "device credential of '" + client_id + "'");
    if (auto saved = save({.put = {}, .remove = {{"device", client_id}}}); !saved) return saved;
    const auto grant = at->second.grant;
    {
        const std::unique_lock guard(lock_);
        device_ids_.erase(at->second.credential.id);
        devices_.erase(at);
    }
    close_grant(grant, "its device credential was unregistered");
    return {};
}

Page<DeviceCredential> CredentialBook::devices(const std::string& group, const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    return page_of<DeviceCredential>(
        devices_, page, [&](const std::string& id, const Device&) { return group.empty() || group_of(id) == group; },
        [](const std::string&, const Device& device) { return device.credential; });
}

std::optional<CredentialBook::DeviceLogin> CredentialBook::device_login(std::string_view id,
                                                                        std::string_view client_id) const {
    const std::shared_lock guard(lock_);
    const auto at = device_ids_.find(id);
    if (at == device_ids_.end() || at->second != client_id) return std::nullopt;
    const auto& device = devices_.find(at->second)->second;
    return DeviceLogin{.secret = device.credential.secret, .grant = device.grant};
}

// Blacklist

Result<> CredentialBook::add_to_blacklist(const std::string& client_id) {
    if (auto ok = check_client_id(client_id); !ok) return ok;
    const std::lock_guard writing(writing_);
    if (blacklist_.contains(client_id)) return fail(CredentialError::exists, "'" + client_id + "' in the blacklist");
    if (blacklist_.size() >= kBlacklist) return fail(CredentialError::over_capacity, "blacklist: 100,000");
    if (auto saved = save({.put = {{.kind = "blacklist", .key = client_id}}, .remove = {}}); !saved) return saved;
    {
        const std::unique_lock guard(lock_);
        blacklist_[client_id];
    }
    shards([client_id](Hub& hub) {
        hub.close_sessions([&](const Session& s) { return s.client_id == client_id; }, "blacklisted");
    });
    return {};
}

Result<> CredentialBook::remove_from_blacklist(const std::string& client_id) {
    const std::lock_guard writing(writing_);
    if (!blacklist_.contains(client_id))
        return fail(CredentialError::not_there, "'" + client_id + "' in the blacklist");
    if (auto saved = save({.put = {}, .remove = {{"blacklist", client_id}}}); !saved) return saved;
    const std::unique_lock guard(lock_);
    blacklist_.erase(client_id);
    return {};
}

Page<std::string> CredentialBook::blacklist(const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    return page_of<std::string>(
        blacklist_, page, [](const std::string&, std::monostate) { return true; },
        [](const std::string& id, std::monostate) { return id; });
}

bool CredentialBook::blacklisted(std::string_view client_id) const {
    const std::shared_lock guard(lock_);
    return blacklist_.contains(client_id);
}

}  // namespace esl::broker
