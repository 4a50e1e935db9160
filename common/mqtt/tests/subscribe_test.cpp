#include "common/mqtt/tests/golden.hpp"

namespace esl::mqtt::testing {
namespace {

using enum ProtocolVersion;

TEST(Subscribe, HasFiltersAndQoSBeforeMqtt5) {
    for (const auto version : {v31, v311}) {
        expect_both_ways({.version = version,
                          .wire = {0x82, 0x0C,                       // SUBSCRIBE
                                   0x00, 0x0A,                       // packet identifier
                                   0x00, 0x03, 'a', '/', '#', 0x01,  // filter, QoS 1
                                   0x00, 0x01, '+', 0x02},           // filter, QoS 2
                          .text = "SUBSCRIBE id=10 ['a/#' qos=1 retain=0] ['+' qos=2 retain=0] of 2",
                          .encode =
                              [&](Bytes& out) {
                                  const SubscriptionView filters[] = {
                                      {.filter = "a/#", .qos = QoS::at_least_once, .no_local = true},
                                      {.filter = "+", .qos = QoS::exactly_once}};
                                  return encode_subscribe(10, filters, {}, version, out);
                              },
                          .whole_shorter = {8}});
    }
}

TEST(Subscribe, HasOptionsAndAnIdentifierInMqtt5) {
    expect_both_ways({.version = v5,
                      .wire = {0x82, 0x18,              // SUBSCRIBE
                               0x00, 0x01,              // packet identifier
                               0x03,                    // three bytes of properties
                               0x0B, 0x80, 0x01,        // subscription identifier 128
                               0x00, 0x01, 'a',  0x2E,  // no local, as published, no retained, QoS 2
                               0x00, 0x0B, '$',  's',  'h', 'a', 'r', 'e', '/', 'g', '/', '+', '/', 0x11},
                      .text = "SUBSCRIBE id=1 {subscription identifier=128} ['a' qos=2 no_local as_published retain=2] "
                              "['$share/g/+/' qos=1 retain=1] of 2",
                      .encode =
                          [](Bytes& out) {
                              const SubscriptionView filters[] = {{.filter = "a",
                                                                   .qos = QoS::exactly_once,
                                                                   .no_local = true,
                                                                   .retain_as_published = true,
                                                                   .retain_handling = RetainHandling::do_not_send},
                                                                  {.filter = "$share/g/+/",
                                                                   .qos = QoS::at_least_once,
                                                                   .retain_handling = RetainHandling::send_if_new}};
                              Properties properties;
                              properties.number(PropertyId::subscription_identifier, 128);
                              return encode_subscribe(1, filters, properties, v5, out);
                          },
                      .whole_shorter = {10}});
}

TEST(Subscribe, SaysWhatIsWrongWithABadOne) {
    expect_refused(Bytes{0x82, 0x02, 0, 1}, v311, DecodeError::protocol_violation, "no topic filter");
    expect_refused(Bytes{0x82, 0x03, 0, 1, 0}, v5, DecodeError::protocol_violation, "no topic filter");
    expect_refused(Bytes{0x82, 0x06, 0, 0, 0, 1, 'a', 0}, v311, DecodeError::protocol_violation, "packet identifier 0");
    expect_refused(Bytes{0x82, 0x06, 0, 1, 0, 1, 'a', 3}, v311, DecodeError::malformed, "QoS 3");
    expect_refused(Bytes{0x82, 0x06, 0, 1, 0, 1, 'a', 4}, v311, DecodeError::malformed, "reserved bits");
    expect_refused(Bytes{0x82, 0x07, 0, 1, 0, 0, 1, 'a', 0x40}, v5, DecodeError::malformed, "reserved bits");
    expect_refused(Bytes{0x82, 0x07, 0, 1, 0, 0, 1, 'a', 0x30}, v5, DecodeError::protocol_violation, "retain handling");
    expect_refused(Bytes{0x82, 0x05, 0, 1, 0, 0, 0}, v311, DecodeError::bad_topic_filter, "topic filter");
    expect_refused(Bytes{0x82, 0x07, 0, 1, 0, 2, 'a', '#', 0}, v311, DecodeError::bad_topic_filter, "topic filter");
    expect_refused(Bytes{0x82, 0x06, 0, 1, 0, 1, 0x80, 0}, v311, DecodeError::bad_utf8, "topic filter");
    expect_refused(Bytes{0x82, 0x05, 0, 1, 0, 1, 'a'}, v311, DecodeError::truncated, "subscription options");
    expect_refused(Bytes{0x8A, 0x06, 0, 1, 0, 1, 'a', 0}, v311, DecodeError::malformed, "flags");
    Bytes shared{0, 1, 0, 0, 10};
    for (const char c : std::string_view("$share/g/a")) shared.push_back(static_cast<std::uint8_t>(c));
    shared.push_back(0x04);
    expect_refused(packet_of(0x82, shared), v5, DecodeError::protocol_violation, "no local");
}

TEST(Subscribe, MayBeADuplicateInMqtt31) {
    const Bytes wire{0x8A, 0x06, 0, 1, 0, 1, 'a', 0};
    EXPECT_TRUE(decode_wire(wire, v31));
}

TEST(Subscribe, TakesAFilterOf65kSlashesWithoutRecursion) {
    Bytes body{0, 1, 0xFF, 0xFF};
    body.insert(body.end(), 65'535, '/');
    body.push_back(0);
    const Bytes wire = packet_of(0x82, body);
    const auto decoded = decode_subscribe(frame_of(wire), v311);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->filters.begin()->filter.size(), 65'535U);
}

TEST(Unsubscribe, HasFiltersOnly) {
    expect_both_ways({.version = v311,
                      .wire = {0xA2, 0x06, 0x00, 0x02, 0x00, 0x02, 'a', '/'},
                      .text = "UNSUBSCRIBE id=2 ['a/' qos=0 retain=0] of 1",
                      .encode = [](Bytes& out) {
                          const std::string_view filters[] = {"a/"};
                          return encode_unsubscribe(2, filters, {}, v311, out);
                      }});
    expect_both_ways({.version = v5,
                      .wire = {0xA2, 0x10,                              // UNSUBSCRIBE
                               0x00, 0x02,                              // packet identifier
                               0x07,                                    // seven bytes of properties
                               0x26, 0x00, 0x01, 'k', 0x00, 0x01, 'v',  // user property
                               0x00, 0x01, 'a',                         // filters
                               0x00, 0x01, '#'},
                      .text = "UNSUBSCRIBE id=2 {user property='k':'v'} ['a' qos=0 retain=0] ['#' qos=0 retain=0] of 2",
                      .encode =
                          [](Bytes& out) {
                              const std::string_view filters[] = {"a", "#"};
                              Properties properties;
                              properties.user("k", "v");
                              return encode_unsubscribe(2, filters, properties, v5, out);
                          },
                      .whole_shorter = {13}});
    expect_refused(Bytes{0xA2, 0x02, 0, 1}, v311, DecodeError::protocol_violation, "no topic filter");
    expect_refused(Bytes{0xA2, 0x07, 0, 1, 2, 0x0B, 1, 0, 0}, v5, DecodeError::wrong_property,
                   "subscription identifier");
}

TEST(Suback, HasAReasonForEachFilter) {
    for (const auto version : {v31, v311}) {
        expect_both_ways({.version = version,
                          .wire = {0x90, 0x05, 0x00, 0x0A, 0x00, 0x02, 0x80},
                          .text = "SUBACK id=10 reasons=000280",
                          .encode =
                              [&](Bytes& out) {
                                  const ReasonCode reasons[] = {granted(QoS::at_most_once), granted(QoS::exactly_once),
                                                                ReasonCode::not_authorized};
                                  return encode_suback(10, reasons, {}, version, out);
                              },
                          .whole_shorter = {3, 4},
                          .open_ended = true});
    }
    expect_both_ways({.version = v5,
                      .wire = {0x90, 0x05, 0x00, 0x0A, 0x00, 0x01, 0x87},
                      .text = "SUBACK id=10 reasons=0187",
                      .encode =
                          [](Bytes& out) {
                              const ReasonCode reasons[] = {ReasonCode::granted_qos_1, ReasonCode::not_authorized};
                              return encode_suback(10, reasons, {}, v5, out);
                          },
                      .whole_shorter = {4},
                      .open_ended = true});
}

TEST(Suback, SaysWhatIsWrongWithABadOne) {
    expect_refused(Bytes{0x90, 0x02, 0, 1}, v311, DecodeError::protocol_violation, "no reason code");
    expect_refused(Bytes{0x90, 0x03, 0, 1, 0x87}, v311, DecodeError::malformed, "reason code");
    expect_refused(Bytes{0x90, 0x04, 0, 1, 0, 0x11}, v5, DecodeError::malformed, "reason code");
}

TEST(Unsuback, HasReasonsInMqtt5Only) {
    for (const auto version : {v31, v311}) {
        expect_both_ways({.version = version,
                          .wire = {0xB0, 0x02, 0x00, 0x0A},
                          .text = "UNSUBACK id=10 reasons=",
                          .encode = [&](Bytes& out) {
                              const ReasonCode reasons[] = {ReasonCode::success};
                              return encode_unsuback(10, reasons, {}, version, out);
                          }});
    }
    expect_both_ways({.version = v5,
                      .wire = {0xB0, 0x09, 0x00, 0x0A,       // UNSUBACK
                               0x04, 0x1F, 0x00, 0x01, 'r',  // reason string
                               0x00, 0x11},                  // success, no subscription existed
                      .text = "UNSUBACK id=10 {reason string='r'} reasons=0011",
                      .encode =
                          [](Bytes& out) {
                              const ReasonCode reasons[] = {ReasonCode::success, ReasonCode::no_subscription_existed};
                              Properties properties;
                              properties.text(PropertyId::reason_string, "r");
                              return encode_unsuback(10, reasons, properties, v5, out);
                          },
                      .whole_shorter = {8},
                      .open_ended = true});
}

}  // namespace
}  // namespace esl::mqtt::testing
