// Any packet, for code that does not know which one comes: clients, tests, tools.
#pragma once

#include <variant>

#include "common/mqtt/packet/ack.hpp"
#include "common/mqtt/packet/connack.hpp"
#include "common/mqtt/packet/connect.hpp"
#include "common/mqtt/packet/disconnect.hpp"
#include "common/mqtt/packet/ping.hpp"
#include "common/mqtt/packet/publish.hpp"
#include "common/mqtt/packet/suback.hpp"
#include "common/mqtt/packet/subscribe.hpp"

namespace esl::mqtt {

struct AnyPacket {
    PacketType type = PacketType::connect;
    // monostate: PINGREQ, PINGRESP. AckView, SubscribeView and SubackView each serve several types.
    std::variant<std::monostate, ConnectView, ConnackView, PublishView, AckView, SubscribeView, SubackView,
                 DisconnectView, AuthView>
        packet;
};

// `version` is not looked at for CONNECT.
[[nodiscard]] Result<AnyPacket> decode_any(const Frame& frame, ProtocolVersion version);
[[nodiscard]] Result<void> encode_any(const AnyPacket& packet, ProtocolVersion version, Bytes& out);

}  // namespace esl::mqtt
