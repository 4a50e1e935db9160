#pragma once

#include "common/mqtt/properties.hpp"
#include "common/mqtt/reason_code.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

struct ConnackView {
    bool session_present = false;  // not in MQTT 3.1
    ReasonCode reason = ReasonCode::success;
    PropertiesView properties = {};  // MQTT 5
};

[[nodiscard]] Result<ConnackView> decode_connack(const Frame& frame, ProtocolVersion version);
// Before MQTT 5 the reason becomes the nearest return code (to_connect_return_code).
[[nodiscard]] Result<void> encode_connack(const ConnackView& packet, ProtocolVersion version, Bytes& out);

}  // namespace esl::mqtt
