#include "common/mqtt/packet/any.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace esl::mqtt {
namespace {

template <class View>
Result<AnyPacket> wrap(PacketType type, Result<View> decoded) {
    if (!decoded) return fail(std::move(decoded.error()));
    return AnyPacket{.type = type, .packet = *std::move(decoded)};
}

Result<void> encode_filters(const AnyPacket& packet, ProtocolVersion version, Bytes& out) {
    const auto& view = std::get<SubscribeView>(packet.packet);
    std::vector<SubscriptionView> entries;
    std::vector<std::string_view> filters;
    for (const auto& entry : view.filters) {
        entries.push_back(entry);
        filters.push_back(entry.filter);
    }
    if (packet.type == PacketType::subscribe) {
        return encode_subscribe(view.packet_id, entries, view.properties, version, out);
    }
    return encode_unsubscribe(view.packet_id, filters, view.properties, version, out);
}

Result<void> encode_reasons(const AnyPacket& packet, ProtocolVersion version, Bytes& out) {
    const auto& view = std::get<SubackView>(packet.packet);
    std::vector<ReasonCode> reasons;
    for (std::size_t i = 0; i < view.size(); ++i) reasons.push_back(view.reason(i));
    if (packet.type == PacketType::suback) return encode_suback(view.packet_id, reasons, view.properties, version, out);
    return encode_unsuback(view.packet_id, reasons, view.properties, version, out);
}

}  // namespace

Result<AnyPacket> decode_any(const Frame& frame, ProtocolVersion version) {
    switch (frame.type) {
        case PacketType::connect:
            return wrap(frame.type, decode_connect(frame));
        case PacketType::connack:
            return wrap(frame.type, decode_connack(frame, version));
        case PacketType::publish:
            return wrap(frame.type, decode_publish(frame, version));
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return wrap(frame.type, decode_ack(frame, version));
        case PacketType::subscribe:
            return wrap(frame.type, decode_subscribe(frame, version));
        case PacketType::unsubscribe:
            return wrap(frame.type, decode_unsubscribe(frame, version));
        case PacketType::suback:
            return wrap(frame.type, decode_suback(frame, version));
        case PacketType::unsuback:
            return wrap(frame.type, decode_unsuback(frame, version));
        case PacketType::pingreq:
        case PacketType::pingresp: {
            auto decoded = decode_ping(frame);
            if (!decoded) return fail(std::move(decoded.error()));
            return AnyPacket{.type = frame.type, .packet = std::monostate{}};
        }
        case PacketType::disconnect:
            return wrap(frame.type, decode_disconnect(frame, version));
        case PacketType::auth:
            return wrap(frame.type, decode_auth(frame, version));
    }
    return fail(DecodeError::malformed, "packet type 0");
}

Result<void> encode_any(const AnyPacket& packet, ProtocolVersion version, Bytes& out) {
    switch (packet.type) {
        case PacketType::connect:
            return encode_connect(std::get<ConnectView>(packet.packet), out);
        case PacketType::connack:
            return encode_connack(std::get<ConnackView>(packet.packet), version, out);
        case PacketType::publish: {
            auto encoded = encode_publish(std::get<PublishView>(packet.packet), version, out);
            if (!encoded) return fail(std::move(encoded.error()));
            return {};
        }
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return encode_ack(packet.type, std::get<AckView>(packet.packet), version, out);
        case PacketType::subscribe:
        case PacketType::unsubscribe:
            return encode_filters(packet, version, out);
        case PacketType::suback:
        case PacketType::unsuback:
            return encode_reasons(packet, version, out);
        case PacketType::pingreq:
            encode_pingreq(out);
            return {};
        case PacketType::pingresp:
            encode_pingresp(out);
            return {};
        case PacketType::disconnect:
            return encode_disconnect(std::get<DisconnectView>(packet.packet), version, out);
        case PacketType::auth:
            return encode_auth(std::get<AuthView>(packet.packet), out);
    }
    return fail(EncodeError::not_in_version, "packet type 0");
}

}  // namespace esl::mqtt
