// One application message on its way through the broker.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/mqtt/types.hpp"

namespace esl::broker {

// A session's number: unique in this broker for as long as anything stored names it. 0 is nobody.
using SessionNumber = std::uint32_t;
using MessageId = std::uint64_t;

// What make_message() is given points anywhere; what it gives is immutable, readable from any thread, and points into
// itself. So never keep a copy of the struct: keep the MessagePtr.
struct Message {
    MessageId id = 0;  // never used twice by this broker, restarts included; orders stored messages
    std::string_view topic{};
    BytesView payload{};
    // MQTT 5 properties that travel on to receivers, as they stand in a packet: no alias, expiry or identifiers.
    BytesView properties{};
    mqtt::QoS qos = mqtt::QoS::at_most_once;
    bool retain = false;
    bool point_to_point = false;
    bool ordered = false;      // its publisher asked for one order over all QoS
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

namespace detail {

// Of one block for a message, its reference count and its bytes, which begin at `*bytes`: messages are made by one
// shard and freed by another, where each block more costs the allocator's lock.
template <class T>
struct BlockWithBytes {
    using value_type = T;
    std::size_t size;  // of the bytes
    std::byte** bytes;

    BlockWithBytes(std::size_t size_of_bytes, std::byte** at) : size(size_of_bytes), bytes(at) {}
    template <class Other>
    explicit BlockWithBytes(const BlockWithBytes<Other>& other) : size(other.size), bytes(other.bytes) {}
    T* allocate(std::size_t count) {
        auto* block = static_cast<std::byte*>(::operator new(count * sizeof(T) + size));
        *bytes = block + count * sizeof(T);
        return reinterpret_cast<T*>(block);
    }
    void deallocate(T* block, std::size_t count) { ::operator delete(block, count * sizeof(T) + size); }
    template <class Other>
    bool operator==(const BlockWithBytes<Other>& other) const {
        return size == other.size;
    }
};

struct CountedMessage : Message {
    CountedMessage(const Message& from, std::byte* const& bytes) : Message(from) {
        auto* at = reinterpret_cast<std::uint8_t*>(bytes);
        const auto take = [&at](const void* source, std::size_t size) {
            if (size > 0) std::memcpy(at, source, size);
            return std::exchange(at, at + size);
        };
        topic = {reinterpret_cast<const char*>(take(from.topic.data(), from.topic.size())), from.topic.size()};
        payload = {take(from.payload.data(), from.payload.size()), from.payload.size()};
        properties = {take(from.properties.data(), from.properties.size()), from.properties.size()};
        live_message_bytes.fetch_add(Message::bytes(), std::memory_order_relaxed);
    }
    ~CountedMessage() { live_message_bytes.fetch_sub(Message::bytes(), std::memory_order_relaxed); }
    CountedMessage(const CountedMessage&) = delete;
};

}  // namespace detail

// The only way messages that may wait are made, so that they are counted. Copies what `message` points to.
[[nodiscard]] inline MessagePtr make_message(const Message& message) {
    std::byte* bytes = nullptr;
    const detail::BlockWithBytes<detail::CountedMessage> block(
        message.topic.size() + message.payload.size() + message.properties.size(), &bytes);
    return std::allocate_shared<const detail::CountedMessage>(block, message, bytes);
}

}  // namespace esl::broker
