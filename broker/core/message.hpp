// One application message on its way through the broker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/mqtt/types.hpp"

namespace esl::broker {

// A session's number: unique in this broker for as long as anything stored names it. 0 is nobody.
using SessionNumber = std::uint32_t;
using MessageId = std::uint64_t;

// Immutable once shared, and then readable from any thread.
struct Message {
    MessageId id = 0;  // never used twice by this broker, restarts included; orders stored messages
    std::string topic;
    Bytes payload;
    // MQTT 5 properties that travel on to receivers, as they stand in a packet: no alias, expiry or identifiers.
    Bytes properties;
    mqtt::QoS qos = mqtt::QoS::at_most_once;
    bool retain = false;
    bool point_to_point = false;
    bool ordered = false;  // its publisher asked for one order over all QoS
    bool online_only = false;  // P2P: not for a receiver that is away
    UnixMillis expires{};      // the epoch: never; by its publisher's wish
    UnixMillis born{};         // when the broker took it; the epoch: unknown
    SessionNumber publisher = 0;

    [[nodiscard]] bool expired(UnixMillis now) const { return expires != UnixMillis{} && expires <= now; }
    [[nodiscard]] std::size_t bytes() const {
        return sizeof(Message) + topic.size() + payload.size() + properties.size();
    }
};

using MessagePtr = std::shared_ptr<const Message>;

// Bytes of all messages that anything in this process holds: queues, shards' inboxes, the store, retained ones.
inline std::atomic<std::size_t> live_message_bytes{0};

// The only way messages that may wait are made, so that they are counted.
[[nodiscard]] inline MessagePtr make_message(Message&& message) {
    struct Counted : Message {
        explicit Counted(Message&& m) : Message(std::move(m)) {
            live_message_bytes.fetch_add(bytes(), std::memory_order_relaxed);
        }
        ~Counted() { live_message_bytes.fetch_sub(bytes(), std::memory_order_relaxed); }
        Counted(const Counted&) = delete;
    };
    return std::make_shared<const Counted>(std::move(message));
}

}  // namespace esl::broker
