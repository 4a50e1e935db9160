#include "broker/tests/test_certificates.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>

#include "common/tls/x509.hpp"

namespace esl::broker::testing {
namespace {

struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

void need(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("test certificates: ") + what);
}

File open(const std::filesystem::path& path) {
    File file(std::fopen(path.c_str(), "w"));
    need(file != nullptr, "cannot write");
    return file;
}

void extend(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    need(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
}

}  // namespace

TestCa::TestCa(const std::string& name) : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(nullptr, X509_free) {
    certificate_ = sign(key_.get(), name, std::chrono::hours(240), {});
    own_ = write(certificate_, key_.get(), "ca");
}

TestCa::Certificate TestCa::sign(EVP_PKEY* key, const std::string& common_name, std::chrono::hours valid,
                                 const std::string& names) {
    Certificate out(X509_new(), X509_free);
    X509_set_version(out.get(), X509_VERSION_3);
    BIGNUM* serial = BN_new();
    BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(out.get()));
    BN_free(serial);
    constexpr long kHour = 3600;
    const long end = static_cast<long>(valid.count()) * kHour;
    X509_gmtime_adj(X509_getm_notBefore(out.get()), end < 0 ? end - kHour : -kHour);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), end);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    const bool root = certificate_ == nullptr;
    X509* issuer = root ? out.get() : certificate_.get();
    X509_set_issuer_name(out.get(), X509_get_subject_name(issuer));
    X509_set_pubkey(out.get(), key);
    extend(out.get(), issuer, NID_basic_constraints, root ? "critical,CA:TRUE" : "CA:FALSE");
    extend(out.get(), issuer, NID_subject_key_identifier, "hash");
    if (!root) extend(out.get(), issuer, NID_subject_alt_name, names.c_str());
    need(X509_sign(out.get(), key_.get(), EVP_sha256()) > 0, "signing");
    return out;
}

CertificateFiles TestCa::write(const Certificate& certificate, EVP_PKEY* key, const std::string& file) const {
    CertificateFiles out{.certificate = folder_ / (file + ".pem"),
                         .key = folder_ / (file + ".key"),
                         .serial = tls::serial_number(*certificate)};
    need(PEM_write_X509(open(out.certificate).get(), certificate.get()) == 1, "certificate");
    need(PEM_write_PrivateKey(open(out.key).get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "key");
    return out;
}

CertificateFiles TestCa::issue(const std::string& common_name, std::chrono::hours valid, const std::string& names) {
    const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    need(key != nullptr, "key");
    return write(sign(key.get(), common_name, valid, names), key.get(), "issued-" + std::to_string(++issued_));
}

std::filesystem::path TestCa::revoke(const std::vector<CertificateFiles>& gone) {
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
    ASN1_TIME* now = X509_gmtime_adj(nullptr, -60);
    ASN1_TIME* next = X509_gmtime_adj(nullptr, 3600);
    X509_CRL_set1_lastUpdate(list.get(), now);
    X509_CRL_set1_nextUpdate(list.get(), next);
    for (const auto& files : gone) {
        BIGNUM* number = nullptr;
        BN_hex2bn(&number, files.serial.c_str());
        ASN1_INTEGER* serial = BN_to_ASN1_INTEGER(number, nullptr);
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, serial);
        X509_REVOKED_set_revocationDate(entry, now);
        X509_CRL_add0_revoked(list.get(), entry);
        ASN1_INTEGER_free(serial);
        BN_free(number);
    }
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    need(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0, "signing a CRL");
    const auto path = folder_ / "crl.pem";
    need(PEM_write_X509_CRL(open(path).get(), list.get()) == 1, "CRL");
    return path;
}

SharedCertificates& shared_certificates() {
    static SharedCertificates certificates;
    return certificates;
}

}  // namespace esl::broker::testing
