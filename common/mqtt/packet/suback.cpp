#include "common/mqtt/packet/suback.hpp"

#include "common/mqtt/reader.hpp"
#include "common/mqtt/writer.hpp"

namespace esl::mqtt {
namespace {

bool known_reason(std::uint8_t code, PacketType type, ProtocolVersion version) {
    if (version == ProtocolVersion::v5) return allowed_in(static_cast<ReasonCode>(code), type);
    return code <= 2 || code == 0x80;  // 3.1.1 [MQTT-3.9.3-2]
}

Result<SubackView> decode(const Frame& frame, ProtocolVersion version) {
    Reader in(frame.type, frame.body);
    SubackView out;
    out.packet_id = in.u16("packet identifier");
    if (out.packet_id == 0) in.reject(DecodeError::protocol_violation, "packet identifier 0");  // [MQTT-2.2.1-3]
    if (version == ProtocolVersion::v5) out.properties = in.properties(place(frame.type));
    if (frame.type == PacketType::suback || version == ProtocolVersion::v5) {
        out.reasons = in.rest();
        // One for each filter, and there is at least one filter [MQTT-3.8.4-6].
        if (out.reasons.empty()) in.reject(DecodeError::protocol_violation, "no reason code");
        for (const auto code : out.reasons) {
            if (!known_reason(code, frame.type, version)) in.reject(DecodeError::malformed, "reason code");
        }
    }
    in.expect_end();
    if (in.failed()) return in.error();
    return out;
}

}  // namespace

Result<SubackView> decode_suback(const Frame& frame, ProtocolVersion version) {
    return decode(frame, version);
}
Result<UnsubackView> decode_unsuback(const Frame& frame, ProtocolVersion version) {
    return decode(frame, version);
}

Result<void> encode_suback(PacketId packet_id, std::span<const ReasonCode> reasons, PropertiesView properties,
                           ProtocolVersion version, Bytes& out) {
    Writer writer(PacketType::suback, 0, out);
    writer.u16(packet_id).properties(properties, version);
    for (const auto reason : reasons) {
        const bool older_failure = version != ProtocolVersion::v5 && is_failure(reason);
        writer.u8(older_failure ? std::uint8_t{0x80} : static_cast<std::uint8_t>(reason));
    }
    return writer.finish();
}

Result<void> encode_unsuback(PacketId packet_id, std::span<const ReasonCode> reasons, PropertiesView properties,
                             ProtocolVersion version, Bytes& out) {
    Writer writer(PacketType::unsuback, 0, out);
    writer.u16(packet_id).properties(properties, version);
    if (version == ProtocolVersion::v5) {
        for (const auto reason : reasons) writer.u8(static_cast<std::uint8_t>(reason));
    }
    return writer.finish();
}

}  // namespace esl::mqtt
