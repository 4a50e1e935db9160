// Users and access keys from the configuration.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/auth/password_checker.hpp"
#include "broker/auth/secrets.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

struct UserConfig {
    std::string name;
    std::string password;       // plain, for development; or
    std::string password_hash;  // as `broker hash-password` prints it (libsodium's argon2id text form)
};

// `Signature|id|instance` with password base64(HMAC-SHA1(secret, client id)).
struct AccessKeyConfig {
    std::string id;
    std::string secret;
    std::string instance;  // empty: any

    bool operator==(const AccessKeyConfig&) const = default;
};

// Modes by the user name: `Signature|AK|instance` is an access key, any other name a user, no name anonymous. Without
// any user and key there is nothing to hold a name to, and it counts as none. All connections of a user or a key share
// one grant, which allows everything until it ends; anonymous ones have none.
// Thread-safe.
class ConfigAuthenticator final : public Authenticator {
public:
    // Throws std::runtime_error for a password_hash that is not one.
    ConfigAuthenticator(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys, bool allow_anonymous);
    ~ConfigAuthenticator() override;
    [[nodiscard]] std::optional<Login> check(const Credentials& credentials, Later later) override;

    // Where a listener says nothing else.
    [[nodiscard]] bool allows_anonymous() const;
    // What is not among the new: its connections are to be closed (Hub::logins_gone()).
    struct Gone {
        std::size_t logins = 0;                // users and access keys, changed ones included; their grants have ended
        std::vector<std::string> access_keys;  // ids that no key has any more
    };
    // These instead. A user or key that is the same keeps its grant. Throws as the constructor does, with nothing
    // changed. Calls of one thread at a time.
    [[nodiscard]] Gone replace(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys, bool allow_anonymous);
    [[nodiscard]] std::optional<AccessKeyConfig> access_key(std::string_view id) const;
    [[nodiscard]] PasswordChecker& passwords();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
