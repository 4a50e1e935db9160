#include "broker/auth/mode_authenticator.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace esl::broker {

using mqtt::ReasonCode;
using CertificateWhat = CredentialBook::CertificateLogin::What;

namespace {

constexpr std::string_view kToken = "Token|";
constexpr std::string_view kDevice = "DeviceCredential|";
constexpr std::string_view kSignature = "Signature|";

AuthMethod method_of(const Credentials& c) {
    if (!c.user_name) return AuthMethod::anonymous;
    if (c.user_name->starts_with(kToken)) return AuthMethod::token;
    if (c.user_name->starts_with(kDevice)) return AuthMethod::device;
    if (c.user_name->starts_with(kSignature)) return AuthMethod::signature;
    return AuthMethod::password;
}

bool allowed_here(const Credentials& c, AuthMethod method) {
    return c.listener == nullptr || c.listener->allows(method);
}

Login refused(ReasonCode reason = ReasonCode::bad_user_name_or_password) {
    return {.good = false, .grant = {}, .reason = reason};
}

}  // namespace

std::optional<Login> ModeAuthenticator::check(const Credentials& c, Later later) {
    if (book_.blacklisted(c.client_id)) return refused(ReasonCode::banned);
    if (c.certificate != nullptr && !c.certificate->der.empty()) {
        bool decided = false;
        auto login = check_certificate(c, later, decided);
        if (decided) return login;
    }
    return check_name(c, std::move(later));
}

// `decided` false: the certificate is no obstacle, and the user name says the rest.
std::optional<Login> ModeAuthenticator::check_certificate(const Credentials& c, Later later, bool& decided) {
    auto known = book_.certificate_login(c.certificate->der);
    if (known.what == CertificateWhat::stranger) return std::nullopt;
    decided = true;
    if (known.what == CertificateWhat::refused || !allowed_here(c, AuthMethod::certificate))
        return refused(ReasonCode::not_authorized);
    const bool alone = !c.user_name;
    if (known.what == CertificateWhat::good) {
        if (alone) return Login{.good = true, .grant = std::move(known.grant)};
        decided = false;
        return std::nullopt;
    }
    // To be written down first; the name is asked there too, since the views do not last.
    struct Kept {
        std::string client_id, user_name, address;
        std::optional<Bytes> password;
        PeerCertificate certificate;
        std::optional<ListenerAuth> listener;
        bool alone;
    };
    auto kept = std::make_shared<Kept>(Kept{.client_id = std::string(c.client_id),
                                            .user_name = std::string(c.user_name.value_or("")),
                                            .address = std::string(c.address),
                                            .password = {},
                                            .certificate = *c.certificate,
                                            .listener = {},
                                            .alone = alone});
    if (c.password) kept->password = Bytes(c.password->begin(), c.password->end());
    if (c.listener != nullptr) kept->listener = *c.listener;
    const bool waits = configured_.passwords().post([this, kept, later] {
        auto registered = book_.register_certificate(kept->certificate.der);
        if (registered.what != CertificateWhat::good) return later(refused(ReasonCode::not_authorized));
        if (kept->alone) return later({.good = true, .grant = std::move(registered.grant)});
        Credentials again{.client_id = kept->client_id, .user_name = kept->user_name};
        if (kept->password) again.password = BytesView(*kept->password);
        again.certificate = &kept->certificate;
        if (kept->listener) again.listener = &*kept->listener;
        again.address = kept->address;
        if (auto login = check_name(again, later)) later(std::move(*login));
    });
    if (!waits) return refused(ReasonCode::server_busy);
    return std::nullopt;
}

std::optional<Login> ModeAuthenticator::check_name(const Credentials& c, Later later) {
    const auto method = method_of(c);
    const bool anonymous_here =
        method == AuthMethod::anonymous && c.listener != nullptr && c.listener->allow_anonymous.value_or(false);
    if (!allowed_here(c, method) && !anonymous_here) return refused(ReasonCode::not_authorized);
    if (method == AuthMethod::token) return check_tokens(c);
    if (method == AuthMethod::device) return check_device(c);
    if (method == AuthMethod::password) {
        if (const auto identity = book_.identity_login(*c.user_name, c.client_id))
            return check_identity(*identity, c, std::move(later));
    }
    return configured_.check(c, std::move(later));
}

// `account`: "AK|instance".
std::expected<HeldToken, TokenFault> ModeAuthenticator::hold(std::string_view type, std::string_view text,
                                                             std::string_view account) const {
    const auto token = book_.check_token(text);
    if (!token) return std::unexpected(token.error());
    const auto bar = account.find('|');
    const auto access_key = account.substr(0, bar);
    const auto instance = bar == std::string_view::npos ? std::string_view{} : account.substr(bar + 1);
    if (!token->access_key.empty() && (token->access_key != access_key || !configured_.access_key(token->access_key))) {
        return std::unexpected(TokenFault::account_invalid);
    }
    if (!token->instance.empty() && token->instance != instance) return std::unexpected(TokenFault::account_invalid);
    const auto wanted = parse_token_access(type);
    if (!wanted || !includes(token->access, *wanted)) return std::unexpected(TokenFault::permission_mismatch);
    HeldToken out{.type = std::string(type),
                  .id = token->id,
                  .access_key = token->access_key,
                  .expires = token->expires,
                  .rules = {}};
    for (const auto& resource : token->resources) out.rules.push_back({.filter = resource, .access = *wanted});
    return out;
}

Login ModeAuthenticator::check_tokens(const Credentials& c) const {
    if (!c.password) return refused();
    const auto parts = parse_token_password(as_text(*c.password));
    if (!parts) return refused();
    const auto account = c.user_name->substr(kToken.size());
    std::vector<HeldToken> held;
    for (const auto& part : *parts) {
        auto token = hold(part.type, part.text, account);
        if (!token) {
            spdlog::debug("token of type {}: {}", part.type, describe(token.error()));
            return refused();
        }
        held.push_back(std::move(*token));
    }
    return {.good = true, .grant = new Grant(std::string(account), std::move(held))};
}

Login ModeAuthenticator::check_device(const Credentials& c) const {
    auto rest = c.user_name->substr(kDevice.size());
    const auto login = book_.device_login(rest.substr(0, rest.find('|')), c.client_id);
    if (!login || !c.password) return refused();
    if (!same_secret(as_text(*c.password), signature_password(login->secret, c.client_id))) return refused();
    return {.good = true, .grant = login->grant};
}

std::optional<Login> ModeAuthenticator::check_identity(const CredentialBook::IdentityLogin& identity,
                                                       const Credentials& c, Later later) {
    if (!c.password) return refused();
    if (identity.mode == SignMode::signed_) {
        if (!same_secret(as_text(*c.password), signature_password(identity.secret, c.client_id))) return refused();
        return Login{.good = true, .grant = identity.grant};
    }
    const auto good = configured_.passwords().check(identity.subject, identity.secret, *c.password,
                                                    [later = std::move(later), grant = identity.grant](bool right) {
                                                        later(right ? Login{.good = true, .grant = grant} : refused());
                                                    });
    if (!good) return std::nullopt;
    return *good ? Login{.good = true, .grant = identity.grant} : refused();
}

TokenUpload ModeAuthenticator::upload_token(const Grant& current, std::string_view, std::string_view body) {
    if (current.kind() != Grant::Kind::token) return {};
    const auto fields = nlohmann::json::parse(body, nullptr, false);
    const auto text_of = [&](const char* key) -> std::string {
        const auto at = fields.is_object() ? fields.find(key) : fields.end();
        return at != fields.end() && at->is_string() ? at->get<std::string>() : std::string{};
    };
    auto text = text_of("token");
    if (text.empty()) text = text_of("Token");
    const auto type = text_of("type");
    if (text.empty()) return {.grant = {}, .fault = TokenFault::forged, .type = type};
    if (type != "R" && type != "W" && type != "RW")
        return {.grant = {}, .fault = TokenFault::permission_mismatch, .type = {}};
    auto token = hold(type, text, current.subject());
    if (!token) return {.grant = {}, .fault = token.error(), .type = type};
    // One token of each type: the new one takes the place of its own.
    std::vector<HeldToken> held = current.tokens();
    std::erase_if(held, [&](const HeldToken& old) { return old.type == type; });
    held.push_back(std::move(*token));
    return {.grant = new Grant(current.subject(), std::move(held)), .fault = {}, .type = {}};
}

}  // namespace esl::broker
