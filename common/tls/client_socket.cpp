#include "common/tls/client_socket.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace esl::tls {
namespace {

bool later(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

std::string text_of(int error) {
    return std::generic_category().message(error);
}

// Waits for the outcome of a connect() under way; empty: it is connected.
std::string outcome(int fd, const ClientSocket::Wait& wait) {
    if (auto ready = wait(fd, POLLOUT); !ready) return ready.error().message();
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? std::string() : text_of(error);
}

}  // namespace

void ClientSocket::close() {
    if (tls_) tls_->finish();
    tls_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

Result<> ClientSocket::connect(const std::string& host, std::uint16_t port, const Wait& wait) {
    close();
    peer_ = (host.find(':') != std::string::npos ? '[' + host + ']' : host) + ':' + std::to_string(port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list); code != 0)
        return fail(ConnectError::unreachable, host + ": " + ::gai_strerror(code));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
    std::string why;
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
        close();
        fd_ = ::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd_ < 0) {
            why = text_of(errno);
            continue;
        }
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const bool begun = ::connect(fd_, one->ai_addr, one->ai_addrlen) == 0 || errno == EINPROGRESS;
        why = begun ? outcome(fd_, wait) : text_of(errno);
        if (why.empty()) return {};
    }
    close();
    return fail(ConnectError::unreachable, peer_ + ": " + why);
}

Result<> ClientSocket::secure(const ClientContext& context, const std::string& host, const Wait& wait) {
    tls_ = std::make_unique<ClientStream>(context, fd_, host);
    auto shaken = shake_hands(wait);
    if (!shaken) close();
    return shaken;
}

Result<> ClientSocket::shake_hands(const Wait& wait) {
    for (;;) {
        const auto step = tls_->shake_hands();
        if (step == Step::done) return {};
        if (step == Step::end)
            return fail(ConnectError::unreachable, peer_ + ": TLS: the server closes the connection");
        if (step == Step::broken) return fail(ConnectError::unreachable, peer_ + ": TLS: " + tls_->why());
        if (auto ready = wait(fd_, step == Step::wait_read ? POLLIN : POLLOUT); !ready) return ready;
    }
}

Step ClientSocket::receive(char* to, std::size_t size, std::size_t& got) {
    if (tls_) return tls_->read(to, size, got);
    const auto count = ::recv(fd_, to, size, MSG_DONTWAIT);
    if (count == 0) return Step::end;
    if (count > 0) {
        got = static_cast<std::size_t>(count);
        return Step::done;
    }
    errno_ = errno;
    return later(errno_) ? Step::wait_read : Step::broken;
}

Step ClientSocket::send(std::string_view bytes, std::size_t& put) {
    if (tls_) return tls_->write(bytes, put);
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
        put = static_cast<std::size_t>(count);
        return Step::done;
    }
    errno_ = errno;
    return later(errno_) ? Step::wait_write : Step::broken;
}

std::string ClientSocket::why() const {
    return tls_ ? tls_->why() : text_of(errno_);
}

}  // namespace esl::tls
