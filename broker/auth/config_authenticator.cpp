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

struct User {
    std::string hash;  // empty: `digest` of a plain password counts
    Digest digest{};
};

// Immutable once made.
struct Known {
    std::unordered_map<std::string, User> users;
    std::vector<AccessKeyConfig> keys;
    bool anonymous = false;
    std::array<std::uint8_t, crypto_generichash_KEYBYTES> key{};

    Known(const std::vector<UserConfig>& configured, std::vector<AccessKeyConfig> access_keys, bool allow_anonymous)
        : keys(std::move(access_keys)), anonymous(allow_anonymous) {
        randombytes_buf(key.data(), key.size());
        for (const auto& user : configured) {
            User known{.hash = user.password_hash};
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
        crypto_generichash(out.data(), out.size(), password.data(), password.size(), key.data(), key.size());
        return out;
    }

    [[nodiscard]] Login check_signature(const Credentials& c) const {
        const auto rest = c.user_name->substr(kSignature.size());
        const auto bar = rest.find('|');
        const auto id = rest.substr(0, bar);
        const auto instance = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
        for (const auto& access : keys) {
            if (access.id != id || (!access.instance.empty() && access.instance != instance)) continue;
            return {.good = c.password &&
                            same_secret(as_text(*c.password), signature_password(access.secret, c.client_id))};
        }
        return {};
    }
};

}  // namespace

struct ConfigAuthenticator::Impl {
    mutable std::mutex lock;  // of what is known
    std::shared_ptr<const Known> known;
    PasswordChecker passwords;

    [[nodiscard]] std::shared_ptr<const Known> now() const {
        const std::lock_guard guard(lock);
        return known;
    }

    [[nodiscard]] std::optional<Login> check_user(const Known& all, const Credentials& c, Later later) {
        const auto at = all.users.find(std::string(*c.user_name));
        if (at == all.users.end() || !c.password) return Login{};
        const auto& user = at->second;
        if (user.hash.empty()) {
            const auto given = all.digest(*c.password);
            return Login{.good = sodium_memcmp(given.data(), user.digest.data(), given.size()) == 0};
        }
        const auto good = passwords.check(at->first, user.hash, *c.password,
                                          [later = std::move(later)](bool right) { later({.good = right}); });
        if (!good) return std::nullopt;
        return Login{.good = *good};
    }
};

ConfigAuthenticator::ConfigAuthenticator(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys,
                                         bool allow_anonymous)
    : impl_(std::make_unique<Impl>()) {
    replace(std::move(users), std::move(keys), allow_anonymous);
}

ConfigAuthenticator::~ConfigAuthenticator() = default;

void ConfigAuthenticator::replace(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys,
                                  bool allow_anonymous) {
    std::shared_ptr<const Known> next = std::make_shared<Known>(users, std::move(keys), allow_anonymous);
    const std::lock_guard guard(impl_->lock);
    impl_->known.swap(next);
}

bool ConfigAuthenticator::allows_anonymous() const {
    return impl_->now()->anonymous;
}

std::optional<AccessKeyConfig> ConfigAuthenticator::access_key(std::string_view id) const {
    const auto known = impl_->now();
    const auto at = std::ranges::find(known->keys, id, &AccessKeyConfig::id);
    return at == known->keys.end() ? std::nullopt : std::optional(*at);
}

PasswordChecker& ConfigAuthenticator::passwords() {
    return impl_->passwords;
}

std::optional<Login> ConfigAuthenticator::check(const Credentials& credentials, Later later) {
    const auto known = impl_->now();
    if (credentials.user_name) {
        if (credentials.user_name->starts_with(kSignature)) {
            if (!known->keys.empty()) return known->check_signature(credentials);
        } else if (known->users.contains(std::string(*credentials.user_name))) {
            return impl_->check_user(*known, credentials,
                                     std::move(later));  // a known name with a wrong password is not anonymous
        }
    }
    const auto* listener = credentials.listener;
    return Login{.good = listener != nullptr ? listener->allow_anonymous.value_or(known->anonymous) : known->anonymous};
}

}  // namespace esl::broker
