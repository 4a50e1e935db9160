// Users and access keys from the configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/app/config.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

// Modes by the user name: `Signature|AK|instance` is an access key, a name without bars a user, no name anonymous.
// argon2id takes tens of milliseconds by design, so a hash is computed on a thread of this object's own, and a password
// that was right is remembered as a keyed BLAKE2b under a key that never leaves this process: reconnects cost a
// microsecond (docs/decisions/0021-passwords.md). Thread-safe.
class ConfigAuthenticator final : public Authenticator {
public:
    // Throws std::runtime_error for a password_hash that is not one.
    ConfigAuthenticator(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys, bool allow_anonymous);
    ~ConfigAuthenticator() override;
    [[nodiscard]] std::optional<Login> check(const Credentials& credentials, Later later) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// base64(HMAC-SHA1(secret, client id)): the password of signature mode.
[[nodiscard]] std::string signature_password(std::string_view secret, std::string_view client_id);
// For password_hash.
[[nodiscard]] std::string hash_password(std::string_view password);

}  // namespace esl::broker
