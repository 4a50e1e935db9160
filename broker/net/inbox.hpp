// What reaches a shard from elsewhere. Filled by other threads under a lock that is held for a push or a swap, emptied
// by the shard once a turn.
//
// Waking: the owner says that it is about to sleep and looks once more; who posts first into an empty inbox looks
// whether the owner sleeps, and only then wakes it. Both in one order for all threads (sequentially consistent), so
// either the owner sees the item or the poster sees the sleeper. A shard that is at work costs nobody a system call.
//
// Room: whoever finds too much here and will not add to it asks for room, looks once more, and then sleeps on its own
// inbox. The owner empties this one and then wakes all who have asked. Asking, looking, emptying and waking stand in
// one order for all threads (they are sequentially consistent), so either the look finds the room or the owner finds
// the asker. Asking twice, or for room that is there already, costs a needless wake-up and nothing else.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/core/peers.hpp"
#include "broker/net/layer.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

// A connection, new or on its way to the shard where its session lives. The socket is the receiver's.
struct AdoptConnection {
    int fd = -1;
    std::uint16_t endpoint = 0;
    std::string peer{};
    Bytes received{};  // MQTT's bytes, not yet handled
    Bytes unsent{};    // the socket's: a layer's last words of its handshake
    std::unique_ptr<Layer> layer{};
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

    // True when this woke the shard.
    bool post(InboxItem item);
    bool post(std::vector<InboxItem>& items);  // takes all, leaves the vector empty
    // The owner's, before it waits for event_fd(): false when it must not, since something is here.
    [[nodiscard]] bool lie_down();
    void get_up() { asleep_.store(false, std::memory_order_relaxed); }
    // Gives what has come, in order per sender; `out` must be empty and its room is used for the next batch.
    void take(std::vector<InboxItem>& out);
    // About how much waits. Any thread.
    [[nodiscard]] std::size_t size() const { return size_.load(); }
    void ask_for_room(ShardId asker) { askers_.fetch_or(std::uint64_t{1} << asker); }
    // The owner's, when it has made room: who is to be woken, a bit each.
    [[nodiscard]] std::uint64_t take_askers() { return askers_.load() == 0 ? 0 : askers_.exchange(0); }
    // Ends its owner's wait, also with nothing to take.
    void wake() const;
    // Returns when there is something to take(), somebody called wake(), or `most` has passed; perhaps too early.
    void wait(std::chrono::milliseconds most);
    // For an edge-triggered wait: every wake-up is an edge, and nobody need read it.
    [[nodiscard]] int event_fd() const { return event_fd_; }

private:
    bool wake_if_asleep();

    std::mutex lock_;
    std::vector<InboxItem> items_;
    std::atomic<std::size_t> size_{0};
    std::atomic<std::uint64_t> askers_{0};
    std::atomic<bool> asleep_{false};
    int event_fd_ = -1;
};

}  // namespace esl::broker
