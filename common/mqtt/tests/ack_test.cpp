#include "common/mqtt/tests/golden.hpp"

namespace esl::mqtt::testing {
namespace {

using enum ProtocolVersion;

struct AckRow {
    PacketType type;
    std::uint8_t first;
    ReasonCode failure;
};
constexpr AckRow kAcks[] = {
    {PacketType::puback, 0x40, ReasonCode::not_authorized},
    {PacketType::pubrec, 0x50, ReasonCode::quota_exceeded},
    {PacketType::pubrel, 0x62, ReasonCode::packet_identifier_not_found},
    {PacketType::pubcomp, 0x70, ReasonCode::packet_identifier_not_found},
};

TEST(Ack, IsFourBytesBeforeMqtt5) {
    for (const auto& row : kAcks) {
        for (const auto version : {v31, v311}) {
            expect_both_ways({.version = version,
                              .wire = {row.first, 0x02, 0x12, 0x34},
                              .text = std::string(name(row.type)) + " id=4660 reason=success",
                              .encode = [&](Bytes& out) {
                                  return encode_ack(row.type, {.packet_id = 0x1234, .reason = row.failure}, version,
                                                    out);
                              }});
        }
        Bytes quick;
        encode_ack(row.type, 0x1234, quick);
        EXPECT_EQ(quick, (Bytes{row.first, 0x02, 0x12, 0x34}));
    }
}

TEST(Ack, LeavesOutWhatMqtt5AllowsToLeaveOut) {
    for (const auto& row : kAcks) {
        const auto type = std::string(name(row.type));
        expect_both_ways({.version = v5,
                          .wire = {row.first, 0x02, 0x00, 0x01},
                          .text = type + " id=1 reason=success",
                          .encode = [&](Bytes& out) { return encode_ack(row.type, {.packet_id = 1}, v5, out); }});
        expect_both_ways(
            {.version = v5,
             .wire = {row.first, 0x03, 0x00, 0x01, static_cast<std::uint8_t>(row.failure)},
             .text = type + " id=1 reason=" + std::string(name(row.failure)),
             .encode =
                 [&](Bytes& out) { return encode_ack(row.type, {.packet_id = 1, .reason = row.failure}, v5, out); },
             .whole_shorter = {2}});
    }
}

TEST(Ack, CarriesAReasonStringInMqtt5) {
    for (const auto& row : kAcks) {
        expect_both_ways({.version = v5,
                          .wire = {row.first, 0x08,         // eight bytes
                                   0x00, 0x01,              // packet identifier
                                   0x00,                    // success, written since properties follow
                                   0x04,                    // four bytes of properties
                                   0x1F, 0x00, 0x01, 'r'},  // reason string
                          .text = std::string(name(row.type)) + " id=1 reason=success {reason string='r'}",
                          .encode =
                              [&](Bytes& out) {
                                  Properties properties;
                                  properties.text(PropertyId::reason_string, "r");
                                  return encode_ack(row.type, {.packet_id = 1, .properties = properties}, v5, out);
                              },
                          .whole_shorter = {2, 3}});
    }
}

TEST(Ack, TakesALongFormThatSaysNothingMore) {
    const Bytes wire{0x40, 0x04, 0x00, 0x01, 0x00, 0x00};  // success, no properties
    EXPECT_EQ(text_of(decode_wire(wire, v5).value()), "PUBACK id=1 reason=success");
}

TEST(Ack, SaysWhatIsWrongWithABadOne) {
    for (const auto& row : kAcks) {
        SCOPED_TRACE(name(row.type));
        expect_refused(Bytes{row.first, 0x02, 0, 0}, v311, DecodeError::protocol_violation, "packet identifier 0");
        expect_refused(Bytes{row.first, 0x03, 0, 1, 0}, v311, DecodeError::trailing_bytes, "end of packet, at byte 2");
        expect_refused(Bytes{row.first, 0x03, 0, 1, 0x8E}, v5, DecodeError::malformed, "reason code, at byte 2");
        expect_refused(Bytes{row.first, 0x07, 0, 1, 0, 3, 0x21, 0, 1}, v5, DecodeError::wrong_property,
                       "receive maximum");
        expect_refused(Bytes{static_cast<std::uint8_t>(row.first ^ 0x01), 0x02, 0, 1}, v311, DecodeError::malformed,
                       "flags");
    }
}

TEST(Ack, PubrelMayBeADuplicateInMqtt31Only) {
    const Bytes wire{0x6A, 0x02, 0x00, 0x01};
    EXPECT_EQ(text_of(decode_wire(wire, v31).value()), "PUBREL id=1 reason=success");
    expect_refused(wire, v311, DecodeError::malformed, "flags");
    expect_refused(wire, v5, DecodeError::malformed, "flags");
}

TEST(Ping, IsTwoBytesBothWays) {
    for (const auto version : {v31, v311, v5}) {
        expect_both_ways({.version = version, .wire = {0xC0, 0x00}, .text = "PINGREQ", .encode = [](Bytes& out) {
                              encode_pingreq(out);
                              return Result<void>{};
                          }});
        expect_both_ways({.version = version, .wire = {0xD0, 0x00}, .text = "PINGRESP", .encode = [](Bytes& out) {
                              encode_pingresp(out);
                              return Result<void>{};
                          }});
    }
}

TEST(Disconnect, IsTwoBytesBeforeMqtt5) {
    for (const auto version : {v31, v311}) {
        expect_both_ways(
            {.version = version, .wire = {0xE0, 0x00}, .text = "DISCONNECT reason=success", .encode = [&](Bytes& out) {
                 return encode_disconnect({.reason = ReasonCode::disconnect_with_will}, version, out);
             }});
    }
}

TEST(Disconnect, CarriesReasonAndPropertiesInMqtt5) {
    expect_both_ways(
        {.version = v5, .wire = {0xE0, 0x00}, .text = "DISCONNECT reason=success", .encode = [](Bytes& out) {
             return encode_disconnect({}, v5, out);
         }});
    expect_both_ways(
        {.version = v5,
         .wire = {0xE0, 0x01, 0x04},
         .text = "DISCONNECT reason=disconnect with will message",
         .encode = [](Bytes& out) { return encode_disconnect({.reason = ReasonCode::disconnect_with_will}, v5, out); },
         .whole_shorter = {0}});
    expect_both_ways({.version = v5,
                      .wire = {0xE0, 0x0B,                    // eleven bytes
                               0x9D,                          // server moved
                               0x09,                          // nine bytes of properties
                               0x11, 0x00, 0x00, 0x00, 0x00,  // session expiry interval 0
                               0x1C, 0x00, 0x01, 's'},        // server reference
                      .text = "DISCONNECT reason=server moved {session expiry interval=0} {server reference='s'}",
                      .encode =
                          [](Bytes& out) {
                              Properties properties;
                              properties.number(PropertyId::session_expiry_interval, 0);
                              properties.text(PropertyId::server_reference, "s");
                              return encode_disconnect({.reason = ReasonCode::server_moved, .properties = properties},
                                                       v5, out);
                          },
                      .whole_shorter = {0, 1}});
    expect_refused(Bytes{0xE0, 0x01, 0x01}, v5, DecodeError::malformed, "reason code");
    expect_refused(Bytes{0xE0, 0x01, 0x00}, v311, DecodeError::trailing_bytes, "end of packet");
}

TEST(Auth, IsThereInMqtt5Only) {
    expect_both_ways(
        {.version = v5,
         .wire = {0xF0, 0x0B,                     // eleven bytes
                  0x18,                           // continue authentication
                  0x09,                           // nine bytes of properties
                  0x15, 0x00, 0x01, 'm',          // method
                  0x16, 0x00, 0x02, 0xAB, 0xCD},  // data
         .text = "AUTH reason=continue authentication {authentication method='m'} {authentication data=ABCD}",
         .encode =
             [](Bytes& out) {
                 const Bytes data{0xAB, 0xCD};
                 Properties properties;
                 properties.text(PropertyId::authentication_method, "m");
                 properties.binary(PropertyId::authentication_data, data);
                 return encode_auth({.reason = ReasonCode::continue_authentication, .properties = properties}, out);
             },
         .whole_shorter = {0, 1}});
    expect_refused(Bytes{0xF0, 0x00}, v311, DecodeError::malformed, "packet type 15");
    expect_refused(Bytes{0xF0, 0x01, 0x80}, v5, DecodeError::malformed, "reason code");
}

}  // namespace
}  // namespace esl::mqtt::testing
