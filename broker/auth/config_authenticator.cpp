#include "broker/auth/config_authenticator.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

namespace esl::broker {
namespace {

using Digest = std::array<std::uint8_t, crypto_generichash_BYTES>;
constexpr std::string_view kSignature = "Signature|";

// Of this process: makes digests that are of no use elsewhere.
struct DigestKey {
    DigestKey() { randombytes_buf(bytes.data(), bytes.size()); }
    std::array<std::uint8_t, crypto_generichash_KEYBYTES> bytes{};
};

struct User {
    std::string hash;  // empty: `digest` of a plain password counts
    Digest digest{};
    GrantPtr grant;

    [[nodiscard]] bool same(const User& other) const { return hash == other.hash && digest == other.digest; }
};

struct AccessKey {
    AccessKeyConfig config;
    GrantPtr grant;
};

// Immutable once in force.
struct Known {
    std::unordered_map<std::string, User> users;
    std::vector<AccessKey> keys;
    bool anonymous = false;
    const DigestKey& key;

    Known(const std::vector<UserConfig>& configured, std::vector<AccessKeyConfig> access_keys, bool allow_anonymous,
          const DigestKey& digest_key)
        : anonymous(allow_anonymous), key(digest_key) {
        for (auto& access : access_keys) {
            GrantPtr grant = new Grant(Grant::Kind::access_key, access.id);
            keys.push_back({.config = std::move(access), .grant = std::move(grant)});
        }
        for (const auto& user : configured) {
            User known{.hash = user.password_hash, .grant = new Grant(Grant::Kind::user, user.name)};
            if (known.hash.empty()) {
                known.digest = digest(as_bytes(user.password));  // the plain text is not kept
            } else if (!known.hash.starts_with("$argon2id$")) {
                throw std::runtime_error("user '" + user.name + "': password_hash is not an argon2id hash");
            }
            users.emplace(user.name, std::move(known));
        }
    }

    [[nodiscard]] Digest digest(BytesView password) const {
        Digest out{};
        crypto_generichash(out.data(), out.size(), password.data(), password.size(), key.bytes.data(),
                           key.bytes.size());
        return out;
    }

    [[nodiscard]] bool knows_key(std::string_view id) const {
        return std::ranges::any_of(keys, [&](const AccessKey& access) { return access.config.id == id; });
    }

    // What is as it was goes on under the grant it had; gives the others' grants.
    std::vector<GrantPtr> follow(const Known& before) {
        std::vector<GrantPtr> gone;
        for (const auto& [name, old] : before.users) {
            const auto at = users.find(name);
            const bool same = at != users.end() && at->second.same(old);
            (same ? at->second.grant : gone.emplace_back()) = old.grant;
        }
        for (const auto& old : before.keys) {
            const auto at = std::ranges::find(keys, old.config, &AccessKey::config);
            (at != keys.end() ? at->grant : gone.emplace_back()) = old.grant;
        }
        return gone;
    }

    [[nodiscard]] Login check_signature(const Credentials& c) const {
        const auto rest = c.user_name->substr(kSignature.size());
        const auto bar = rest.find('|');
        const auto id = rest.substr(0, bar);
        const auto instance = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
        for (const auto& [access, grant] : keys) {
            if (access.id != id || (!access.instance.empty() && access.instance != instance)) continue;
            if (!c.password || !same_secret(as_text(*c.password), signature_password(access.secret, c.client_id)))
                break;
            return {.good = true, .grant = grant};
        }
        return {};
    }
};

}  // namespace

struct ConfigAuthenticator::Impl {
    const DigestKey digest_key;
    mutable std::mutex lock;  // of what is known
    std::shared_ptr<const Known> known;
    PasswordChecker passwords;

    [[nodiscard]] std::shared_ptr<const Known> now() const {
        const std::lock_guard guard(lock);
        return known;
    }

    [[nodiscard]] static Login answer(bool good, const GrantPtr& grant) {
        return good ? Login{.good = true, .grant = grant} : Login{};
    }

    [[nodiscard]] std::optional<Login> check_user(const Known& all, const Credentials& c, Later later) {
        const auto at = all.users.find(std::string(*c.user_name));
        if (at == all.users.end() || !c.password) return Login{};
        const auto& user = at->second;
        if (user.hash.empty()) {
            const auto given = all.digest(*c.password);
            return answer(sodium_memcmp(given.data(), user.digest.data(), given.size()) == 0, user.grant);
        }
        const auto good = passwords.check(
            at->first, user.hash, *c.password,
            [later = std::move(later), grant = user.grant](bool right) { later(answer(right, grant)); });
        if (!good) return std::nullopt;
        return answer(*good, user.grant);
    }
};

ConfigAuthenticator::ConfigAuthenticator(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys,
                                         bool allow_anonymous)
    : impl_(std::make_unique<Impl>()) {
    impl_->known = std::make_shared<const Known>(users, std::move(keys), allow_anonymous, impl_->digest_key);
}

ConfigAuthenticator::~ConfigAuthenticator() = default;

// A login that is under way by what was known finds its grant ended.
ConfigAuthenticator::Gone ConfigAuthenticator::replace(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys,
                                                       bool allow_anonymous) {
    auto next = std::make_shared<Known>(users, std::move(keys), allow_anonymous, impl_->digest_key);
    const auto before = impl_->now();
    const auto ended = next->follow(*before);
    Gone gone{.logins = ended.size(), .access_keys = {}};
    for (const auto& old : before->keys) {
        if (!next->knows_key(old.config.id)) gone.access_keys.push_back(old.config.id);
    }
    {
        const std::lock_guard guard(impl_->lock);
        impl_->known = std::move(next);
    }
    for (const auto& grant : ended) grant->end();
    return gone;
}

bool ConfigAuthenticator::allows_anonymous() const {
    return impl_->now()->anonymous;
}

std::optional<AccessKeyConfig> ConfigAuthenticator::access_key(std::string_view id) const {
    const auto known = impl_->now();
    const auto at = std::ranges::find_if(known->keys, [&](const AccessKey& access) { return access.config.id == id; });
    return at == known->keys.end() ? std::nullopt : std::optional(at->config);
}

PasswordChecker& ConfigAuthenticator::passwords() {
    return impl_->passwords;
}

std::optional<Login> ConfigAuthenticator::check(const Credentials& credentials, Later later) {
    const auto known = impl_->now();
    if (credentials.user_name && !(known->users.empty() && known->keys.empty())) {  // whoever says a name is held to it
        if (credentials.user_name->starts_with(kSignature)) return known->check_signature(credentials);
        return impl_->check_user(*known, credentials, std::move(later));
    }
    const auto* listener = credentials.listener;
    return Login{.good = listener != nullptr ? listener->allow_anonymous.value_or(known->anonymous) : known->anonymous};
}

}  // namespace esl::broker
