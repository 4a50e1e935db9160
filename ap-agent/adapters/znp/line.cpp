#include "ap-agent/adapters/znp/line.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace esl::ap::znp {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Raw, 8N1, no flow control. Locked by flock(), which ends with the process: TIOCEXCL would outlive a killed one while
// somebody else holds the line open. The descriptor, or -1 with errno.
int open_raw(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    termios settings{};
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::tcgetattr(fd, &settings) == 0) {
        ::cfmakeraw(&settings);
        settings.c_cflag |= CLOCAL | CREAD;
        settings.c_cflag &= ~static_cast<tcflag_t>(CRTSCTS | CSTOPB);
        settings.c_cc[VMIN] = 1;
        settings.c_cc[VTIME] = 0;
        ::cfsetspeed(&settings, B115200);
        if (::tcsetattr(fd, TCSANOW, &settings) == 0) {
            ::tcflush(fd, TCIFLUSH);
            return fd;
        }
    }
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
}

}  // namespace

Result<TcpAddress> parse_tcp(std::string_view text) {
    constexpr std::string_view kScheme = "tcp://";
    if (!text.starts_with(kScheme)) return fail(ParseError::malformed, "not tcp://host:port");
    text.remove_prefix(kScheme.size());
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return fail(ParseError::malformed, "no port in tcp://host:port");
    auto host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
    if (!digits || std::stoul(std::string(port)) > 65'535)
        return fail(ParseError::out_of_range, "port in tcp://host:port");
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty()) return fail(ParseError::malformed, "no host in tcp://host:port");
    return TcpAddress{.host = std::string(host), .port = std::string(port)};
}

Line::Line(const asio::any_io_executor& executor, Handlers handlers)
    : handlers_(std::move(handlers)), resolver_(executor), socket_(executor), stream_(executor) {}

void Line::open(const std::string& port) {
    if (!port.starts_with("tcp://")) return open_serial(port);
    const auto address = parse_tcp(port);
    if (address) return open_tcp(*address);
    asio::post(stream_.get_executor(),
               [self = shared_from_this(), why = address.error().message()] { self->lose(why); });
}

void Line::open_serial(const std::string& path) {
    const int fd = open_raw(path);
    const std::string why = errno == EWOULDBLOCK ? "in use by another process" : std::strerror(errno);
    asio::post(stream_.get_executor(), [self = shared_from_this(), fd, why] {
        if (self->closed_) {
            if (fd >= 0) ::close(fd);
        } else if (fd < 0) {
            self->lose(why);
        } else {
            self->attach(fd);
        }
    });
}

void Line::open_tcp(const TcpAddress& address) {
    resolver_.async_resolve(
        address.host, address.port,
        [self = shared_from_this()](error_code error, const asio::ip::tcp::resolver::results_type& found) {
            if (self->closed_) return;
            if (error) return self->lose(error.message());
            asio::async_connect(self->socket_, found, [self](error_code failed, const asio::ip::tcp::endpoint&) {
                if (self->closed_) return;
                if (failed) return self->lose(failed.message());
                error_code ignored;
                self->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
                self->socket_.set_option(asio::socket_base::keep_alive(true), ignored);
                const int fd = self->socket_.release(ignored);
                if (ignored) return self->lose(ignored.message());
                self->attach(fd);
            });
        });
}

void Line::attach(int fd) {
    stream_.assign(fd);
    handlers_.opened();
    if (!closed_) read();
}

void Line::read() {
    stream_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](error_code error, std::size_t size) {
        if (self->closed_) return;
        if (error) return self->lose(error == asio::error::eof ? "line closed" : error.message());
        self->handlers_.bytes(BytesView(self->buffer_).first(size));
        if (!self->closed_) self->read();
    });
}

void Line::write(Bytes bytes) {
    if (closed_ || bytes.empty()) return;
    unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
    if (unsent_.size() > kMaxUnsent) {
        asio::post(stream_.get_executor(), [self = shared_from_this()] { self->lose("coordinator takes no bytes"); });
        return;
    }
    if (sending_.empty()) write_next();
}

void Line::write_next() {
    sending_ = std::exchange(unsent_, {});
    if (sending_.empty()) return;
    asio::async_write(stream_, asio::buffer(sending_), [self = shared_from_this()](error_code error, std::size_t) {
        if (self->closed_) return;
        if (error) return self->lose(error.message());
        self->write_next();
    });
}

void Line::lose(const std::string& why) {
    if (closed_) return;
    close();
    handlers_.lost(why);
}

void Line::close() {
    closed_ = true;
    error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
    stream_.close(ignored);
}

}  // namespace esl::ap::znp
