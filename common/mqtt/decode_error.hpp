// Why bytes are not the MQTT packet they claim to be. Error::about() names the packet, the field and the offset in its
// body.
#pragma once

#include <string_view>

#include "common/core/result.hpp"
#include "common/mqtt/reason_code.hpp"

namespace esl::mqtt {

enum class DecodeError {
    malformed,            // a value or flag that the standard forbids in any state
    truncated,            // the body ends inside a field
    trailing_bytes,       // the body goes on after the last field
    protocol_violation,   // well formed, but the standard calls it a protocol error
    packet_too_large,     // by its header, longer than the receiver allows
    unsupported_version,  // protocol name or level of CONNECT
    bad_utf8,             // also U+0000 and surrogates [MQTT-1.5.4-1] [MQTT-1.5.4-2]
    bad_topic,            // empty topic name, or wildcards in it
    bad_topic_filter,
    duplicate_property,
    wrong_property,  // not for this packet, or not in the standard at all
};

[[nodiscard]] std::string_view describe(DecodeError e);

// What an MQTT 5 server puts into the DISCONNECT or CONNACK before it closes.
[[nodiscard]] ReasonCode reason_code_for(DecodeError e);
// The same for any error; unspecified_error when it is not a DecodeError.
[[nodiscard]] ReasonCode reason_code_for(const Error& error);

// Why a packet cannot be put into bytes.
enum class EncodeError {
    too_long,       // a text or binary field above 65,535 bytes, or a packet above 268,435,455
    not_in_version  // the packet, or something in it, does not exist in this protocol version
};

[[nodiscard]] std::string_view describe(EncodeError e);

}  // namespace esl::mqtt
