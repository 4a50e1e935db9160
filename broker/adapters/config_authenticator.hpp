// Users and access keys from the configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/app/config.hpp"
#include "broker/auth/password_checker.hpp"
#include "broker/auth/secrets.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

// Modes by the user name: `Signature|AK|instance` is an access key, a name without bars a user, no name anonymous.
// Thread-safe.
class ConfigAuthenticator final : public Authenticator {
public:
    // Throws std::runtime_error for a password_hash that is not one.
    ConfigAuthenticator(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys, bool allow_anonymous);
    ~ConfigAuthenticator() override;
    [[nodiscard]] std::optional<Login> check(const Credentials& credentials, Later later) override;

    // Null when there is none of that id. Immutable.
    [[nodiscard]] const AccessKeyConfig* access_key(std::string_view id) const;
    [[nodiscard]] PasswordChecker& passwords();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
