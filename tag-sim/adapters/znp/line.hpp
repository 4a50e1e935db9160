// The wire to the simulated coordinator: a TCP listener for one host at a time, or a pseudo-terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/core/bytes.hpp"

namespace boost::asio {
class io_context;
}

namespace esl::sim::znp {

struct LineEvents {
    std::function<void(BytesView)> received;
    std::function<void(bool)> host_present;  // a host has opened or left the line
};

struct LineFigures {
    std::uint64_t hosts = 0;
    std::uint64_t dropped_bytes = 0;  // to a host that did not read
};

// Shard-bound to the io_context's thread. Bytes for a host that does not read are held up to kMaxUnsent; then a TCP
// host is cut off, and on a pseudo-terminal they are dropped, as a serial line does.
class Line {
public:
    static constexpr std::size_t kMaxUnsent = 1 << 20;
    virtual ~Line() = default;
    virtual void send(const Bytes& bytes) = 0;
    [[nodiscard]] virtual std::string address() const = 0;  // "127.0.0.1:4711", or the terminal's path
    [[nodiscard]] virtual LineFigures figures() const = 0;
};

// Throws std::runtime_error that names the address or the path.
[[nodiscard]] std::unique_ptr<Line> listen_tcp(boost::asio::io_context& io, const std::string& address,
                                               LineEvents events);
// `link` becomes a symbolic link to the terminal; an older link there is replaced, anything else is refused.
[[nodiscard]] std::unique_ptr<Line> open_pty(boost::asio::io_context& io, const std::string& link, LineEvents events);

}  // namespace esl::sim::znp
