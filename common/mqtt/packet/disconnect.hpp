// DISCONNECT, and AUTH, which has the same form.
#pragma once

#include "common/mqtt/properties.hpp"
#include "common/mqtt/reason_code.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

struct DisconnectView {
    ReasonCode reason = ReasonCode::success;  // MQTT 5
    PropertiesView properties = {};           // MQTT 5
};
struct AuthView {
    ReasonCode reason = ReasonCode::success;
    PropertiesView properties = {};
};

[[nodiscard]] Result<DisconnectView> decode_disconnect(const Frame& frame, ProtocolVersion version);
// not_in_version is never said: before MQTT 5 the reason is dropped. (A server of those versions just closes.)
[[nodiscard]] Result<void> encode_disconnect(const DisconnectView& packet, ProtocolVersion version, Bytes& out);

// MQTT 5 only: malformed before.
[[nodiscard]] Result<AuthView> decode_auth(const Frame& frame, ProtocolVersion version);
[[nodiscard]] Result<void> encode_auth(const AuthView& packet, Bytes& out);

}  // namespace esl::mqtt
