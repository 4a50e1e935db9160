// A lane: the messages for one client in order, those sent and not acknowledged in front, those waiting behind. Each
// session has two, ordinary and P2P, with a packet id range and a window each, so that a client which never
// acknowledges P2P messages still gets everything else.
#pragma once

#include <cstdint>
#include <utility>

#include "broker/core/message.hpp"
#include "broker/core/ring.hpp"

namespace esl::broker {

enum class LaneKind : std::uint8_t { ordinary, p2p };

// Packet ids follow from the sequence number, so only that is stored. Two ranges that never meet.
constexpr mqtt::PacketId kFirstP2pId = 49'152;
[[nodiscard]] constexpr mqtt::PacketId packet_id_of(LaneKind kind, std::uint32_t sequence) {
    return kind == LaneKind::ordinary ? static_cast<mqtt::PacketId>(1 + sequence % (kFirstP2pId - 1U))
                                      : static_cast<mqtt::PacketId>(kFirstP2pId + sequence % (65'536U - kFirstP2pId));
}
[[nodiscard]] constexpr LaneKind lane_of(mqtt::PacketId id) {
    return id < kFirstP2pId ? LaneKind::ordinary : LaneKind::p2p;
}

struct LaneEntry {
    enum class State : std::uint8_t { waiting, sent, released, done };

    MessagePtr message;
    std::uint32_t sequence = 0;  // 0 for QoS 0
    std::uint32_t subscription_id = 0;
    std::uint32_t sent_at = 0;  // by the hub's milliseconds, the lower half
    std::uint32_t share = 0;    // number of the shared subscription it came by; 0: none
    mqtt::QoS qos = mqtt::QoS::at_most_once;
    State state = State::waiting;
    std::uint8_t resends = 0;
    bool retain : 1 = false;
    bool owed : 1 = false;  // the store has it or will have it
    bool held : 1 = false;  // QoS 2: not to be sent before it is committed
    bool sent_before : 1 = false;
    bool counted : 1 = false;       // against the window: sent on this connection
    bool fresh : 1 = false;         // came while the client was away, and was certainly never sent
    bool offline : 1 = false;       // came while the client was away
    bool release_wait : 1 = false;  // PUBREC is here, its commit is not: nothing to send
};

class Lane {
public:
    explicit Lane(LaneKind kind) : kind_(kind) {}

    // Appends; gives QoS 1 and 2 the next sequence number unless the entry brings one (restored from the store).
    LaneEntry& push(LaneEntry entry);
    // The next entry to send, null when there is none or the window (`in_flight` < `window`) is full or it is held.
    [[nodiscard]] LaneEntry* next_to_send(std::uint16_t window);
    // Counts the entry that next_to_send() gave as sent (QoS 0: as done).
    void mark_sent();
    // The sent entry with this packet id, null when there is none.
    [[nodiscard]] LaneEntry* find_sent(mqtt::PacketId id);
    // Any entry that is not done, by sequence.
    [[nodiscard]] LaneEntry* find(std::uint32_t sequence);
    // The entry is over: its place is taken back as soon as those before it are over too.
    void finish(LaneEntry& entry);
    // The oldest entry that has not been sent, for a full queue; null when all have been.
    [[nodiscard]] LaneEntry* oldest_waiting();
    // After rewind(): takes out what waits, at QoS 0 and 1, and is fresh, all but the first `keep` of them, which are
    // counted off. `take` gets copies in order.
    template <class Take>
    void set_aside(std::size_t& keep, Take take) {
        for (std::size_t i = next_; i < entries_.size(); ++i) {
            LaneEntry& entry = entries_[i];
            if (entry.state != LaneEntry::State::waiting || !entry.fresh || entry.qos == mqtt::QoS::exactly_once)
                continue;
            if (keep > 0) {
                --keep;
                continue;
            }
            take(entry);
            forget(entry);
        }
        drop_front();
    }
    // After a reconnect everything not acknowledged is sent again, in order.
    void rewind();
    [[nodiscard]] bool everything_sent() const { return next_ == entries_.size(); }

    [[nodiscard]] std::size_t live() const { return live_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::uint16_t in_flight() const { return in_flight_; }
    [[nodiscard]] LaneKind kind() const { return kind_; }
    template <class Visit>
    void for_each_live(Visit visit) {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (entries_[i].state != LaneEntry::State::done) visit(entries_[i]);
        }
    }
    template <class Visit>
    void for_each_sent(Visit visit) {
        for (std::size_t i = 0; i < next_; ++i) {
            if (entries_[i].state != LaneEntry::State::done) visit(entries_[i]);
        }
    }

private:
    void forget(LaneEntry& entry);  // over, without giving its place back
    void drop_front();

    LaneKind kind_;
    Ring<LaneEntry> entries_;
    std::size_t next_ = 0;  // entries before it have been sent or are done
    std::size_t live_ = 0;
    std::size_t bytes_ = 0;
    std::uint32_t sequence_ = 0;
    std::uint16_t in_flight_ = 0;
};

}  // namespace esl::broker
