// All ways to log in: by the certificate, and by the form of the user name.
#pragma once

#include "broker/auth/config_authenticator.hpp"
#include "broker/auth/credential_book.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

// | user name | password | by |
// | `Token|AK|instance` | `R|token`, `W|token`, `RW|token`, pairs joined by `|` | the tokens |
// | `DeviceCredential|DC.…|instance` | base64(HMAC-SHA1(secret, client id)) | the device credential of this client id |
// | of an identity | ORIGIN: the secret; SIGNED: as above | the identity, (user name, client id) before user name alone
// | | none, with a certificate of a registered CA | | the certificate | | anything else | | the configuration:
// `Signature|AK|instance`, users, anonymous | A certificate of a registered CA must be good whatever the user name
// says; one of no registered CA counts for nothing. The blacklist stands before everything. Thread-safe.
class ModeAuthenticator final : public Authenticator {
public:
    // Both outlive it.
    ModeAuthenticator(CredentialBook& book, ConfigAuthenticator& configured) : book_(book), configured_(configured) {}

    [[nodiscard]] std::optional<Login> check(const Credentials& credentials, Later later) override;
    [[nodiscard]] bool shut_out(std::string_view client_id) override { return book_.blacklisted(client_id); }
    [[nodiscard]] TokenUpload upload_token(const Grant& current, std::string_view client_id,
                                           std::string_view body) override;

private:
    [[nodiscard]] Login check_tokens(const Credentials& c) const;
    [[nodiscard]] Login check_device(const Credentials& c) const;
    [[nodiscard]] std::optional<Login> check_identity(const CredentialBook::IdentityLogin& identity,
                                                      const Credentials& c, Later later);
    [[nodiscard]] std::optional<Login> check_certificate(const Credentials& c, Later later, bool& decided);
    [[nodiscard]] std::optional<Login> check_name(const Credentials& c, Later later);
    [[nodiscard]] std::expected<HeldToken, TokenFault> hold(std::string_view type, std::string_view text,
                                                            std::string_view account) const;

    CredentialBook& book_;
    ConfigAuthenticator& configured_;
};

}  // namespace esl::broker
