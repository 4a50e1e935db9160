#include "common/tls/client.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <system_error>

namespace esl::tls {
namespace {

std::string reason_of(unsigned long code, const char* otherwise) {
    const char* text = ERR_reason_error_string(code);
    return text != nullptr ? text : otherwise;
}

bool is_ip(const std::string& host) {
    unsigned char bytes[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

void expect_host(SSL* ssl, const std::string& host) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
    // Names are those of the extension made for them (RFC 9525 section 2); the common name counts for nothing.
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool good = false;
    if (is_ip(host)) {
        good = X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;
    } else {
        good = X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size()) == 1 &&
               SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
    }
    if (!good) throw std::bad_alloc();
}

}  // namespace

ClientContext::ClientContext(const std::filesystem::path& ca_file)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX* context = context_.get();
    if (context == nullptr) throw std::bad_alloc();
    ERR_clear_error();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (ca_file.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) != 1) throw std::runtime_error("no trusted CAs on this system");
        return;
    }
    if (::access(ca_file.c_str(), R_OK) != 0)
        throw std::runtime_error(ca_file.string() + ": " + std::generic_category().message(errno));
    if (SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return;
    const auto code = ERR_peek_error();
    ERR_clear_error();
    throw std::runtime_error(ca_file.string() + ": no CA certificates in PEM: " + reason_of(code, "unreadable"));
}

// A BIO over the socket whose writes raise no SIGPIPE.
struct ClientStream::Socket {
    static int outcome(BIO* bio, ssize_t count, void (*again)(BIO*)) {
        BIO_clear_retry_flags(bio);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) again(bio);
        return static_cast<int>(count);
    }
    static int read(BIO* bio, char* to, int size) {
        const auto& stream = *static_cast<const ClientStream*>(BIO_get_data(bio));
        return outcome(bio, ::recv(stream.socket_, to, static_cast<std::size_t>(size), 0),
                       [](BIO* b) { BIO_set_retry_read(b); });
    }
    static int write(BIO* bio, const char* from, int size) {
        const auto& stream = *static_cast<const ClientStream*>(BIO_get_data(bio));
        return outcome(bio, ::send(stream.socket_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL),
                       [](BIO* b) { BIO_set_retry_write(b); });
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static const BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client socket");
            if (m == nullptr) throw std::bad_alloc();
            BIO_meth_set_read(m, &read);
            BIO_meth_set_write(m, &write);
            BIO_meth_set_ctrl(m, &control);
            return m;
        }();
        return made;
    }
};

ClientStream::ClientStream(const ClientContext& context, int socket, const std::string& host) : socket_(socket) {
    std::unique_ptr<SSL, decltype(&SSL_free)> made(SSL_new(context.get()), SSL_free);
    BIO* bio = made ? BIO_new(Socket::method()) : nullptr;
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(made.get(), bio, bio);
    SSL_set_connect_state(made.get());
    expect_host(made.get(), host);
    ssl_ = made.release();
}

ClientStream::~ClientStream() {
    SSL_free(ssl_);
}

Step ClientStream::step(int result) {
    const auto system = errno;
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_NONE:
            return Step::done;
        case SSL_ERROR_WANT_READ:
            return Step::wait_read;
        case SSL_ERROR_WANT_WRITE:
            return Step::wait_write;
        case SSL_ERROR_ZERO_RETURN:
            return Step::end;
        case SSL_ERROR_SYSCALL:
            why_ = system != 0 ? std::generic_category().message(system) : "the connection ends";
            return Step::broken;
        default:
            break;
    }
    const auto code = ERR_peek_error();
    why_ = reason_of(code, "the connection ends");
    // "certificate verify failed" alone says nothing.
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        why_ += std::string(": ") + X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
    ERR_clear_error();
    return Step::broken;
}

Step ClientStream::shake_hands() {
    ERR_clear_error();
    errno = 0;
    return step(SSL_do_handshake(ssl_));
}

Step ClientStream::read(char* to, std::size_t size, std::size_t& got) {
    ERR_clear_error();
    errno = 0;
    return step(SSL_read_ex(ssl_, to, size, &got));
}

Step ClientStream::write(std::string_view bytes, std::size_t& put) {
    ERR_clear_error();
    errno = 0;
    return step(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &put));
}

void ClientStream::finish() {
    if (!why_.empty() || SSL_is_init_finished(ssl_) != 1) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

}  // namespace esl::tls
