// The connection of a client: a socket, with TLS over it or without.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/tls/client.hpp"

namespace esl::http::detail {

using tls::Step;

// For one thread.
class ClientSocket {
public:
    ClientSocket() = default;
    ~ClientSocket() { close(); }
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;

    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] int fd() const { return fd_; }
    // Takes the socket over, non-blocking; one that it had is closed.
    void open(int fd);
    void close();
    // From here on what is sent and received goes through TLS, beginning with shake_hands().
    void secure(const tls::ClientContext& context, const std::string& host);
    [[nodiscard]] Step shake_hands() { return tls_->shake_hands(); }
    // As tls::ClientStream's.
    [[nodiscard]] Step receive(char* to, std::size_t size, std::size_t& got);
    [[nodiscard]] Step send(std::string_view bytes, std::size_t& put);
    // After Step::broken.
    [[nodiscard]] std::string why() const;

private:
    int fd_ = -1;
    int errno_ = 0;
    std::unique_ptr<tls::ClientStream> tls_;
};

}  // namespace esl::http::detail
