// The small vocabulary of MQTT: versions, packet types, QoS. Numbers are those of the OASIS standards 3.1.1 and 5.0 and
// of the MQTT 3.1 protocol specification.
#pragma once

#include <cstdint>
#include <string_view>

namespace esl::mqtt {

// The value is the protocol level of CONNECT.
enum class ProtocolVersion : std::uint8_t { v31 = 3, v311 = 4, v5 = 5 };

enum class PacketType : std::uint8_t {
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    pubrec = 5,
    pubrel = 6,
    pubcomp = 7,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
    auth = 15,
};

enum class QoS : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

using PacketId = std::uint16_t;  // 0 means that the packet has none

// "PUBLISH", "3.1.1": string literals.
[[nodiscard]] std::string_view name(PacketType type);
[[nodiscard]] std::string_view name(ProtocolVersion version);

}  // namespace esl::mqtt
