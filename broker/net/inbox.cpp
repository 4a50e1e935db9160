#include "broker/net/inbox.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <system_error>

namespace esl::broker {

Inbox::Inbox() : event_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (event_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Inbox::~Inbox() {
    for (auto& item : items_) {
        if (const auto* adopt = std::get_if<AdoptConnection>(&item)) ::close(adopt->fd);
    }
    ::close(event_fd_);
}

void Inbox::wake() const {
    const std::uint64_t one = 1;
    // Full means that the shard has 2^64-2 wake-ups to read: it is awake.
    static_cast<void>(::write(event_fd_, &one, sizeof one));
}

bool Inbox::wake_if_asleep() {
    // Of several that find it asleep one wakes it.
    if (!asleep_.load() || !asleep_.exchange(false)) return false;
    wake();
    return true;
}

bool Inbox::lie_down() {
    asleep_.store(true);
    if (size_.load() == 0) return true;
    get_up();
    return false;
}

void Inbox::wait(std::chrono::milliseconds most) {
    if (!lie_down()) return;
    pollfd one{.fd = event_fd_, .events = POLLIN, .revents = 0};
    static_cast<void>(::poll(&one, 1, static_cast<int>(most.count())));
    get_up();
    std::uint64_t count = 0;
    static_cast<void>(::read(event_fd_, &count, sizeof count));
}

bool Inbox::post(InboxItem item) {
    bool first = false;
    {
        const std::lock_guard guard(lock_);
        first = items_.empty();
        items_.push_back(std::move(item));
        size_.store(items_.size());
    }
    return first && wake_if_asleep();
}

bool Inbox::post(std::vector<InboxItem>& items) {
    if (items.empty()) return false;
    bool first = false;
    {
        const std::lock_guard guard(lock_);
        first = items_.empty();
        if (first) {
            items_.swap(items);
        } else {
            items_.insert(items_.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
        }
        size_.store(items_.size());
    }
    items.clear();
    return first && wake_if_asleep();
}

void Inbox::take(std::vector<InboxItem>& out) {
    const std::lock_guard guard(lock_);
    items_.swap(out);
    size_.store(0);
}

}  // namespace esl::broker
