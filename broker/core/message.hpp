// One application message on its way through the broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "broker/core/message_blocks.hpp"
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
    MessageId id = 0;  // never used twice by this broker, restarts included
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

namespace detail {

// Of one block for a message, its reference count and its bytes, which begin at `*bytes`.
template <class T>
struct BlockWithBytes {
    using value_type = T;
    std::size_t size;  // of the bytes
    std::byte** bytes;

    BlockWithBytes(std::size_t size_of_bytes, std::byte** at) : size(size_of_bytes), bytes(at) {}
    template <class Other>
    explicit BlockWithBytes(const BlockWithBytes<Other>& other) : size(other.size), bytes(other.bytes) {}
    T* allocate(std::size_t count) {
        auto* block = static_cast<std::byte*>(message_blocks::allocate(count * sizeof(T) + size));
        *bytes = block + count * sizeof(T);
        return reinterpret_cast<T*>(block);
    }
    void deallocate(T* block, std::size_t count) { message_blocks::deallocate(block, count * sizeof(T) + size); }
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
        message_blocks::count(static_cast<std::ptrdiff_t>(Message::bytes()));
    }
    ~CountedMessage() { message_blocks::count(-static_cast<std::ptrdiff_t>(Message::bytes())); }
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
