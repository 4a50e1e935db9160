// What a certificate says, as text.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "common/core/clock.hpp"

namespace esl::tls {

// Of its subject, UTF-8; empty when it has none.
[[nodiscard]] std::string common_name(const X509& certificate);
// All of its subject as RFC 2253 writes it, UTF-8: "CN=localhost,O=Shop".
[[nodiscard]] std::string subject(const X509& certificate);
// Upper-case hex of whole bytes, as `openssl x509 -serial` prints it.
[[nodiscard]] std::string serial_number(const X509& certificate);
[[nodiscard]] UnixMillis not_before(const X509& certificate);
[[nodiscard]] UnixMillis not_after(const X509& certificate);

}  // namespace esl::tls
