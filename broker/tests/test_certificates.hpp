// Certificates made for a test: a CA, and what it signs, as PEM files in a folder.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/testing.hpp"

namespace esl::broker::testing {

struct CertificateFiles {
    std::filesystem::path certificate;
    std::filesystem::path key;
    std::string serial;  // upper-case hex
};

// EC keys (P-256). Throws std::runtime_error when OpenSSL or the disk fails.
class TestCa {
public:
    explicit TestCa(const std::string& name);

    // `names` as OpenSSL writes them. `valid` from an hour before now; negative: expired by then.
    CertificateFiles issue(const std::string& common_name, std::chrono::hours valid = std::chrono::hours(240),
                           const std::string& names = "DNS:localhost,IP:127.0.0.1");
    [[nodiscard]] const std::filesystem::path& certificate() const { return own_.certificate; }
    [[nodiscard]] const std::string& serial() const { return own_.serial; }
    // Writes a list of these to a file and gives its path.
    std::filesystem::path revoke(const std::vector<CertificateFiles>& gone);

private:
    using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
    using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

    Certificate sign(EVP_PKEY* key, const std::string& common_name, std::chrono::hours valid, const std::string& names);
    CertificateFiles write(const Certificate& certificate, EVP_PKEY* key, const std::string& file) const;

    esl::testing::TempDir folder_;
    Key key_;
    Certificate certificate_;
    CertificateFiles own_;
    int issued_ = 0;
};

// One CA and server certificate for the process: what test_config() and TestClient use with TLS.
struct SharedCertificates {
    TestCa ca{"Test CA"};
    CertificateFiles server = ca.issue("localhost");
};
[[nodiscard]] SharedCertificates& shared_certificates();

}  // namespace esl::broker::testing
