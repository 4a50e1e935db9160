// PUBLISH. Decoding allocates nothing. Encoding can leave the payload out, for a payload that many receivers share.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/mqtt/properties.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

// Points into the packet.
struct PublishView {
    std::string_view topic = {};  // empty only with a topic alias (MQTT 5)
    BytesView payload = {};
    PropertiesView properties = {};  // MQTT 5
    PacketId packet_id = 0;          // 0 exactly when qos is 0
    QoS qos = QoS::at_most_once;
    bool retain = false;
    bool dup = false;
};

// Subscription identifiers are let through, as servers send them; a server refuses them from clients [MQTT-3.3.4-6].
[[nodiscard]] Result<PublishView> decode_publish(const Frame& frame, ProtocolVersion version);

// Where in `out` the packet id stands (0 when QoS 0), so that bytes encoded once can be sent under several ids.
struct EncodedPublish {
    std::size_t packet_id_at = 0;
};

// `extra` goes behind packet.properties: subscription identifiers, say, that only this receiver gets.
[[nodiscard]] Result<EncodedPublish> encode_publish(const PublishView& packet, ProtocolVersion version, Bytes& out,
                                                    PropertiesView extra = {});
// Everything but the payload, of which `payload_size` bytes must follow; packet.payload is not looked at.
[[nodiscard]] Result<EncodedPublish> encode_publish_header(const PublishView& packet, std::size_t payload_size,
                                                           ProtocolVersion version, Bytes& out,
                                                           PropertiesView extra = {});
// What encode_publish() would append, to hold against the receiver's Maximum Packet Size.
[[nodiscard]] std::size_t encoded_publish_size(const PublishView& packet, ProtocolVersion version,
                                               PropertiesView extra = {});

}  // namespace esl::mqtt
