// What the standards forbid, byte by byte: the broker closes, and an MQTT 5 client is told why. The rows name the
// statements that they break; docs/conformance/ lists all of them.
#include <gtest/gtest.h>

#include "broker/tests/conformance_rig.hpp"

namespace esl::broker::testing {
namespace {

class Conformance : public StandardBroker {};

struct Row {
    const char* what;
    Raw bytes;
};

// Not a byte comes back: no CONNACK [MQTT-3.1.4-1 of 3.1.1], and no DISCONNECT before one [MQTT-3.14.0-1].
void expect_refused(std::uint16_t port, const Row& row) {
    RawClient c(port);
    c.send(row.bytes);
    EXPECT_EQ(c.next(), Bytes{});
}

Raw connect_with(std::uint8_t level, std::uint8_t flags, const Raw& payload) {
    return packet(0x10, connect_head(level, flags) + (level == 5 ? Raw{0} : Raw{}) + payload);
}

TEST_F(Conformance, RefusesAConnectThatBreaksItsForm) {
    for (const std::uint8_t level : {std::uint8_t{4}, std::uint8_t{5}}) {
        const Raw will_properties = level == 5 ? Raw{0} : Raw{};
        const Row rows[] = {
            {"client id of bad UTF-8", connect_with(level, 2, str("\xC3\x28"))},
            {"client id with a surrogate", connect_with(level, 2, str("\xED\xA0\x80"))},
            {"client id with U+0000", connect_with(level, 2, str(std::string_view("a\0b", 3)))},
            {"no client id", connect_with(level, 2, {})},
            {"client id cut off", connect_with(level, 2, u16(9) + Raw{'a'})},
            {"user name of bad UTF-8", connect_with(level, 0x82, str("a") + str("\xFF"))},
            {"will topic of bad UTF-8", connect_with(level, 6, str("a") + will_properties + str("\xFF") + str("x"))},
            {"will topic with a wildcard", connect_with(level, 6, str("a") + will_properties + str("w/#") + str("x"))},
            {"will flag without a will", connect_with(level, 6, str("a"))},
            {"will QoS without will flag", connect_with(level, 0x0A, str("a"))},
            {"will QoS 3", connect_with(level, 0x1E, str("a") + will_properties + str("w") + str("x"))},
            {"will retain without will flag", connect_with(level, 0x22, str("a"))},
            {"a will without will flag", connect_with(level, 2, str("a") + str("w") + str("x"))},
            {"a user name without its flag", connect_with(level, 2, str("a") + str("u"))},
            {"user name flag without one", connect_with(level, 0x82, str("a"))},
            {"a password without its flag", connect_with(level, 0x82, str("a") + str("u") + str("p"))},
            {"password flag without one", connect_with(level, 0xC2, str("a") + str("u"))},
            {"reserved connect flag", connect_with(level, 3, str("a"))},
            {"flags in the fixed header", packet(0x11, connect_head(level, 2) + Raw{0} + str("a"))},
            {"PUBLISH first", packet(0x30, str("t"))},
            {"PINGREQ first", {0xC0, 0x00}},
            {"SUBSCRIBE first", packet(0x82, u16(1) + str("t") + Raw{0})},
        };
        for (const auto& row : rows) {
            SCOPED_TRACE(std::string(row.what) + ", level " + std::to_string(level));
            expect_refused(broker_.port(), row);
        }
    }
    expect_refused(broker_.port(),
                   {"3.1.1: a password without a user name", connect_with(4, 0x42, str("a") + str("p"))});
    const auto with = [](const Raw& of) { return packet(0x10, connect_head(5, 2) + properties(of) + str("a")); };
    const Row rows5[] = {
        {"session expiry twice", with({0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1})},
        {"receive maximum 0", with({0x21, 0, 0})},
        {"maximum packet size 0", with({0x27, 0, 0, 0, 0})},
        {"request response information 2", with({0x19, 2})},
        {"request problem information 2", with({0x17, 2})},
        {"a property of PUBLISH", with({0x23, 0, 1})},
    };
    for (const auto& row : rows5) {
        SCOPED_TRACE(row.what);
        expect_refused(broker_.port(), row);
    }
    EXPECT_EQ(broker_.counter("sessions"), 0U);
}

TEST_F(Conformance, SaysWhichRefusalItIs) {
    struct Case {
        const char* what;
        Raw bytes;
        Bytes answer;
    };
    const Case cases[] = {
        {"a level that is none", packet(0x10, connect_head(6, 2) + Raw{0} + str("a")), {0x20, 2, 0, 1}},
        {"another protocol name", packet(0x10, str("MQTX") + Raw{4, 2, 0, 60} + str("a")), {0x20, 2, 0, 1}},
        {"3.1.1: empty client id that is to be kept", connect_with(4, 0, str("")), {0x20, 2, 0, 2}},
        {"3.1.1: client id that is too long", connect_with(4, 2, str(std::string(1'025, 'x'))), {0x20, 2, 0, 2}},
        {"5.0: the same, no reason in 10 bytes",
         packet(0x10, connect_head(5, 2) + properties({0x27, 0, 0, 0, 10}) + str(std::string(1'025, 'x'))),
         {0x20, 3, 0, 0x85, 0}},
        {"5.0: a will to a topic of the server",
         packet(0x10,
                connect_head(5, 6) + properties({0x27, 0, 0, 0, 28}) + str("a") + Raw{0} + str("$SYS/x") + str("w")),
         {0x20, 3, 0, 0x90, 0}},
        {"5.0: a maximum packet size that CONNACK does not fit in",
         packet(0x10, connect_head(5, 2) + properties({0x27, 0, 0, 0, 27}) + str("a")),
         {0x20, 3, 0, 0x95, 0}},
        {"5.0: nor with an id to assign",
         packet(0x10, connect_head(5, 2) + properties({0x27, 0, 0, 0, 59}) + str("")),
         {0x20, 3, 0, 0x95, 0}},
        {"5.0: an authentication method",
         packet(0x10, connect_head(5, 2) + properties(Raw{0x27, 0, 0, 0, 10, 0x15} + str("x")) + str("a")),
         {0x20, 3, 0, 0x8C, 0}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        RawClient client(broker_.port());
        // What stands behind a refused CONNECT is not looked at.
        client.send(c.bytes + packet(0x31, str("kept") + Raw{'x'}));
        EXPECT_EQ(client.next(), c.answer);
        EXPECT_TRUE(client.next().empty());
    }
    EXPECT_EQ(broker_.counter("retained_messages"), 0U);
    EXPECT_EQ(broker_.counter("publishes_received_total"), 0U);
}

const Raw kPad = u16(1);

TEST_F(Conformance, ClosesOnAPacketOf311ThatBreaksItsForm) {
    const Row rows[] = {
        {"a second CONNECT", connect_packet(4, "raw")},
        {"packet type 0", {0x00, 0x00}},
        {"a length of five bytes", {0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}},
        {"PUBLISH with QoS 3", packet(0x36, str("t") + kPad)},
        {"PUBLISH at QoS 0 with DUP", packet(0x38, str("t"))},
        {"PUBLISH with packet id 0", packet(0x32, str("t") + u16(0))},
        {"PUBLISH to a topic with #", packet(0x30, str("a/#"))},
        {"PUBLISH to a topic with +", packet(0x30, str("+/a"))},
        {"PUBLISH to an empty topic", packet(0x30, str(""))},
        {"PUBLISH to a topic with U+0000", packet(0x30, str(std::string_view("a\0", 2)))},
        {"PUBLISH to a topic of bad UTF-8", packet(0x30, str("\xC0\x80"))},
        {"PUBLISH without a topic", {0x30, 0x00}},
        {"PUBACK with flags", {0x41, 2, 0, 1}},
        {"PUBREC with flags", {0x52, 2, 0, 1}},
        {"PUBREL without its flags", {0x60, 2, 0, 1}},
        {"PUBCOMP with flags", {0x78, 2, 0, 1}},
        {"SUBSCRIBE without its flags", packet(0x80, u16(1) + str("t") + Raw{0})},
        {"SUBSCRIBE with packet id 0", packet(0x82, u16(0) + str("t") + Raw{0})},
        {"SUBSCRIBE to nothing", packet(0x82, u16(1))},
        {"SUBSCRIBE at QoS 3", packet(0x82, u16(1) + str("t") + Raw{3})},
        {"SUBSCRIBE with a reserved bit", packet(0x82, u16(1) + str("t") + Raw{0x80})},
        {"SUBSCRIBE to a filter of bad UTF-8", packet(0x82, u16(1) + str("\xFF") + Raw{0})},
        {"SUBSCRIBE to an empty filter", packet(0x82, u16(1) + str("") + Raw{0})},
        {"SUBSCRIBE to a filter with U+0000", packet(0x82, u16(1) + str(std::string_view("\0", 1)) + Raw{0})},
        {"# inside a level", packet(0x82, u16(1) + str("a#") + Raw{0})},
        {"# that is not last", packet(0x82, u16(1) + str("#/a") + Raw{0})},
        {"+ inside a level", packet(0x82, u16(1) + str("a+/b") + Raw{0})},
        {"UNSUBSCRIBE without its flags", packet(0xA0, u16(1) + str("t"))},
        {"UNSUBSCRIBE with packet id 0", packet(0xA2, u16(0) + str("t"))},
        {"UNSUBSCRIBE from nothing", packet(0xA2, u16(1))},
        {"UNSUBSCRIBE from a filter of bad UTF-8", packet(0xA2, u16(1) + str("\xFF"))},
        {"PINGREQ with flags", {0xC1, 0x00}},
        {"DISCONNECT with flags", {0xE1, 0x00}},
        {"AUTH, which is of 5.0", {0xF0, 0x00}},
        {"CONNACK", {0x20, 2, 0, 0}},
        {"SUBACK", {0x90, 3, 0, 1, 0}},
        {"PINGRESP", {0xD0, 0}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        RawClient c(broker_.port());
        c.log_in(4);
        c.send(row.bytes);
        EXPECT_TRUE(c.next().empty());
    }
}

struct Row5 {
    const char* what;
    Raw bytes;
    ReasonCode reason;
};

Raw publish5(const Raw& of) {
    return packet(0x30, str("t") + properties(of) + Raw{'x'});
}
Raw subscribe5(std::string_view filter, std::uint8_t options) {
    return packet(0x82, u16(1) + Raw{0} + str(filter) + Raw{options});
}

TEST_F(Conformance, ClosesOnAPacketOf5WithItsReason) {
    using enum ReasonCode;
    const Row5 rows[] = {
        {"a second CONNECT", connect_packet(5, "raw"), protocol_error},
        {"packet type 0", {0x00, 0x00}, malformed_packet},
        {"PUBLISH with QoS 3", packet(0x36, str("t") + u16(1) + Raw{0}), malformed_packet},
        {"PUBLISH at QoS 0 with DUP", packet(0x38, str("t") + Raw{0}), malformed_packet},
        {"PUBLISH with packet id 0", packet(0x32, str("t") + u16(0) + Raw{0}), protocol_error},
        {"PUBLISH to a topic with #", packet(0x30, str("a/#") + Raw{0}), topic_name_invalid},
        {"PUBLISH to a topic with U+0000", packet(0x30, str(std::string_view("a\0", 2)) + Raw{0}), malformed_packet},
        {"PUBLISH to a topic of bad UTF-8", packet(0x30, str("\xFF") + Raw{0}), malformed_packet},
        {"PUBLISH without topic or alias", packet(0x30, str("") + Raw{0}), protocol_error},
        {"a property length longer than needed", packet(0x30, str("t") + Raw{0x80, 0x00}), malformed_packet},
        {"no property length", packet(0x30, str("t")), malformed_packet},
        {"a length longer than needed", Raw{0x30, 0x85, 0x00} + str("t") + Raw{0, 'x'}, malformed_packet},
        {"subscription identifier from a client", publish5({0x0B, 1}), protocol_error},
        {"topic alias 0", publish5({0x23, 0, 0}), protocol_error},
        {"topic alias above the maximum", publish5({0x23, 0, 101}), topic_alias_invalid},
        {"response topic with a wildcard", publish5(Raw{0x08} + str("a/+")), protocol_error},
        {"response topic of bad UTF-8", publish5(Raw{0x08} + str("\xFF")), malformed_packet},
        {"response topic twice", publish5(Raw{0x08} + str("a") + Raw{0x08} + str("b")), protocol_error},
        {"content type of bad UTF-8", publish5(Raw{0x03} + str("\xFF")), malformed_packet},
        {"user property with a bad name", publish5(Raw{0x26} + str("\xFF") + str("v")), malformed_packet},
        {"user property with a bad value", publish5(Raw{0x26} + str("k") + str("\xFF")), malformed_packet},
        {"PUBACK with flags", {0x41, 2, 0, 1}, malformed_packet},
        {"PUBACK with a reason of none", {0x40, 3, 0, 1, 0x01}, malformed_packet},
        {"PUBREC with a reason of none", {0x50, 3, 0, 1, 0x92}, malformed_packet},
        {"PUBREL without its flags", {0x60, 2, 0, 1}, malformed_packet},
        {"PUBREL with a reason of none", {0x62, 3, 0, 1, 0x87}, malformed_packet},
        {"PUBCOMP with a reason of none", {0x70, 3, 0, 1, 0x10}, malformed_packet},
        {"SUBSCRIBE without its flags", packet(0x80, u16(1) + Raw{0} + str("t") + Raw{0}), malformed_packet},
        {"SUBSCRIBE to nothing", packet(0x82, u16(1) + Raw{0}), protocol_error},
        {"SUBSCRIBE with packet id 0", packet(0x82, u16(0) + Raw{0} + str("t") + Raw{0}), protocol_error},
        {"subscription identifier 0", packet(0x82, u16(1) + properties({0x0B, 0}) + str("t") + Raw{0}), protocol_error},
        {"SUBSCRIBE with a reserved bit", subscribe5("t", 0x40), malformed_packet},
        {"SUBSCRIBE at QoS 3", subscribe5("t", 3), malformed_packet},
        {"retain handling 3", subscribe5("t", 0x30), protocol_error},
        {"no-local with a shared filter", subscribe5("$share/g/t", 4), protocol_error},
        {"SUBSCRIBE to a filter of bad UTF-8", subscribe5("\xFF", 0), malformed_packet},
        {"SUBSCRIBE to an empty filter", subscribe5("", 0), topic_filter_invalid},
        {"# inside a level", subscribe5("a#", 0), topic_filter_invalid},
        {"+ inside a level", subscribe5("+a", 0), topic_filter_invalid},
        {"a share without a name", subscribe5("$share//t", 0), topic_filter_invalid},
        {"a share whose name has a wildcard", subscribe5("$share/g+/t", 0), topic_filter_invalid},
        {"a share without a filter", subscribe5("$share/g", 0), topic_filter_invalid},
        {"a share with an empty filter", subscribe5("$share/g/", 0), topic_filter_invalid},
        {"UNSUBSCRIBE without its flags", packet(0xA0, u16(1) + Raw{0} + str("t")), malformed_packet},
        {"UNSUBSCRIBE from nothing", packet(0xA2, u16(1) + Raw{0}), protocol_error},
        {"UNSUBSCRIBE from a filter of bad UTF-8", packet(0xA2, u16(1) + Raw{0} + str("\xFF")), malformed_packet},
        {"PINGREQ with flags", {0xC1, 0x00}, malformed_packet},
        {"DISCONNECT with flags", {0xE1, 0x00}, malformed_packet},
        {"DISCONNECT with a reason of none", {0xE0, 1, 0x03}, malformed_packet},
        {"AUTH with flags", {0xF1, 0x00}, malformed_packet},
        {"AUTH with a reason of none", {0xF0, 2, 0x01, 0}, protocol_error},
        {"AUTH where CONNECT named no method", {0xF0, 0x00}, protocol_error},
        {"AUTH without a method", packet(0xF0, Raw{0x18} + properties(Raw{0x15} + str("m"))), protocol_error},
        {"CONNACK", {0x20, 3, 0, 0, 0}, protocol_error},
        {"PINGRESP", {0xD0, 0x00}, protocol_error},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        RawClient c(broker_.port());
        c.log_in(5);
        c.send(row.bytes);
        const auto told = c.next();
        ASSERT_GE(told.size(), 3U);
        EXPECT_EQ(told[0], 0xE0);
        EXPECT_EQ(mqtt::name(static_cast<ReasonCode>(told[2])), mqtt::name(row.reason));
        EXPECT_TRUE(c.next().empty());  // nothing after it, and closed
    }
}

}  // namespace
}  // namespace esl::broker::testing
