// The connection of a client: a socket, with TLS over it or without.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/core/result.hpp"
#include "common/tls/client.hpp"

namespace esl::tls {

enum class ConnectError { unreachable };
constexpr std::string_view describe(ConnectError e) {
    switch (e) {
        case ConnectError::unreachable:
            return "unreachable";
    }
    return "connect error";
}

// For one thread.
class ClientSocket {
public:
    // Waits until the socket is ready for these events of poll(2), or says why it gives up.
    using Wait = std::function<Result<>(int fd, short events)>;

    ClientSocket() = default;
    ~ClientSocket() { close(); }
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;

    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] int fd() const { return fd_; }
    // To the first address of the host that takes the connection, non-blocking and without Nagle's delay; a connection
    // that it had is closed. ConnectError::unreachable "shop.example:1883: Connection refused". Looking the name up
    // blocks.
    [[nodiscard]] Result<> connect(const std::string& host, std::uint16_t port, const Wait& wait);
    // From here on what is sent and received goes through TLS. ConnectError::unreachable "shop.example:443: TLS:
    // certificate verify failed: ...", or what `wait` says; then it is closed.
    [[nodiscard]] Result<> secure(const ClientContext& context, const std::string& host, const Wait& wait);
    void close();
    // As ClientStream's.
    [[nodiscard]] Step receive(char* to, std::size_t size, std::size_t& got);
    [[nodiscard]] Step send(std::string_view bytes, std::size_t& put);
    // After Step::broken.
    [[nodiscard]] std::string why() const;

private:
    [[nodiscard]] Result<> shake_hands(const Wait& wait);

    int fd_ = -1;
    int errno_ = 0;
    std::string peer_;  // "host:port"
    std::unique_ptr<ClientStream> tls_;
};

}  // namespace esl::tls
