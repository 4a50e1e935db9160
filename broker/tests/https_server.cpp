#include "broker/tests/https_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace esl::broker::testing {

HttpsServer::HttpsServer(const CertificateFiles& certificate) {
    show(certificate);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 16) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error("https server: cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

HttpsServer::~HttpsServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    drop_connection();
    thread_.join();
    ::close(listener_);
}

void HttpsServer::show(const CertificateFiles& certificate) {
    Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context.get(), certificate.key.c_str(), SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error("https server: bad certificate");
    const std::lock_guard guard(lock_);
    context_ = std::move(context);
}

std::vector<std::string> HttpsServer::bodies() const {
    const std::lock_guard guard(lock_);
    return bodies_;
}

std::vector<std::string> HttpsServer::asked_names() const {
    const std::lock_guard guard(lock_);
    return names_;
}

void HttpsServer::drop_connection() {
    const std::lock_guard guard(lock_);
    if (connection_ >= 0) ::shutdown(connection_, SHUT_RDWR);
}

void HttpsServer::run() {
    // OpenSSL writes without MSG_NOSIGNAL; the signal would be this thread's.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (!stopping_) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        {
            const std::lock_guard guard(lock_);
            connection_ = stopping_ ? -1 : fd;
        }
        if (!stopping_) serve(fd);
        const std::lock_guard guard(lock_);
        connection_ = -1;
        ::close(fd);
    }
}

void HttpsServer::serve(int fd) {
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(nullptr, SSL_free);
    {
        const std::lock_guard guard(lock_);
        ssl.reset(SSL_new(context_.get()));
    }
    SSL_set_fd(ssl.get(), fd);
    const bool shaken = SSL_accept(ssl.get()) == 1;
    if (const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name); name != nullptr) {
        const std::lock_guard guard(lock_);
        names_.emplace_back(name);
    }
    if (!shaken) return;
    ++handshakes_;
    while (!stopping_ && take_request(ssl.get())) {
    }
}

bool HttpsServer::take_request(SSL* ssl) {
    constexpr std::string_view kLength = "Content-Length: ";
    std::string text;
    std::size_t head = std::string::npos;
    std::size_t length = 0;
    while (head == std::string::npos || text.size() < head + 4 + length) {
        char piece[4'096];
        const int got = SSL_read(ssl, piece, sizeof piece);
        if (got <= 0) return false;
        text.append(piece, static_cast<std::size_t>(got));
        head = text.find("\r\n\r\n");
        if (const auto at = text.find(kLength); head != std::string::npos && at < head)
            length = std::stoul(text.substr(at + kLength.size()));
    }
    constexpr std::string_view kAnswer = "HTTP/1.1 204 No Content\r\n\r\n";
    {
        const std::lock_guard guard(lock_);
        bodies_.push_back(text.substr(head + 4));
    }
    return SSL_write(ssl, kAnswer.data(), static_cast<int>(kAnswer.size())) > 0;
}

}  // namespace esl::broker::testing
