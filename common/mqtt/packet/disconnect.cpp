#include "common/mqtt/packet/disconnect.hpp"

#include "common/mqtt/reader.hpp"
#include "common/mqtt/writer.hpp"

namespace esl::mqtt {
namespace {

struct Fields {
    ReasonCode reason = ReasonCode::success;
    PropertiesView properties;
};

// Both may be left out from the end (sections 3.14.2.1, 3.14.2.2.1, 3.15.2.1).
Fields read_fields(Reader& in, PacketType type) {
    Fields out;
    if (in.left() == 0) return out;
    out.reason = static_cast<ReasonCode>(in.u8("reason code"));
    if (!allowed_in(out.reason, type))
        in.reject(DecodeError::malformed, "reason code");  // [MQTT-3.14.2-1] [MQTT-3.15.2-1]
    if (in.left() > 0) out.properties = in.properties(place(type));
    return out;
}

Result<void> write_fields(PacketType type, ReasonCode reason, PropertiesView properties, Bytes& out) {
    Writer writer(type, 0, out);
    if (reason != ReasonCode::success || !properties.empty()) writer.u8(static_cast<std::uint8_t>(reason));
    if (!properties.empty()) writer.properties(properties, ProtocolVersion::v5);
    return writer.finish();
}

}  // namespace

Result<DisconnectView> decode_disconnect(const Frame& frame, ProtocolVersion version) {
    Reader in(PacketType::disconnect, frame.body);
    DisconnectView out;
    if (version == ProtocolVersion::v5) {
        const auto fields = read_fields(in, PacketType::disconnect);
        out.reason = fields.reason;
        out.properties = fields.properties;
    }
    in.expect_end();
    if (in.failed()) return in.error();
    return out;
}

Result<void> encode_disconnect(const DisconnectView& packet, ProtocolVersion version, Bytes& out) {
    if (version != ProtocolVersion::v5) return write_fields(PacketType::disconnect, ReasonCode::success, {}, out);
    return write_fields(PacketType::disconnect, packet.reason, packet.properties, out);
}

Result<AuthView> decode_auth(const Frame& frame, ProtocolVersion version) {
    Reader in(PacketType::auth, frame.body);
    if (version != ProtocolVersion::v5) {
        in.reject(DecodeError::malformed, "packet type 15 before MQTT 5");
        return in.error();
    }
    const auto fields = read_fields(in, PacketType::auth);
    in.expect_end();
    if (in.failed()) return in.error();
    return AuthView{.reason = fields.reason, .properties = fields.properties};
}

Result<void> encode_auth(const AuthView& packet, Bytes& out) {
    return write_fields(PacketType::auth, packet.reason, packet.properties, out);
}

}  // namespace esl::mqtt
