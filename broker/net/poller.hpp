// Which of a shard's descriptors are ready: one epoll set, level-triggered. A descriptor is entered once and changed
// only when what is waited for changes, so a connection that just reads costs no system call but its recv (decision
// 0125).
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

namespace esl::broker {

// Thread-bound. Closing a descriptor takes it out by itself.
class Poller {
public:
    // Events of one wait(): a turn handles no more than this, then writes.
    static constexpr std::size_t kBatch = 1'024;

    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    // `events`: EPOLLIN, EPOLLOUT or none; EPOLLERR and EPOLLHUP always come. False, with errno, when the system has no
    // room for one more.
    [[nodiscard]] bool add(int fd, std::uint32_t events, std::uint64_t key);
    // One that has been added.
    void change(int fd, std::uint32_t events, std::uint64_t key);
    void remove(int fd);  // it lives on elsewhere

    // Ready ones, by key; `sleep` false: perhaps none, at once. Valid until the next wait().
    [[nodiscard]] std::span<const epoll_event> wait(bool sleep);

private:
    [[nodiscard]] bool control(int operation, int fd, std::uint32_t events, std::uint64_t key) const;

    int fd_;
    std::array<epoll_event, kBatch> events_{};
};

// Once a second, by a descriptor of its own: a wait with a timeout arms and disarms a timer of the kernel each time, and
// asks for the time to know how long.
class SecondTicker {
public:
    SecondTicker();
    ~SecondTicker();
    SecondTicker(const SecondTicker&) = delete;
    SecondTicker& operator=(const SecondTicker&) = delete;

    // Readable when a second has passed since the last one that was taken.
    [[nodiscard]] int fd() const { return fd_; }
    // True when there was one. Those of a stopped machine are one.
    [[nodiscard]] bool take() const;

private:
    int fd_;
};

}  // namespace esl::broker
