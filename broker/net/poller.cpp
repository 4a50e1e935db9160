#include "broker/net/poller.hpp"

#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <system_error>

namespace esl::broker {

Poller::Poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Poller::~Poller() {
    ::close(fd_);
}

bool Poller::control(int operation, int fd, std::uint32_t events, std::uint64_t key) const {
    epoll_event event{.events = events, .data = {.u64 = key}};
    return ::epoll_ctl(fd_, operation, fd, &event) == 0;
}

bool Poller::add(int fd, std::uint32_t events, std::uint64_t key) {
    return control(EPOLL_CTL_ADD, fd, events, key);
}

void Poller::change(int fd, std::uint32_t events, std::uint64_t key) {
    [[maybe_unused]] const bool done = control(EPOLL_CTL_MOD, fd, events, key);
    assert(done);
}

void Poller::remove(int fd) {
    [[maybe_unused]] const bool done = control(EPOLL_CTL_DEL, fd, 0, 0);
    assert(done);
}

std::span<const epoll_event> Poller::wait(std::chrono::milliseconds most) {
    const int count =
        ::epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), static_cast<int>(most.count()));
    return {events_.data(), count < 0 ? 0U : static_cast<std::size_t>(count)};
}

}  // namespace esl::broker
