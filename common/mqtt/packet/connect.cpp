#include "common/mqtt/packet/connect.hpp"

#include "common/mqtt/reader.hpp"
#include "common/mqtt/topic.hpp"
#include "common/mqtt/writer.hpp"

namespace esl::mqtt {
namespace {

constexpr std::uint8_t kReserved = 0x01;
constexpr std::uint8_t kCleanStart = 0x02;
constexpr std::uint8_t kWill = 0x04;
constexpr std::uint8_t kWillQoS = 0x18;
constexpr std::uint8_t kWillRetain = 0x20;
constexpr std::uint8_t kPassword = 0x40;
constexpr std::uint8_t kUserName = 0x80;

struct Protocol {
    std::string_view name;
    ProtocolVersion version;
};
constexpr Protocol kProtocols[] = {
    {"MQIsdp", ProtocolVersion::v31}, {"MQTT", ProtocolVersion::v311}, {"MQTT", ProtocolVersion::v5}};

ProtocolVersion read_version(Reader& in) {
    const auto protocol = in.text("protocol name");
    const auto level = in.u8("protocol level");
    for (const auto& known : kProtocols) {
        if (protocol == known.name && level == static_cast<std::uint8_t>(known.version)) return known.version;
    }
    in.reject(DecodeError::unsupported_version, "protocol name and level");  // [MQTT-3.1.2-1] [MQTT-3.1.2-2]
    return ProtocolVersion::v311;
}

std::uint8_t read_flags(Reader& in, ProtocolVersion version) {
    const auto flags = in.u8("connect flags");
    const bool will = (flags & kWill) != 0;
    const bool bad = (flags & kReserved) != 0 ||                          // [MQTT-3.1.2-3]
                     (flags & kWillQoS) == kWillQoS ||                    // [MQTT-3.1.2-12]
                     (!will && (flags & (kWillQoS | kWillRetain)) != 0);  // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    if (bad) in.reject(DecodeError::malformed, "connect flags");
    if (version != ProtocolVersion::v5 && (flags & kPassword) != 0 && (flags & kUserName) == 0) {
        in.reject(DecodeError::malformed, "connect flags: password without user name");  // 3.1.1 [MQTT-3.1.2-22]
    }
    return flags;
}

WillView read_will(Reader& in, std::uint8_t flags, ProtocolVersion version) {
    WillView will;
    if (version == ProtocolVersion::v5) will.properties = in.properties(kWillProperties);
    will.topic = in.text("will topic");
    if (!in.failed() && !is_topic_name_of_good_utf8(will.topic)) in.reject(DecodeError::bad_topic, "will topic");
    will.payload = in.binary("will message");
    if (!in.failed()) will.qos = static_cast<QoS>((flags & kWillQoS) >> 3);  // 3 has been refused
    will.retain = (flags & kWillRetain) != 0;
    return will;
}

}  // namespace

Result<ConnectView> decode_connect(const Frame& frame) {
    Reader in(PacketType::connect, frame.body);
    ConnectView out;
    out.version = read_version(in);
    if (in.failed()) return in.error();
    const auto flags = read_flags(in, out.version);
    out.clean_start = (flags & kCleanStart) != 0;
    out.keep_alive = decltype(out.keep_alive){in.u16("keep alive")};
    if (out.version == ProtocolVersion::v5) {
        out.properties = in.properties(place(PacketType::connect));
        if (!in.failed() && out.properties.find(PropertyId::authentication_data) &&
            !out.properties.find(PropertyId::authentication_method)) {
            in.reject(DecodeError::protocol_violation, "authentication data without method");  // section 3.1.2.11.10
        }
    }
    out.client_id = in.text("client identifier");
    if ((flags & kWill) != 0) out.will = read_will(in, flags, out.version);
    if ((flags & kUserName) != 0) out.user_name = in.text("user name");
    if ((flags & kPassword) != 0) out.password = in.binary("password");
    in.expect_end();
    if (in.failed()) return in.error();
    return out;
}

Result<void> encode_connect(const ConnectView& packet, Bytes& out) {
    const bool v5 = packet.version == ProtocolVersion::v5;
    if (!v5 && packet.password && !packet.user_name) {
        return fail(EncodeError::not_in_version, "password without user name");
    }
    unsigned flags = packet.clean_start ? kCleanStart : 0U;
    if (packet.will) {
        flags |= kWill | static_cast<unsigned>(packet.will->qos) << 3 | (packet.will->retain ? kWillRetain : 0U);
    }
    if (packet.user_name) flags |= kUserName;
    if (packet.password) flags |= kPassword;

    Writer writer(PacketType::connect, 0, out);
    writer.text(packet.version == ProtocolVersion::v31 ? "MQIsdp" : "MQTT");
    writer.u8(static_cast<std::uint8_t>(packet.version)).u8(static_cast<std::uint8_t>(flags));
    writer.u16(packet.keep_alive.count()).properties(packet.properties, packet.version).text(packet.client_id);
    if (packet.will) {
        writer.properties(packet.will->properties, packet.version).text(packet.will->topic);
        writer.binary(packet.will->payload);
    }
    if (packet.user_name) writer.text(*packet.user_name);
    if (packet.password) writer.binary(*packet.password);
    return writer.finish();
}

}  // namespace esl::mqtt
