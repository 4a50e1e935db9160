// TLS 1.2 and 1.3 by OpenSSL, without sockets: OpenSSL reads from the bytes just received and writes to the
// connection's output, so that records leave at the end of the turn like everything else
// (docs/decisions/0100-tls-without-sockets.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "broker/net/layer.hpp"
#include "common/core/clock.hpp"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace esl::broker {

enum class ClientCertificates : std::uint8_t { none, optional, required };
constexpr std::string_view describe(ClientCertificates asked) {
    switch (asked) {
        case ClientCertificates::none:
            return "none";
        case ClientCertificates::optional:
            return "optional";
        case ClientCertificates::required:
            return "required";
    }
    return "client certificates";
}

struct TlsSettings {
    std::filesystem::path certificate;  // PEM: the server's own first, then what leads to its CA
    std::filesystem::path key;          // PEM, without a passphrase
    // PEM, who may sign clients' certificates. Empty while certificates are asked for: any chain gets through the
    // handshake, unverified, and the authenticator decides.
    std::filesystem::path client_ca{};
    std::filesystem::path client_crl{};  // PEM, revoked ones; empty: none
    ClientCertificates client_certificates = ClientCertificates::none;
    bool only_tls13 = false;
    std::string ciphers{};  // of TLS 1.2, as `openssl ciphers` takes it; empty: OpenSSL's default

    bool operator==(const TlsSettings&) const = default;
};

// Of a listener, to whoever connects.
struct ShownCertificate {
    std::string subject;  // as RFC 2253 writes it
    UnixMillis not_after{};
    ClientCertificates asked = ClientCertificates::none;  // of clients
};

// What all connections of a listener share. Thread-safe.
class TlsContext {
public:
    // Reads the files. Throws std::runtime_error "key 'certificate': /x.pem: No such file or directory".
    explicit TlsContext(TlsSettings settings);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    // For connections to come: settings and files of another, which was made for this and is of no use afterwards.
    void take(TlsContext& fresh);
    [[nodiscard]] std::unique_ptr<Layer> open() const;
    // What is in force.
    [[nodiscard]] ShownCertificate shown() const;

private:
    [[nodiscard]] std::shared_ptr<SSL_CTX> load(ShownCertificate& shown) const;

    mutable std::mutex lock_;  // of all
    TlsSettings settings_;
    std::shared_ptr<SSL_CTX> context_;
    ShownCertificate shown_;
};

// What a chain says of its holder. `ssl` has finished its handshake; nothing when the client has shown no certificate.
[[nodiscard]] std::unique_ptr<PeerCertificate> peer_certificate_of(const SSL* ssl, bool verified);

}  // namespace esl::broker
