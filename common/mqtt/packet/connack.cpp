#include "common/mqtt/packet/connack.hpp"

#include <array>

#include "common/mqtt/reader.hpp"
#include "common/mqtt/writer.hpp"

namespace esl::mqtt {
namespace {

// By return code, MQTT 3.1.1 section 3.2.2.3.
constexpr std::array kReturnCodes = {
    ReasonCode::success,
    ReasonCode::unsupported_protocol_version,
    ReasonCode::client_identifier_not_valid,
    ReasonCode::server_unavailable,
    ReasonCode::bad_user_name_or_password,
    ReasonCode::not_authorized,
};

ReasonCode read_reason(Reader& in, ProtocolVersion version) {
    const auto code = in.u8("reason code");
    if (version == ProtocolVersion::v5) {
        const auto reason = static_cast<ReasonCode>(code);
        if (!allowed_in(reason, PacketType::connack))
            in.reject(DecodeError::malformed, "reason code");  // [MQTT-3.2.2-8]
        return reason;
    }
    if (code >= kReturnCodes.size()) {
        in.reject(DecodeError::malformed, "return code");
        return ReasonCode::unspecified_error;
    }
    return kReturnCodes.at(code);
}

}  // namespace

Result<ConnackView> decode_connack(const Frame& frame, ProtocolVersion version) {
    Reader in(PacketType::connack, frame.body);
    ConnackView out;
    const auto flags = in.u8("acknowledge flags");
    out.reason = read_reason(in, version);
    // MQTT 3.1 calls the first byte reserved and unused.
    if (version != ProtocolVersion::v31) {
        if ((flags & 0xFE) != 0) in.reject(DecodeError::malformed, "acknowledge flags");  // [MQTT-3.2.2-1]
        out.session_present = (flags & 0x01) != 0;
        if (out.session_present && out.reason != ReasonCode::success) {
            in.reject(DecodeError::protocol_violation, "session present in a refusal");  // [MQTT-3.2.2-6]
        }
    }
    if (version == ProtocolVersion::v5) out.properties = in.properties(place(PacketType::connack));
    in.expect_end();
    if (in.failed()) return in.error();
    return out;
}

Result<void> encode_connack(const ConnackView& packet, ProtocolVersion version, Bytes& out) {
    const bool present = packet.session_present && version != ProtocolVersion::v31;
    Writer writer(PacketType::connack, 0, out);
    writer.u8(present ? 1 : 0);
    writer.u8(version == ProtocolVersion::v5 ? static_cast<std::uint8_t>(packet.reason)
                                             : to_connect_return_code(packet.reason));
    return writer.properties(packet.properties, version).finish();
}

}  // namespace esl::mqtt
