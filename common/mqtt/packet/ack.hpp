// PUBACK, PUBREC, PUBREL and PUBCOMP: one form, four types.
#pragma once

#include "common/mqtt/properties.hpp"
#include "common/mqtt/reason_code.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

struct AckView {
    PacketId packet_id = 0;
    ReasonCode reason = ReasonCode::success;  // MQTT 5
    PropertiesView properties = {};           // MQTT 5
};

// The frame's type is one of the four.
[[nodiscard]] Result<AckView> decode_ack(const Frame& frame, ProtocolVersion version);
// Before MQTT 5 only the packet id is written. MQTT 5 uses the short forms where it can.
[[nodiscard]] Result<void> encode_ack(PacketType type, const AckView& packet, ProtocolVersion version, Bytes& out);
// The four bytes that say success, valid in every version.
void encode_ack(PacketType type, PacketId packet_id, Bytes& out);

}  // namespace esl::mqtt
