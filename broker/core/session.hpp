// What the broker knows of one client. Shard-bound. State that most clients never have sits behind a pointer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/grant.hpp"
#include "broker/core/lane.hpp"
#include "broker/core/link.hpp"
#include "broker/core/message.hpp"
#include "broker/core/ring.hpp"
#include "broker/core/subscription_tree.hpp"
#include "broker/core/topic_aliases.hpp"
#include "broker/core/trace.hpp"
#include "common/mqtt/reason_code.hpp"

namespace esl::broker {

constexpr std::uint32_t kNeverExpires = 0xFFFF'FFFF;

struct Will {
    MessagePtr message;  // `expires`: for how long, counted from publication
    std::uint32_t delay_seconds = 0;
};

struct HeldFilter {
    std::string filter;
    SubscriptionOptions options;
    bool matches = true;  // false: held only so that it can be dropped again (P2P form, $SYS in apsara mode)
    bool shared = false;  // "$share/{name}/{filter}"
};

// Towards the client.
struct Outgoing {
    Lane ordinary{LaneKind::ordinary};
    Lane p2p{LaneKind::p2p};

    [[nodiscard]] Lane& lane(LaneKind kind) { return kind == LaneKind::ordinary ? ordinary : p2p; }
    [[nodiscard]] std::size_t live() const { return ordinary.live() + p2p.live() + aside.size(); }
    [[nodiscard]] std::size_t bytes() const { return ordinary.bytes() + p2p.bytes() + aside_bytes; }

    // What a client that came back is sent a batch at a time.
    Ring<LaneEntry> aside;
    std::size_t aside_bytes = 0;
    std::uint64_t next_batch = 0;  // by Hub::now_millis()
    std::uint64_t pull_until = 0;  // until then it may ask for more
    std::uint32_t asked_in = 0;    // the second that `asked` counts
    std::uint8_t asked = 0;

    void put_aside(LaneEntry entry) {
        aside_bytes += entry.message->bytes();
        aside.push_back(std::move(entry));
    }
    LaneEntry take_aside(bool newest) {
        LaneEntry entry = newest ? aside.back() : aside.front();
        newest ? aside.pop_back() : aside.pop_front();
        aside_bytes -= entry.message->bytes();
        return entry;
    }
};

// QoS 2 packet ids between PUBLISH and PUBREL, at most all that there are: an older client knows no other bound, and may
// send its first PUBREL after its last PUBLISH.
class ReceivedIds {
public:
    struct Id {
        mqtt::PacketId packet_id = 0;
        bool committed = false;
        bool asked_again = false;  // sent again before the commit: PUBREC when that comes
    };
    [[nodiscard]] std::size_t size() const { return ids_.size(); }
    // Null when it is not there. Valid until the next change.
    [[nodiscard]] Id* find(mqtt::PacketId id) {
        const auto at = std::ranges::lower_bound(ids_, id, {}, &Id::packet_id);
        return at == ids_.end() || at->packet_id != id ? nullptr : &*at;
    }
    // Of one that is not there. Clients count upwards: mostly it goes to the end.
    void add(Id id) { ids_.insert(std::ranges::upper_bound(ids_, id.packet_id, {}, &Id::packet_id), id); }
    void remove(const Id* id) { ids_.erase(ids_.begin() + (id - ids_.data())); }

private:
    std::vector<Id> ids_;  // by packet id
};

// From the client.
struct Incoming {
    // Acknowledgements leave in the order of the publishes [MQTT-4.6.0-2], also when a later one is ready first.
    struct Ack {
        mqtt::PacketId packet_id = 0;
        mqtt::QoS qos = mqtt::QoS::at_most_once;
        mqtt::ReasonCode reason = mqtt::ReasonCode::success;
        bool done = false;
    };
    Ring<Ack> acks;
    std::uint64_t first_ack = 0;  // number of acks.front()
    ReceivedIds received;
    std::vector<std::string> aliases;  // by topic alias - 1
};

struct Session {
    SessionNumber number = 0;
    std::uint32_t epoch = 0;  // grows with every connection: answers to an older one are stale
    std::string client_id;
    Link* link = nullptr;  // null: offline
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v311;
    bool persistent = false;          // outlives its connection
    bool stored = false;              // the message store knows it
    bool awaits_acks = false;         // stands in the hub's list of sessions to look at for repeats
    bool holding = false;             // its link is told not to read, until what it has sent is answered
    bool slowed = false;              // nor until the next tick
    bool ordered = false;             // what it publishes arrives in one order, whatever the QoS
    bool in_groups = false;           // holds, or held, a shared subscription
    std::uint16_t alias_maximum = 0;  // topic aliases towards this client
    std::uint16_t receive_maximum = 65'535;
    std::uint32_t max_packet = 0xFFFF'FFFF;
    std::uint32_t expiry_seconds = 0;
    std::uint64_t match_stamp = 0;  // of the last message it was matched for: merges overlapping filters
    std::uint32_t match_index = 0;
    UnixMillis since{};  // connected, or offline, since
    std::vector<HeldFilter> filters;
    GrantPtr grant;  // of this connection; null: everything is allowed
    std::unique_ptr<Outgoing> out;
    std::unique_ptr<Incoming> in;
    std::unique_ptr<TopicAliases> aliases;
    std::unique_ptr<Will> will;
    ChannelNumber channel = 0;  // of the connection it has, or had last

    Outgoing& outgoing() {
        if (!out) out = std::make_unique<Outgoing>();
        return *out;
    }
    Incoming& incoming() {
        if (!in) in = std::make_unique<Incoming>();
        return *in;
    }
    [[nodiscard]] bool v5() const { return version == mqtt::ProtocolVersion::v5; }
};

}  // namespace esl::broker
