#include "broker/net/poller.hpp"

#include <sys/timerfd.h>
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

std::span<const epoll_event> Poller::wait(bool sleep) {
    const int count = ::epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), sleep ? -1 : 0);
    return {events_.data(), count < 0 ? 0U : static_cast<std::size_t>(count)};
}

SecondTicker::SecondTicker() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    const itimerspec every{.it_interval = {.tv_sec = 1, .tv_nsec = 0}, .it_value = {.tv_sec = 1, .tv_nsec = 0}};
    if (fd_ < 0 || ::timerfd_settime(fd_, 0, &every, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "timerfd");
}

SecondTicker::~SecondTicker() {
    ::close(fd_);
}

bool SecondTicker::take() const {
    std::uint64_t seconds = 0;
    return ::read(fd_, &seconds, sizeof seconds) == static_cast<ssize_t>(sizeof seconds);
}

}  // namespace esl::broker
