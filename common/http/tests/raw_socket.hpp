// A bare TCP client for tests that send what no proper client would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace esl::http {

class RawSocket {
public:
    explicit RawSocket(std::uint16_t port, int receive_buffer = 0) {
        if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(port);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) throw std::runtime_error("connect");
    }
    ~RawSocket() { ::close(fd_); }
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }
    // Appends what comes until `enough` says so, the peer ends, or the deadline passes.
    template <class F>
    std::string read_until(F enough, std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
        std::string out;
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (!enough(out)) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
            pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
            if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) break;
            char piece[4096];
            const auto count = ::recv(fd_, piece, sizeof piece, 0);
            if (count <= 0) {
                ended_ = true;
                break;
            }
            out.append(piece, static_cast<std::size_t>(count));
        }
        return out;
    }
    std::string read_to_end() {
        return read_until([](const auto&) { return false; });
    }
    std::string read_until_text(std::string_view text) {
        return read_until([&](const std::string& got) { return got.find(text) != std::string::npos; });
    }
    [[nodiscard]] bool ended() const { return ended_; }
    void half_close() { ::shutdown(fd_, SHUT_WR); }

private:
    int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ended_ = false;
};

}  // namespace esl::http
