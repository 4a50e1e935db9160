#include "common/mqtt/packet/publish.hpp"

#include <string>

#include "common/mqtt/reader.hpp"
#include "common/mqtt/topic.hpp"
#include "common/mqtt/varint.hpp"

namespace esl::mqtt {
namespace {

constexpr std::uint8_t kRetain = 0x01;
constexpr std::uint8_t kDup = 0x08;

std::size_t header_size(const PublishView& packet, ProtocolVersion version, PropertiesView extra) {
    std::size_t size = 2 + packet.topic.size() + (packet.qos == QoS::at_most_once ? 0 : 2);
    if (version == ProtocolVersion::v5) {
        const auto properties = packet.properties.raw().size() + extra.raw().size();
        size += varint_size(static_cast<std::uint32_t>(properties)) + properties;
    }
    return size;
}

void append(Bytes& out, BytesView bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_u16(Bytes& out, std::size_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8 & 0xFF));
    out.push_back(static_cast<std::uint8_t>(value & 0xFF));
}

}  // namespace

Result<PublishView> decode_publish(const Frame& frame, ProtocolVersion version) {
    Reader in(PacketType::publish, frame.body);
    PublishView out;
    const auto qos = static_cast<std::uint8_t>((frame.flags >> 1) & 0x03);
    if (qos == 3) {
        in.reject(DecodeError::malformed, "QoS 3");  // [MQTT-3.3.1-4]
        return in.error();
    }
    out.qos = static_cast<QoS>(qos);
    out.dup = (frame.flags & kDup) != 0;
    out.retain = (frame.flags & kRetain) != 0;
    if (qos == 0 && out.dup && version != ProtocolVersion::v31) {
        in.reject(DecodeError::malformed, "DUP with QoS 0");  // [MQTT-3.3.1-2]
    }
    out.topic = in.text("topic");
    const bool named = !out.topic.empty();
    if (named && !is_topic_name_of_good_utf8(out.topic)) in.reject(DecodeError::bad_topic, "topic");  // [MQTT-3.3.2-2]
    if (qos > 0) {
        out.packet_id = in.u16("packet identifier");
        if (out.packet_id == 0) in.reject(DecodeError::protocol_violation, "packet identifier 0");  // [MQTT-2.2.1-3]
    }
    if (version == ProtocolVersion::v5) out.properties = in.properties(place(PacketType::publish));
    if (!named && !out.properties.find(PropertyId::topic_alias)) {
        // Without an alias an empty topic is no topic [MQTT-4.7.3-1]; MQTT 5 calls it a protocol error
        // (section 3.3.2.1).
        in.reject(version == ProtocolVersion::v5 ? DecodeError::protocol_violation : DecodeError::bad_topic,
                  "empty topic");
    }
    out.payload = in.rest();
    if (in.failed()) return in.error();
    return out;
}

Result<EncodedPublish> encode_publish_header(const PublishView& packet, std::size_t payload_size,
                                             ProtocolVersion version, Bytes& out, PropertiesView extra) {
    const auto properties = packet.properties.raw().size() + extra.raw().size();
    if (packet.topic.size() > kTopicMaxBytes) return fail(EncodeError::too_long, "PUBLISH: topic");
    const auto body = header_size(packet, version, extra) + payload_size;
    if (body > kVarintMax) return fail(EncodeError::too_long, "PUBLISH of " + std::to_string(body) + " bytes");

    EncodedPublish place;
    const auto flags =
        static_cast<unsigned>(packet.qos) << 1 | (packet.dup ? kDup : 0U) | (packet.retain ? kRetain : 0U);
    out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(PacketType::publish) << 4 | flags));
    append_varint(out, static_cast<std::uint32_t>(body));
    append_u16(out, packet.topic.size());
    append(out, as_bytes(packet.topic));
    if (packet.qos != QoS::at_most_once) {
        place.packet_id_at = out.size();
        append_u16(out, packet.packet_id);
    }
    if (version == ProtocolVersion::v5) {
        append_varint(out, static_cast<std::uint32_t>(properties));
        append(out, packet.properties.raw());
        append(out, extra.raw());
    }
    return place;
}

Result<EncodedPublish> encode_publish(const PublishView& packet, ProtocolVersion version, Bytes& out,
                                      PropertiesView extra) {
    const auto place = encode_publish_header(packet, packet.payload.size(), version, out, extra);
    if (place) append(out, packet.payload);
    return place;
}

std::size_t encoded_publish_size(const PublishView& packet, ProtocolVersion version, PropertiesView extra) {
    const auto body = header_size(packet, version, extra) + packet.payload.size();
    return 1 + varint_size(static_cast<std::uint32_t>(body)) + body;
}

}  // namespace esl::mqtt
