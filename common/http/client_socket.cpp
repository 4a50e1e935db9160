#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/http/detail/client_socket.hpp"

namespace esl::http::detail {
namespace {

bool later(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

void ClientSocket::open(int fd) {
    close();
    fd_ = fd;
}

void ClientSocket::close() {
    if (tls_) tls_->finish();
    tls_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

void ClientSocket::secure(const tls::ClientContext& context, const std::string& host) {
    tls_ = std::make_unique<tls::ClientStream>(context, fd_, host);
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
    return tls_ ? tls_->why() : std::generic_category().message(errno_);
}

}  // namespace esl::http::detail
