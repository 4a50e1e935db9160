// An HTTPS server for tests: OpenSSL over a blocking socket, one connection after the other.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/tests/test_certificates.hpp"

namespace esl::broker::testing {

class HttpsServer {
public:
    // Answers every request with 204 and keeps the connection.
    explicit HttpsServer(const CertificateFiles& certificate);
    ~HttpsServer();
    HttpsServer(const HttpsServer&) = delete;
    HttpsServer& operator=(const HttpsServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    // Shown from the next handshake on.
    void show(const CertificateFiles& certificate);
    [[nodiscard]] std::vector<std::string> bodies() const;
    [[nodiscard]] std::vector<std::string> asked_names() const;   // of SNI, one a handshake that had it
    [[nodiscard]] int handshakes() const { return handshakes_; }  // that were good
    void drop_connection();                                       // without close_notify

private:
    using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
    void run();
    void serve(int fd);
    // False when the client has gone.
    bool take_request(SSL* ssl);

    mutable std::mutex lock_;
    Context context_{nullptr, SSL_CTX_free};
    std::vector<std::string> bodies_;
    std::vector<std::string> names_;
    int connection_ = -1;
    std::atomic<int> handshakes_{0};
    std::atomic<bool> stopping_{false};
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace esl::broker::testing
