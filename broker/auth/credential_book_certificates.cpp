// CAs and device certificates.
#include <nlohmann/json.hpp>

#include "broker/auth/book_page.hpp"
#include "broker/auth/credential_book.hpp"
#include "common/core/ids.hpp"

namespace esl::broker {

using nlohmann::json;

namespace {

constexpr std::size_t kCas = 100;
constexpr std::size_t kDeviceCertificates = 1'000'000;
constexpr std::size_t kCaNameMost = 128;

std::string key_of(std::string_view ca_sn, std::string_view sn) {
    return std::string(ca_sn).append("|").append(sn);
}

json fields_of(const CaCertificate& c) {
    return {{"name", c.name},
            {"pem", c.pem},
            {"verification", c.verification_pem},
            {"registration_code", c.registration_code},
            {"active", c.active}};
}
json fields_of(const DeviceCertificate& c) {
    return {{"ca_sn", c.ca_sn},
            {"sn", c.sn},
            {"name", c.name},
            {"active", c.active},
            {"valid_from", to_millis(c.valid_from)},
            {"valid_to", to_millis(c.valid_to)}};
}
std::string dumped(const json& fields) {
    return fields.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

void CredentialBook::on_certificate(std::function<void(const DeviceCertificate&)> tell) {
    const std::lock_guard writing(writing_);
    on_certificate_ = std::move(tell);
}

void CredentialBook::take_certificate(const CredentialRecord& record) {
    const auto fields = json::parse(record.fields);
    if (record.kind == "registration_code") {
        registration_code_ = fields.at("code");
    } else if (record.kind == "ca") {
        CaCertificate c{.sn = record.key,
                        .name = fields.at("name"),
                        .pem = fields.at("pem"),
                        .verification_pem = fields.at("verification"),
                        .registration_code = fields.at("registration_code"),
                        .active = fields.at("active")};
        auto trusted = TrustedCa::read(c.pem);
        if (!trusted) throw std::runtime_error("credentials: CA " + record.key + ": " + trusted.error().message());
        c.valid_from = (*trusted)->valid_from();
        c.valid_to = (*trusted)->valid_to();
        cas_[record.key] = {.certificate = std::move(c), .trusted = *trusted};
    } else if (record.kind == "device_certificate") {
        device_certs_[record.key] = {.certificate = {.ca_sn = fields.at("ca_sn"),
                                                     .sn = fields.at("sn"),
                                                     .name = fields.at("name"),
                                                     .active = fields.at("active"),
                                                     .valid_from = from_millis(fields.at("valid_from")),
                                                     .valid_to = from_millis(fields.at("valid_to"))},
                                     .grant = new Grant(Grant::Kind::certificate, record.key)};
    } else {
        throw std::runtime_error("credentials: a record of unknown kind '" + record.kind + "'");
    }
}

Result<std::string> CredentialBook::registration_code() {
    const std::lock_guard writing(writing_);
    if (!registration_code_.empty()) return registration_code_;
    const auto code = to_lower_hex(random_bytes(16));
    const auto saved =
        save({.put = {{.kind = "registration_code", .key = "", .fields = json{{"code", code}}.dump()}}, .remove = {}});
    if (!saved) return fail(saved.error());
    const std::unique_lock guard(lock_);
    registration_code_ = code;
    return code;
}

Result<CaCertificate> CredentialBook::register_ca(const std::string& name, const std::string& certificate_pem,
                                                  const std::string& verification_pem) {
    if (name.empty() || name.size() > kCaNameMost) return fail(CredentialError::bad_value, "name: 1 to 128 characters");
    const auto trusted = TrustedCa::read(certificate_pem);
    if (!trusted) return fail(trusted.error());
    const std::lock_guard writing(writing_);
    if (registration_code_.empty()) return fail(CertificateError::wrong_code, "no registration code was asked for");
    if (auto ok = (*trusted)->verify_code(verification_pem, registration_code_); !ok) return fail(ok.error());
    const auto& sn = (*trusted)->sn();
    if (cas_.contains(sn)) return fail(CredentialError::exists, "CA " + sn);
    if (cas_.size() >= kCas) return fail(CredentialError::over_capacity, "CAs: 100");
    CaCertificate c{.sn = sn,
                    .name = name,
                    .pem = certificate_pem,
                    .verification_pem = verification_pem,
                    .registration_code = registration_code_,
                    .active = true,
                    .valid_from = (*trusted)->valid_from(),
                    .valid_to = (*trusted)->valid_to()};
    // The code has done its service: the next CA gets another.
    const auto saved = save(
        {.put = {{.kind = "ca", .key = sn, .fields = dumped(fields_of(c))}}, .remove = {{"registration_code", ""}}});
    if (!saved) return fail(saved.error());
    const std::unique_lock guard(lock_);
    registration_code_.clear();
    cas_[sn] = {.certificate = c, .trusted = *trusted};
    return c;
}

Result<> CredentialBook::set_ca_active(const std::string& sn, bool active) {
    const std::lock_guard writing(writing_);
    const auto at = cas_.find(sn);
    if (at == cas_.end()) return fail(CredentialError::not_there, "CA " + sn);
    auto c = at->second.certificate;
    c.active = active;
    if (auto saved = save({.put = {{.kind = "ca", .key = sn, .fields = dumped(fields_of(c))}}, .remove = {}}); !saved)
        return saved;
    std::vector<GrantPtr> ended;
    {
        const std::unique_lock guard(lock_);
        at->second.certificate = std::move(c);
        for (auto& [key, device] : device_certs_) {
            if (active || device.certificate.ca_sn != sn || !device.certificate.active) continue;
            ended.push_back(device.grant);
            device.grant = new Grant(Grant::Kind::certificate, key);
        }
    }
    for (const auto& grant : ended) close_grant(grant, "its CA was made inactive");
    return {};
}

Result<> CredentialBook::remove_ca(const std::string& sn) {
    const std::lock_guard writing(writing_);
    const auto at = cas_.find(sn);
    if (at == cas_.end()) return fail(CredentialError::not_there, "CA " + sn);
    CredentialChange change{.put = {}, .remove = {{"ca", sn}}};
    for (const auto& [key, device] : device_certs_) {
        if (device.certificate.ca_sn == sn) change.remove.push_back({"device_certificate", key});
    }
    if (auto saved = save(change); !saved) return saved;
    std::vector<GrantPtr> ended;
    {
        const std::unique_lock guard(lock_);
        cas_.erase(at);
        std::erase_if(device_certs_, [&](const auto& entry) {
            if (entry.second.certificate.ca_sn != sn) return false;
            ended.push_back(entry.second.grant);
            return true;
        });
    }
    for (const auto& grant : ended) close_grant(grant, "its CA was removed");
    return {};
}

Result<CaCertificate> CredentialBook::ca(const std::string& sn) const {
    const std::shared_lock guard(lock_);
    const auto at = cas_.find(sn);
    if (at == cas_.end()) return fail(CredentialError::not_there, "CA " + sn);
    return at->second.certificate;
}

Page<CaCertificate> CredentialBook::cas(const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    return page_of<CaCertificate>(
        cas_, page, [](const std::string&, const Ca&) { return true; },
        [](const std::string&, const Ca& ca) { return ca.certificate; });
}

Result<> CredentialBook::put_device_certificate(DeviceCertificate certificate) {
    const auto key = key_of(certificate.ca_sn, certificate.sn);
    auto fields = dumped(fields_of(certificate));
    if (auto saved =
            save({.put = {{.kind = "device_certificate", .key = key, .fields = std::move(fields)}}, .remove = {}});
        !saved) {
        return saved;
    }
    const std::unique_lock guard(lock_);
    auto& device = device_certs_[key];
    device.certificate = std::move(certificate);
    if (!device.grant) device.grant = new Grant(Grant::Kind::certificate, key);
    return {};
}

Result<> CredentialBook::set_device_certificate_active(const std::string& ca_sn, const std::string& sn, bool active) {
    const std::lock_guard writing(writing_);
    const auto key = key_of(ca_sn, sn);
    const auto at = device_certs_.find(key);
    if (at == device_certs_.end())
        return fail(CredentialError::not_there, "device certificate " + sn + " of CA " + ca_sn);
    auto certificate = at->second.certificate;
    certificate.active = active;
    if (auto saved = put_device_certificate(std::move(certificate)); !saved || active) return saved;
    GrantPtr ended = new Grant(Grant::Kind::certificate, key);
    {
        const std::unique_lock guard(lock_);
        ended.swap(at->second.grant);
    }
    close_grant(ended, "its certificate was made inactive");
    return {};
}

Result<> CredentialBook::remove_device_certificate(const std::string& ca_sn, const std::string& sn) {
    const std::lock_guard writing(writing_);
    const auto key = key_of(ca_sn, sn);
    const auto at = device_certs_.find(key);
    if (at == device_certs_.end())
        return fail(CredentialError::not_there, "device certificate " + sn + " of CA " + ca_sn);
    if (auto saved = save({.put = {}, .remove = {{"device_certificate", key}}}); !saved) return saved;
    const auto grant = at->second.grant;
    {
        const std::unique_lock guard(lock_);
        device_certs_.erase(at);
    }
    close_grant(grant, "its certificate was removed");
    return {};
}

Result<DeviceCertificate> CredentialBook::device_certificate(const std::string& ca_sn, const std::string& sn) const {
    const std::shared_lock guard(lock_);
    const auto at = device_certs_.find(key_of(ca_sn, sn));
    if (at == device_certs_.end())
        return fail(CredentialError::not_there, "device certificate " + sn + " of CA " + ca_sn);
    return at->second.certificate;
}

Page<DeviceCertificate> CredentialBook::device_certificates(const std::string& ca_sn, const PageQuery& page) const {
    const std::shared_lock guard(lock_);
    return page_of<DeviceCertificate>(
        device_certs_, page,
        [&](const std::string&, const DeviceCert& c) { return ca_sn.empty() || c.certificate.ca_sn == ca_sn; },
        [](const std::string&, const DeviceCert& c) { return c.certificate; });
}

CredentialBook::CertificateLogin CredentialBook::certificate_login(BytesView der) const {
    using What = CertificateLogin::What;
    const std::shared_lock guard(lock_);
    if (cas_.empty()) return {};
    const auto issuer = issuer_of(der);
    bool named = false;
    for (const auto& [sn, ca] : cas_) {
        if (ca.trusted->subject() != issuer) continue;
        named = true;
        const auto certificate = ca.trusted->check(der, clock_.wall());
        if (!certificate) continue;
        if (!ca.certificate.active) return {.what = What::refused, .grant = {}};
        const auto at = device_certs_.find(key_of(sn, certificate->sn));
        if (at == device_certs_.end()) return {.what = What::new_here, .grant = {}};
        if (!at->second.certificate.active) return {.what = What::refused, .grant = {}};
        return {.what = What::good, .grant = at->second.grant};
    }
    return {.what = named ? What::refused : What::stranger, .grant = {}};
}

CredentialBook::CertificateLogin CredentialBook::register_certificate(BytesView der) {
    using What = CertificateLogin::What;
    const std::lock_guard writing(writing_);
    auto login = certificate_login(der);
    if (login.what != What::new_here) return login;
    if (device_certs_.size() >= kDeviceCertificates) return {.what = What::refused, .grant = {}};
    const auto issuer = issuer_of(der);
    for (const auto& [sn, ca] : cas_) {
        if (ca.trusted->subject() != issuer) continue;
        const auto certificate = ca.trusted->check(der, clock_.wall());
        if (!certificate) continue;
        if (!put_device_certificate(*certificate)) return {.what = What::refused, .grant = {}};
        if (on_certificate_) on_certificate_(*certificate);
        return {.what = What::good, .grant = device_certs_.find(key_of(sn, certificate->sn))->second.grant};
    }
    return {.what = What::refused, .grant = {}};
}

}  // namespace esl::broker
