// CONNECT: the only packet that says which version it is written in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/mqtt/properties.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

struct WillView {
    std::string_view topic = {};
    BytesView payload = {};
    QoS qos = QoS::at_most_once;
    bool retain = false;
    PropertiesView properties = {};  // MQTT 5
};

// Points into the packet.
struct ConnectView {
    ProtocolVersion version = ProtocolVersion::v311;
    bool clean_start = true;                             // "clean session" before MQTT 5
    std::chrono::duration<std::uint16_t> keep_alive{0};  // seconds; 0 turns it off
    std::string_view client_id = {};                     // may be empty: whether that will do is the server's matter
    std::optional<WillView> will = {};
    std::optional<std::string_view> user_name = {};
    std::optional<BytesView> password = {};
    PropertiesView properties = {};  // MQTT 5
};

// unsupported_version when name or level is none of MQIsdp/3, MQTT/4, MQTT/5: the rest of the packet is not looked at
// then.
[[nodiscard]] Result<ConnectView> decode_connect(const Frame& frame);
// Appends to `out`, which is left as it was on an error. True of every encoder here.
[[nodiscard]] Result<void> encode_connect(const ConnectView& packet, Bytes& out);

}  // namespace esl::mqtt
