// SUBACK and UNSUBACK.
#pragma once

#include <cstddef>
#include <span>

#include "common/mqtt/properties.hpp"
#include "common/mqtt/reason_code.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

// Points into the packet. An UNSUBACK before MQTT 5 has no reasons.
struct SubackView {
    PacketId packet_id = 0;
    BytesView reasons = {};          // one byte for each filter, in order
    PropertiesView properties = {};  // MQTT 5

    [[nodiscard]] std::size_t size() const { return reasons.size(); }
    [[nodiscard]] ReasonCode reason(std::size_t i) const { return static_cast<ReasonCode>(reasons[i]); }
};
using UnsubackView = SubackView;

[[nodiscard]] Result<SubackView> decode_suback(const Frame& frame, ProtocolVersion version);
[[nodiscard]] Result<UnsubackView> decode_unsuback(const Frame& frame, ProtocolVersion version);

// Before MQTT 5 every failure becomes 0x80 in a SUBACK, and an UNSUBACK carries no reasons.
[[nodiscard]] Result<void> encode_suback(PacketId packet_id, std::span<const ReasonCode> reasons,
                                         PropertiesView properties, ProtocolVersion version, Bytes& out);
[[nodiscard]] Result<void> encode_unsuback(PacketId packet_id, std::span<const ReasonCode> reasons,
                                           PropertiesView properties, ProtocolVersion version, Bytes& out);

}  // namespace esl::mqtt
