// X.509 certificates as the broker needs them: CAs that were registered with proof of their key, and the devices' own.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

enum class CertificateError { not_a_certificate, not_a_ca, wrong_issuer, wrong_code, out_of_time, weak };

constexpr std::string_view describe(CertificateError e) {
    switch (e) {
        case CertificateError::not_a_certificate:
            return "not a certificate";
        case CertificateError::not_a_ca:
            return "not the certificate of a CA";
        case CertificateError::wrong_issuer:
            return "not signed by the CA's key";
        case CertificateError::wrong_code:
            return "the common name is not the registration code";
        case CertificateError::out_of_time:
            return "not valid now";
        case CertificateError::weak:
            return "key is neither RSA of 2048 bits or more nor elliptic curve";
    }
    return "certificate error";
}

// Serial numbers are upper-case hex without leading zeros, as `openssl x509 -serial` prints them; 128 characters at
// most.
struct CaCertificate {
    std::string sn;
    std::string name;
    std::string pem;
    std::string verification_pem;
    std::string registration_code;
    bool active = true;
    UnixMillis valid_from{};
    UnixMillis valid_to{};
};

struct DeviceCertificate {
    std::string ca_sn;
    std::string sn;
    std::string name;  // common name of its subject
    bool active = true;
    UnixMillis valid_from{};
    UnixMillis valid_to{};
};

// A CA to check devices' certificates against. Immutable; thread-safe.
class TrustedCa {
public:
    // Reads PEM. CertificateError, with what is wrong.
    [[nodiscard]] static Result<std::shared_ptr<const TrustedCa>> read(std::string_view pem);
    TrustedCa() = default;
    virtual ~TrustedCa() = default;
    TrustedCa(const TrustedCa&) = delete;
    TrustedCa& operator=(const TrustedCa&) = delete;

    [[nodiscard]] virtual const std::string& sn() const = 0;
    [[nodiscard]] virtual UnixMillis valid_from() const = 0;
    [[nodiscard]] virtual UnixMillis valid_to() const = 0;
    // Whether `pem` was signed by this CA's key and has `code` as its common name.
    [[nodiscard]] virtual Result<> verify_code(std::string_view pem, std::string_view code) const = 0;
    // The DER of its subject's name: what a certificate that it signed has as issuer_of().
    [[nodiscard]] virtual const std::string& subject() const = 0;
    // A device's certificate: signed by this CA's key, for client use if it says for what, valid at `now`.
    [[nodiscard]] virtual Result<DeviceCertificate> check(BytesView der, UnixMillis now) const = 0;
};

// The DER of the name of the certificate's issuer; empty when `der` is no certificate. Says nothing of the signature.
[[nodiscard]] std::string issuer_of(BytesView der);

}  // namespace esl::broker
