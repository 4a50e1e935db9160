// The line to a coordinator: a serial port or a TCP connection, opened by name.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace esl::ap::znp {

struct TcpAddress {
    std::string host;
    std::string port;
};
// "tcp://host:port", "tcp://[::1]:port". Errors: ParseError.
[[nodiscard]] Result<TcpAddress> parse_tcp(std::string_view text);

// Bound to its executor. Handlers run there, never from inside a call, and never after close().
class Line : public std::enable_shared_from_this<Line> {
public:
    struct Handlers {
        std::function<void()> opened;
        std::function<void(BytesView)> bytes;
        std::function<void(const std::string& why)> lost;  // once; also when it could not be opened
    };
    // What a coordinator that takes nothing may make us keep; past it the line counts as lost.
    static constexpr std::size_t kMaxUnsent = 64 * 1024;

    Line(const boost::asio::any_io_executor& executor, Handlers handlers);

    // "tcp://host:port", or the path of a serial port or pseudo-terminal.
    void open(const std::string& port);
    void write(Bytes bytes);
    void close();

private:
    void open_serial(const std::string& path);
    void open_tcp(const TcpAddress& address);
    void attach(int fd);
    void read();
    void write_next();
    void lose(const std::string& why);

    Handlers handlers_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::ip::tcp::socket socket_;
    boost::asio::posix::stream_descriptor stream_;
    std::array<std::uint8_t, 1024> buffer_{};
    Bytes sending_;
    Bytes unsent_;
    bool closed_ = false;
};

}  // namespace esl::ap::znp
