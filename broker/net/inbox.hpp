// What reaches a shard from elsewhere. Filled by other threads under a lock that is held for a push or a swap, emptied
// by the shard once a turn; a sleeping shard is woken once a batch.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/core/peers.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

// A connection whose session lives on the shard it is sent to, with all that was read from it.
struct AdoptConnection {
    int fd = -1;
    Bytes received;
    std::string peer;
};
struct StoreAnswer {
    std::uint64_t batch = 0;
    Result<> result;
};
// The answer to a login that took longer than a turn may last.
struct LoginAnswer {
    std::uint64_t connection = 0;
    Login login;
};
struct FromPeer {
    ShardId from = 0;
    PeerMessage message;
};
struct RunOnShard {
    std::function<void()> work;
};
using InboxItem = std::variant<FromPeer, AdoptConnection, StoreAnswer, LoginAnswer, RunOnShard>;

// Thread-safe.
class Inbox {
public:
    Inbox();
    ~Inbox();
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    // True when this was what woke the shard.
    bool post(InboxItem item);
    bool post(std::vector<InboxItem>& items);  // takes all, leaves the vector empty
    // Gives what has come, in order per sender; `out` must be empty and its room is used for the next batch.
    void take(std::vector<InboxItem>& out);
    // Readable when there is something to take().
    [[nodiscard]] int event_fd() const { return event_fd_; }

private:
    void wake() const;

    std::mutex lock_;
    std::vector<InboxItem> items_;
    int event_fd_ = -1;
};

}  // namespace esl::broker
