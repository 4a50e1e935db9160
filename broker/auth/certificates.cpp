#include "broker/auth/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "common/tls/x509.hpp"

namespace esl::broker {
namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using X509Ptr = std::unique_ptr<X509, Freed<&X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<&BIO_free_all>>;

constexpr std::size_t kPemMost = 64 * 1024;
constexpr std::size_t kSerialMost = 128;
constexpr int kRsaBits = 2'048;

X509Ptr read_pem(std::string_view pem) {
    if (pem.size() > kPemMost) return nullptr;
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    // An empty password: never ask the terminal for one.
    char none[] = "";
    return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, none));
}

X509Ptr read_der(BytesView der) {
    const unsigned char* at = der.data();
    return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

std::string serial_of(const X509& certificate) {
    const auto hex = tls::serial_number(certificate);
    const auto first = hex.find_first_not_of('0');
    return first == std::string::npos && !hex.empty() ? "0" : hex.substr(std::min(first, hex.size()));
}

std::string encoded(const X509_NAME* name) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_NAME(name, &der);
    if (size <= 0) return {};
    std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
}

bool strong(X509& certificate) {
    const EVP_PKEY* key = X509_get0_pubkey(&certificate);
    if (key == nullptr) return false;
    const int kind = EVP_PKEY_base_id(key);
    if (kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS) return EVP_PKEY_bits(key) >= kRsaBits;
    return kind == EVP_PKEY_EC || kind == EVP_PKEY_ED25519;
}

class OpenSslCa final : public TrustedCa {
public:
    explicit OpenSslCa(X509Ptr certificate)
        : certificate_(std::move(certificate)),
          sn_(serial_of(*certificate_)),
          subject_(encoded(X509_get_subject_name(certificate_.get()))),
          from_(tls::not_before(*certificate_)),
          to_(tls::not_after(*certificate_)) {}

    [[nodiscard]] const std::string& sn() const override { return sn_; }
    [[nodiscard]] const std::string& subject() const override { return subject_; }
    [[nodiscard]] UnixMillis valid_from() const override { return from_; }
    [[nodiscard]] UnixMillis valid_to() const override { return to_; }

    [[nodiscard]] Result<> verify_code(std::string_view pem, std::string_view code) const override {
        const auto certificate = read_pem(pem);
        if (!certificate) return fail(CertificateError::not_a_certificate, "verification certificate");
        if (!signed_by_us(*certificate)) return fail(CertificateError::wrong_issuer, "verification certificate");
        if (tls::common_name(*certificate) != code)
            return fail(CertificateError::wrong_code, "verification certificate");
        return {};
    }

    [[nodiscard]] Result<DeviceCertificate> check(BytesView der, UnixMillis now) const override {
        const auto certificate = read_der(der);
        if (!certificate) return fail(CertificateError::not_a_certificate);
        if (!signed_by_us(*certificate)) return fail(CertificateError::wrong_issuer);
        if (!strong(*certificate)) return fail(CertificateError::weak);
        if (X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0) != 1)
            return fail(CertificateError::not_a_certificate, "not for clients");
        DeviceCertificate out{.ca_sn = sn_,
                              .sn = serial_of(*certificate),
                              .name = tls::common_name(*certificate),
                              .active = true,
                              .valid_from = tls::not_before(*certificate),
                              .valid_to = tls::not_after(*certificate)};
        if (out.sn.size() > kSerialMost) return fail(CertificateError::not_a_certificate, "serial number too long");
        if (now < out.valid_from || now > out.valid_to || now < from_ || now > to_)
            return fail(CertificateError::out_of_time);
        return out;
    }

private:
    // X509_verify() takes what it does not change as mutable.
    [[nodiscard]] bool signed_by_us(X509& certificate) const {
        return X509_verify(&certificate, X509_get0_pubkey(certificate_.get())) == 1;
    }

    X509Ptr certificate_;
    std::string sn_;
    std::string subject_;
    UnixMillis from_;
    UnixMillis to_;
};

}  // namespace

Result<std::shared_ptr<const TrustedCa>> TrustedCa::read(std::string_view pem) {
    auto certificate = read_pem(pem);
    if (!certificate) return fail(CertificateError::not_a_certificate, "CA certificate");
    if (X509_check_ca(certificate.get()) != 1) return fail(CertificateError::not_a_ca);
    if (!strong(*certificate)) return fail(CertificateError::weak, "CA certificate");
    auto out = std::make_shared<const OpenSslCa>(std::move(certificate));
    if (out->sn().empty() || out->sn().size() > kSerialMost)
        return fail(CertificateError::not_a_certificate, "serial number of 1 to 128 characters");
    return out;
}

std::string issuer_of(BytesView der) {
    const auto certificate = read_der(der);
    return certificate ? encoded(X509_get_issuer_name(certificate.get())) : std::string{};
}

}  // namespace esl::broker
