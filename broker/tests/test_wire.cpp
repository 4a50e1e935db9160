#include "broker/tests/test_wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "broker/tests/test_certificates.hpp"

namespace esl::broker::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};

void wait_for(int fd, short events, Wire::Deadline until) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd watched{.fd = fd, .events = events, .revents = 0};
    if (left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) == 0)
        throw std::runtime_error("the broker says nothing in time");
}

class TcpWire : public Wire {
public:
    explicit TcpWire(std::uint16_t port, const char* host = "127.0.0.1")
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;  // an acknowledgement and the ping behind it are two small writes
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        if (::inet_pton(AF_INET, host, &address.sin_addr) != 1) throw std::runtime_error("not an IPv4 address");
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
        ::close(fd_);
        throw std::runtime_error("cannot connect to the broker");
    }
    ~TcpWire() override { ::close(fd_); }
    TcpWire(const TcpWire&) = delete;
    TcpWire& operator=(const TcpWire&) = delete;

    void send(BytesView bytes) override {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno == EPIPE || errno == ECONNRESET) return;
                throw std::runtime_error("send fails");
            }
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
    }
    std::optional<Bytes> receive(Deadline until) override {
        wait_for(fd_, POLLIN, until);
        std::array<std::uint8_t, 16'384> buffer{};
        const auto got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (got <= 0) return std::nullopt;
        return Bytes(buffer.begin(), buffer.begin() + got);
    }

protected:
    int fd_;
};

std::string openssl_says() {
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
    ERR_clear_error();
    return text.data();
}

class TlsWire final : public TcpWire {
public:
    TlsWire(std::uint16_t port, const TlsClientOptions& options)
        : TcpWire(port),
          options_(options),
          context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
          ssl_(nullptr, SSL_free) {
        if (options.highest_version != 0) SSL_CTX_set_max_proto_version(context_.get(), options.highest_version);
        if (!options.ca.empty()) {
            SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
            check(SSL_CTX_load_verify_file(context_.get(), options.ca.c_str()), "CA file");
        }
        if (!options.certificate.empty()) {
            check(SSL_CTX_use_certificate_chain_file(context_.get(), options.certificate.c_str()), "certificate");
            check(SSL_CTX_use_PrivateKey_file(context_.get(), options.key.c_str(), SSL_FILETYPE_PEM), "key");
        }
        ssl_.reset(SSL_new(context_.get()));
        SSL_set1_host(ssl_.get(), "localhost");
        SSL_set_fd(ssl_.get(), fd_);
        take_session();
        const timeval patience{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        check(SSL_connect(ssl_.get()), "handshake");
    }
    ~TlsWire() override { keep_session(); }

    void send(BytesView bytes) override {
        ERR_clear_error();
        if (bytes.empty() || SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0) return;
        ERR_clear_error();  // receive() shows it
    }
    std::optional<Bytes> receive(Deadline until) override {
        ERR_clear_error();
        for (;;) {
            if (SSL_pending(ssl_.get()) == 0) wait_for(fd_, POLLIN, until);
            std::array<std::uint8_t, 16'384> buffer{};
            const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
            if (got > 0) return Bytes(buffer.begin(), buffer.begin() + got);
            if (SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ) continue;
            ERR_clear_error();
            return std::nullopt;
        }
    }

private:
    static void check(int result, const char* what) {
        if (result != 1) throw std::runtime_error(std::string("TLS: ") + what + ": " + openssl_says());
    }
    void take_session() {
        std::FILE* file = options_.session.empty() ? nullptr : std::fopen(options_.session.c_str(), "r");
        if (file == nullptr) return;
        SSL_SESSION* session = PEM_read_SSL_SESSION(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        SSL_set_session(ssl_.get(), session);
        SSL_SESSION_free(session);
    }
    void keep_session() {
        std::FILE* file = options_.session.empty() ? nullptr : std::fopen(options_.session.c_str(), "w");
        if (file == nullptr) return;
        PEM_write_SSL_SESSION(file, SSL_get_session(ssl_.get()));
        std::fclose(file);
        SSL_shutdown(ssl_.get());  // a session that ends without it is not resumed
    }

    TlsClientOptions options_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

class WebSocketWire final : public Wire {
public:
    WebSocketWire(std::unique_ptr<Wire> under, const WebSocketClientOptions& options)
        : under_(std::move(under)), options_(options) {
        std::string request =
            "GET " + options.path +
            " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
        if (!options.protocol.empty()) request += "Sec-WebSocket-Protocol: " + options.protocol + "\r\n";
        request += options.more + "\r\n";
        under_->send(as_bytes(request));
        std::string answer;
        while (!answer.ends_with("\r\n\r\n") && answer.find("\r\n\r\n") == std::string::npos) {
            const auto got = under_->receive(std::chrono::steady_clock::now() + kPatience);
            if (!got) throw std::runtime_error("WebSocket: closed after: " + answer);
            answer.append(as_text(*got));
        }
        if (!answer.starts_with("HTTP/1.1 101 ")) throw std::runtime_error("WebSocket: " + answer);
        if (answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") == std::string::npos)
            throw std::runtime_error("WebSocket: wrong accept: " + answer);
    }

    void send(BytesView bytes) override {
        Bytes out;
        const auto most = options_.frame_most == 0 ? bytes.size() : options_.frame_most;
        while (!bytes.empty()) {
            const auto here = std::min(most, bytes.size());
            std::uint8_t first = 0x82;  // FIN, binary
            if (options_.in_one_message) first = std::exchange(begun_, true) ? 0x00 : 0x02;
            write_masked_frame(first, bytes.first(here), mask_ += 0x9E3779B9U, out);
            bytes = bytes.subspan(here);
        }
        under_->send(out);
    }
    std::optional<Bytes> receive(Deadline until) override {
        for (;;) {
            Bytes data;
            take_frames(data);
            if (!data.empty()) return data;
            if (closed_) return std::nullopt;
            const auto got = under_->receive(until);
            if (!got) return std::nullopt;
            in_.insert(in_.end(), got->begin(), got->end());
        }
    }

private:
    // Whole frames off the front of in_, up to a close frame.
    void take_frames(Bytes& data) {
        while (in_.size() >= 2 && !closed_) {
            ByteReader reader(in_);
            const auto first = reader.u8();
            const auto length = reader.u8();
            if ((length & 0x80) != 0) throw std::runtime_error("WebSocket: the broker masks");
            std::uint64_t size = length;
            if (length == 126) size = reader.u16be();
            if (length == 127) {
                size = reader.u32be();
                size = (size << 32) | reader.u32be();
            }
            const auto payload = reader.bytes(static_cast<std::size_t>(size));
            if (reader.failed()) return;
            closed_ = first == 0x88;
            if (first == 0x82) data.insert(data.end(), payload.begin(), payload.end());
            if (first != 0x82 && first != 0x88 && first != 0x8A)
                throw std::runtime_error("WebSocket: a strange frame of the broker's");
            in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(reader.position()));
        }
    }

    std::unique_ptr<Wire> under_;
    WebSocketClientOptions options_;
    Bytes in_;
    std::uint32_t mask_ = 1;
    bool begun_ = false;
    bool closed_ = false;
};

}  // namespace

void write_masked_frame(std::uint8_t first_byte, BytesView payload, std::uint32_t mask, Bytes& out) {
    ByteWriter writer(out);
    writer.u8(first_byte);
    if (payload.size() <= 125) {
        writer.u8(static_cast<std::uint8_t>(0x80 | payload.size()));
    } else if (payload.size() <= 0xFFFF) {
        writer.u8(0x80 | 126).u16be(static_cast<std::uint16_t>(payload.size()));
    } else {
        writer.u8(0x80 | 127).u32be(0).u32be(static_cast<std::uint32_t>(payload.size()));
    }
    writer.u32be(mask);
    for (std::size_t i = 0; i < payload.size(); ++i)
        writer.u8(payload[i] ^ static_cast<std::uint8_t>(mask >> (24 - 8 * (i & 3))));
}

std::unique_ptr<Wire> connect_tcp(std::uint16_t port) {
    return std::make_unique<TcpWire>(port);
}

std::unique_ptr<Wire> connect_tcp_to(const std::string& host, std::uint16_t port) {
    return std::make_unique<TcpWire>(port, host.c_str());
}

std::unique_ptr<Wire> connect_tls(std::uint16_t port, const TlsClientOptions& options) {
    return std::make_unique<TlsWire>(port, options);
}

std::unique_ptr<Wire> connect_websocket(std::unique_ptr<Wire> under, const WebSocketClientOptions& options) {
    return std::make_unique<WebSocketWire>(std::move(under), options);
}

std::unique_ptr<Wire> connect_by(ListenerKind kind, std::uint16_t port) {
    auto wire = has_tls(kind) ? connect_tls(port, {.ca = shared_certificates().ca.certificate()}) : connect_tcp(port);
    return has_websocket(kind) ? connect_websocket(std::move(wire), {}) : std::move(wire);
}

ListenerKind test_transport() {
    const char* said = std::getenv("SHELFWIRE_TEST_TRANSPORT");
    for (std::size_t i = 0; said != nullptr && i < kListenerKinds; ++i) {
        if (describe(static_cast<ListenerKind>(i)) == said) return static_cast<ListenerKind>(i);
    }
    return ListenerKind::tcp;
}

}  // namespace esl::broker::testing
