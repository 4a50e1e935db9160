#include "common/mqtt/reason_code.hpp"

#include <array>
#include <iterator>

namespace esl::mqtt {
namespace {

constexpr unsigned bit(PacketType type) {
    return 1U << static_cast<unsigned>(type);
}
constexpr unsigned kConnack = bit(PacketType::connack);
constexpr unsigned kPuback = bit(PacketType::puback);
constexpr unsigned kPubrec = bit(PacketType::pubrec);
constexpr unsigned kPubrel = bit(PacketType::pubrel);
constexpr unsigned kPubcomp = bit(PacketType::pubcomp);
constexpr unsigned kSuback = bit(PacketType::suback);
constexpr unsigned kUnsuback = bit(PacketType::unsuback);
constexpr unsigned kDisconnect = bit(PacketType::disconnect);
constexpr unsigned kAuth = bit(PacketType::auth);
constexpr unsigned kPubackRec = kPuback | kPubrec;
constexpr unsigned kRelComp = kPubrel | kPubcomp;

struct Row {
    ReasonCode code;
    unsigned packets;
    std::string_view name;
};

using enum ReasonCode;
// MQTT 5 table 2-6. It gives 0x8C to DISCONNECT too, which the list in section 3.14.2.1 leaves out.
constexpr Row kRows[] = {
    {success, kConnack | kPubackRec | kRelComp | kSuback | kUnsuback | kDisconnect | kAuth, "success"},
    {granted_qos_1, kSuback, "granted QoS 1"},
    {granted_qos_2, kSuback, "granted QoS 2"},
    {disconnect_with_will, kDisconnect, "disconnect with will message"},
    {no_matching_subscribers, kPubackRec, "no matching subscribers"},
    {no_subscription_existed, kUnsuback, "no subscription existed"},
    {continue_authentication, kAuth, "continue authentication"},
    {reauthenticate, kAuth, "re-authenticate"},
    {unspecified_error, kConnack | kPubackRec | kSuback | kUnsuback | kDisconnect, "unspecified error"},
    {malformed_packet, kConnack | kDisconnect, "malformed packet"},
    {protocol_error, kConnack | kDisconnect, "protocol error"},
    {implementation_specific_error, kConnack | kPubackRec | kSuback | kUnsuback | kDisconnect,
     "implementation specific error"},
    {unsupported_protocol_version, kConnack, "unsupported protocol version"},
    {client_identifier_not_valid, kConnack, "client identifier not valid"},
    {bad_user_name_or_password, kConnack, "bad user name or password"},
    {not_authorized, kConnack | kPubackRec | kSuback | kUnsuback | kDisconnect, "not authorized"},
    {server_unavailable, kConnack, "server unavailable"},
    {server_busy, kConnack | kDisconnect, "server busy"},
    {banned, kConnack, "banned"},
    {server_shutting_down, kDisconnect, "server shutting down"},
    {bad_authentication_method, kConnack | kDisconnect, "bad authentication method"},
    {keep_alive_timeout, kDisconnect, "keep alive timeout"},
    {session_taken_over, kDisconnect, "session taken over"},
    {topic_filter_invalid, kSuback | kUnsuback | kDisconnect, "topic filter invalid"},
    {topic_name_invalid, kConnack | kPubackRec | kDisconnect, "topic name invalid"},
    {packet_identifier_in_use, kPubackRec | kSuback | kUnsuback, "packet identifier in use"},
    {packet_identifier_not_found, kRelComp, "packet identifier not found"},
    {receive_maximum_exceeded, kDisconnect, "receive maximum exceeded"},
    {topic_alias_invalid, kDisconnect, "topic alias invalid"},
    {packet_too_large, kConnack | kDisconnect, "packet too large"},
    {message_rate_too_high, kDisconnect, "message rate too high"},
    {quota_exceeded, kConnack | kPubackRec | kSuback | kDisconnect, "quota exceeded"},
    {administrative_action, kDisconnect, "administrative action"},
    {payload_format_invalid, kConnack | kPubackRec | kDisconnect, "payload format invalid"},
    {retain_not_supported, kConnack | kDisconnect, "retain not supported"},
    {qos_not_supported, kConnack | kDisconnect, "QoS not supported"},
    {use_another_server, kConnack | kDisconnect, "use another server"},
    {server_moved, kConnack | kDisconnect, "server moved"},
    {shared_subscriptions_not_supported, kSuback | kDisconnect, "shared subscriptions not supported"},
    {connection_rate_exceeded, kConnack | kDisconnect, "connection rate exceeded"},
    {maximum_connect_time, kDisconnect, "maximum connect time"},
    {subscription_identifiers_not_supported, kSuback | kDisconnect, "subscription identifiers not supported"},
    {wildcard_subscriptions_not_supported, kSuback | kDisconnect, "wildcard subscriptions not supported"},
};

// Row of each number, so that a look-up is one index.
constexpr auto kRowOf = [] {
    std::array<std::int8_t, 256> rows{};
    rows.fill(-1);
    for (std::size_t i = 0; i < std::size(kRows); ++i) {
        rows[static_cast<std::uint8_t>(kRows[i].code)] = static_cast<std::int8_t>(i);
    }
    return rows;
}();

const Row* find(ReasonCode code) {
    const auto row = kRowOf[static_cast<std::uint8_t>(code)];
    return row < 0 ? nullptr : &kRows[row];
}

}  // namespace

std::string_view name(ReasonCode code) {
    const auto* row = find(code);
    return row == nullptr ? "unknown reason code" : row->name;
}

bool allowed_in(ReasonCode code, PacketType packet) {
    const auto* row = find(code);
    return row != nullptr && (row->packets & bit(packet)) != 0;
}

// MQTT 3.1.1 section 3.2.2.3.
std::uint8_t to_connect_return_code(ReasonCode code) {
    switch (code) {
        case success:
            return 0;
        case unsupported_protocol_version:
            return 1;
        case client_identifier_not_valid:
            return 2;
        case bad_user_name_or_password:
        case bad_authentication_method:
            return 4;
        case not_authorized:
        case banned:
            return 5;
        default:
            return 3;  // server unavailable
    }
}

}  // namespace esl::mqtt
