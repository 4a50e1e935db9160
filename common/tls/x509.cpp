#include "common/tls/x509.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>

#include <ctime>
#include <memory>

namespace esl::tls {
namespace {

UnixMillis time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return from_millis(static_cast<std::int64_t>(::timegm(&parts)) * 1'000);
}

}  // namespace

std::string common_name(const X509& certificate) {
    const X509_NAME* subject = X509_get_subject_name(&certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return {};
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return {};
    std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
    return out;
}

std::string subject(const X509& certificate) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    constexpr unsigned long kUtf8 = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
    if (!out || X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, kUtf8) < 0) return {};
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string{};
}

std::string serial_number(const X509& certificate) {
    BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr);
    char* text = number != nullptr ? BN_bn2hex(number) : nullptr;
    std::string out = text != nullptr ? text : "";
    OPENSSL_free(text);
    BN_free(number);
    return out;
}

UnixMillis not_before(const X509& certificate) {
    return time_of(X509_get0_notBefore(&certificate));
}

UnixMillis not_after(const X509& certificate) {
    return time_of(X509_get0_notAfter(&certificate));
}

}  // namespace esl::tls
