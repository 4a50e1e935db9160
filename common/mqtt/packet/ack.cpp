#include "common/mqtt/packet/ack.hpp"

#include "common/mqtt/reader.hpp"
#include "common/mqtt/writer.hpp"

namespace esl::mqtt {
namespace {

// MQTT 3.1 has DUP on PUBREL; later versions say 0010 [MQTT-3.6.1-1].
bool good_flags(const Frame& frame, ProtocolVersion version) {
    const unsigned expected = frame.type == PacketType::pubrel ? 0x02 : 0x00;
    const unsigned mask = version == ProtocolVersion::v31 ? 0x07 : 0x0F;
    return (frame.flags & mask) == expected;
}

}  // namespace

Result<AckView> decode_ack(const Frame& frame, ProtocolVersion version) {
    Reader in(frame.type, frame.body);
    AckView out;
    if (!good_flags(frame, version)) in.reject(DecodeError::malformed, "flags of the fixed header");
    out.packet_id = in.u16("packet identifier");
    if (out.packet_id == 0) in.reject(DecodeError::protocol_violation, "packet identifier 0");  // [MQTT-2.2.1-3]
    // Both may be left out (sections 3.4.2.1 and 3.4.2.2.1).
    if (version == ProtocolVersion::v5 && in.left() > 0) {
        out.reason = static_cast<ReasonCode>(in.u8("reason code"));
        if (!allowed_in(out.reason, frame.type)) in.reject(DecodeError::malformed, "reason code");  // [MQTT-3.4.2-1]
        if (in.left() > 0) out.properties = in.properties(place(frame.type));
    }
    in.expect_end();
    if (in.failed()) return in.error();
    return out;
}

Result<void> encode_ack(PacketType type, const AckView& packet, ProtocolVersion version, Bytes& out) {
    Writer writer(type, type == PacketType::pubrel ? 0x02 : 0x00, out);
    writer.u16(packet.packet_id);
    if (version == ProtocolVersion::v5) {
        if (packet.reason != ReasonCode::success || !packet.properties.empty()) {
            writer.u8(static_cast<std::uint8_t>(packet.reason));
        }
        if (!packet.properties.empty()) writer.properties(packet.properties, version);
    }
    return writer.finish();
}

void encode_ack(PacketType type, PacketId packet_id, Bytes& out) {
    const auto first = static_cast<unsigned>(type) << 4 | (type == PacketType::pubrel ? 0x02U : 0x00U);
    const std::uint8_t packet[] = {static_cast<std::uint8_t>(first), 2, static_cast<std::uint8_t>(packet_id >> 8),
                                   static_cast<std::uint8_t>(packet_id & 0xFF)};
    out.insert(out.end(), std::begin(packet), std::end(packet));
}

}  // namespace esl::mqtt
