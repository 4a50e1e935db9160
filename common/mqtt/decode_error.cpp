#include "common/mqtt/decode_error.hpp"

namespace esl::mqtt {

std::string_view describe(DecodeError e) {
    switch (e) {
        case DecodeError::malformed:
            return "malformed packet";
        case DecodeError::truncated:
            return "packet ends inside a field";
        case DecodeError::trailing_bytes:
            return "bytes after the end of the packet";
        case DecodeError::protocol_violation:
            return "protocol error";
        case DecodeError::packet_too_large:
            return "packet too large";
        case DecodeError::unsupported_version:
            return "unsupported protocol version";
        case DecodeError::bad_utf8:
            return "not valid UTF-8";
        case DecodeError::bad_topic:
            return "topic name not valid";
        case DecodeError::bad_topic_filter:
            return "topic filter not valid";
        case DecodeError::duplicate_property:
            return "property given twice";
        case DecodeError::wrong_property:
            return "property not allowed here";
    }
    return "decode error";
}

ReasonCode reason_code_for(DecodeError e) {
    switch (e) {
        case DecodeError::malformed:
        case DecodeError::truncated:
        case DecodeError::trailing_bytes:
        case DecodeError::bad_utf8:
        case DecodeError::wrong_property:
            return ReasonCode::malformed_packet;  // section 2.2.2.2
        case DecodeError::protocol_violation:
        case DecodeError::duplicate_property:
            return ReasonCode::protocol_error;
        case DecodeError::packet_too_large:
            return ReasonCode::packet_too_large;
        case DecodeError::unsupported_version:
            return ReasonCode::unsupported_protocol_version;
        case DecodeError::bad_topic:
            return ReasonCode::topic_name_invalid;
        case DecodeError::bad_topic_filter:
            return ReasonCode::topic_filter_invalid;
    }
    return ReasonCode::unspecified_error;
}

ReasonCode reason_code_for(const Error& error) {
    const auto reason = error.as<DecodeError>();
    return reason ? reason_code_for(*reason) : ReasonCode::unspecified_error;
}

std::string_view describe(EncodeError e) {
    switch (e) {
        case EncodeError::too_long:
            return "too long for MQTT";
        case EncodeError::not_in_version:
            return "not in this version of MQTT";
    }
    return "encode error";
}

}  // namespace esl::mqtt
