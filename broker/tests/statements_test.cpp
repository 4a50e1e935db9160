// Statements of MQTT 3.1.1 and 5.0 for servers, by their numbers: docs/conformance names these tests. Each row of the
// tables is one packet that a server must answer with the end of the connection.
#include <gtest/gtest.h>

#include <fstream>

#include "broker/tests/broker_fixture.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes raw(std::initializer_list<int> values) {
    Bytes out;
    for (const int value : values) out.push_back(static_cast<std::uint8_t>(value));
    return out;
}

// Two bytes of length, then the bytes.
Bytes text(std::string_view value) {
    const auto bytes = as_bytes(value);
    return raw({static_cast<int>(value.size() >> 8), static_cast<int>(value.size() & 0xFF)}) +
           Bytes(bytes.begin(), bytes.end());
}

Bytes packet(int first, const Bytes& body) {
    EXPECT_LT(body.size(), 128U);
    return raw({first, static_cast<int>(body.size())}) + body;
}

// CONNECT without user or will: level, flags, keep-alive 60, then `rest`.
Bytes connect(int level, int flags, const Bytes& rest) {
    return packet(0x10, text("MQTT") + raw({level, flags, 0, 60}) + rest);
}

struct Forbidden {
    const char* statement;
    Bytes bytes;
};

class Statements : public StandardBroker {
protected:
    // Nothing but the end of the connection.
    void closes_before_connect(const Forbidden& row) {
        SCOPED_TRACE(row.statement);
        TestClient c(broker_.port());
        c.send(row.bytes);
        EXPECT_TRUE(c.closed_by_broker());
        EXPECT_THROW(c.expect(PacketType::pingresp), std::runtime_error);
    }
    void closes_after_connect(const Forbidden& row, ProtocolVersion version) {
        SCOPED_TRACE(row.statement);
        auto c = client("rule-breaker", true, version);
        c.send(row.bytes);
        EXPECT_TRUE(c.closed_by_broker());
        if (version == ProtocolVersion::v5) EXPECT_NE(c.expect(PacketType::disconnect).reason, ReasonCode::success);
    }
};

TEST_F(Statements, ClosesOnAConnectThatIsNotAllowed) {
    const auto id = text("c");
    const Forbidden rows[] = {
        {"MQTT-3.1.0-1: another packet first", packet(0x30, text("t"))},
        {"MQTT-3.1.2-1: protocol name", packet(0x10, text("MQTX") + raw({4, 2, 0, 60}) + id)},
        {"MQTT-3.1.2-3: reserved flag", connect(4, 0x03, id)},
        {"MQTT-3.1.2-9: will flag without will", connect(4, 0x06, id)},
        {"MQTT-3.1.2-11: will without its flag", connect(4, 0x02, id + text("w") + text("p"))},
        {"MQTT-3.1.2-13: will QoS without will", connect(4, 0x0A, id)},
        {"MQTT-3.1.2-14: will QoS 3", connect(4, 0x1E, id + text("w") + text("p"))},
        {"MQTT-3.1.2-15: will retain without will", connect(4, 0x22, id)},
        {"MQTT-3.1.2-18: user name without its flag", connect(4, 0x02, id + text("u"))},
        {"MQTT-3.1.2-19: user name flag without user name", connect(4, 0x82, id)},
        {"MQTT-3.1.2-20: password without its flag", connect(4, 0x82, id + text("u") + text("p"))},
        {"MQTT-3.1.2-21: password flag without password", connect(4, 0xC2, id + text("u"))},
        {"MQTT-3.1.2-22: password flag without user name flag", connect(4, 0x42, id + text("p"))},
        {"MQTT-3.1.3-3: no client id", connect(4, 0x02, {})},
        {"MQTT-3.1.3-4: client id is no UTF-8", connect(4, 0x02, text("\xFF"))},
        {"MQTT-1.5.3-2: U+0000 in the client id", connect(4, 0x02, text(std::string_view("a\0b", 3)))},
        {"MQTT-1.5.3-1: a surrogate in the client id", connect(4, 0x02, text("\xED\xA0\x80"))},
        {"MQTT-3.1.3-10: will topic is no UTF-8", connect(4, 0x06, id + text("\xC0\x80") + text("p"))},
        {"MQTT-3.1.3-11: user name is no UTF-8", connect(4, 0x82, id + text("\xFF"))},
        {"MQTT-2.2.2-2: flags of CONNECT", raw({0x11, 13}) + text("MQTT") + raw({4, 2, 0, 60}) + id},
        {"MQTT-3.1.2-3 (5.0): reserved flag", connect(5, 0x03, raw({0}) + id)},
        {"MQTT-3.1.2-12 (5.0): will QoS 3", connect(5, 0x1E, raw({0}) + id + raw({0}) + text("w") + text("p"))},
        {"5.0 3.1.2.11.2: session expiry twice", connect(5, 0x02, raw({10, 0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1}) + id)},
        {"5.0 3.1.2.11.3: receive maximum 0", connect(5, 0x02, raw({3, 0x21, 0, 0}) + id)},
        {"5.0 3.1.2.11.4: maximum packet size 0", connect(5, 0x02, raw({5, 0x27, 0, 0, 0, 0}) + id)},
        {"5.0 3.1.2.11.6: request response information 2", connect(5, 0x02, raw({2, 0x19, 2}) + id)},
        {"5.0 3.1.2.11.7: request problem information 2", connect(5, 0x02, raw({2, 0x17, 2}) + id)},
        {"5.0 2.2.2.2: a property of PUBLISH in CONNECT", connect(5, 0x02, raw({3, 0x23, 0, 1}) + id)},
    };
    for (const auto& row : rows) closes_before_connect(row);
}

TEST_F(Statements, SaysWhyItRefusesAConnect) {
    const auto refusal = [&](const Bytes& bytes) {
        TestClient c(broker_.port());
        c.send(bytes);
        return c.closed_by_broker() ? c.connack() : std::nullopt;
    };
    const auto version = refusal(connect(6, 0x02, text("c")));
    ASSERT_TRUE(version);  // [MQTT-3.1.2-2]
    EXPECT_EQ(version->reason, ReasonCode::unsupported_protocol_version);
    EXPECT_FALSE(version->session_present);  // [MQTT-3.2.2-4]
    const auto nameless = refusal(connect(4, 0x00, text("")));
    ASSERT_TRUE(nameless);  // [MQTT-3.1.3-8]
    EXPECT_EQ(nameless->reason, ReasonCode::client_identifier_not_valid);
    EXPECT_FALSE(nameless->session_present);
}

TEST_F(Statements, DoesNothingOfWhatFollowsARefusedConnect) {
    auto watcher = client("watcher");
    watcher.subscribe("after", kQos0);
    TestClient c(broker_.port());
    c.send(connect(4, 0x00, text("")) + packet(0x30, text("after") + raw({'x'})));
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_TRUE(watcher.nothing_waits());  // [MQTT-3.1.4-5]
}

TEST_F(Statements, ClosesOnPacketsThatAreNotAllowed311) {
    const auto one = raw({0, 1});
    const Forbidden rows[] = {
        {"MQTT-3.1.0-2: a second CONNECT", connect(4, 0x02, text("c"))},
        {"MQTT-2.3.1-1: PUBLISH with packet id 0", packet(0x32, text("t") + raw({0, 0}))},
        {"MQTT-2.3.1-1: SUBSCRIBE with packet id 0", packet(0x82, raw({0, 0}) + text("t") + raw({0}))},
        {"MQTT-2.3.1-1: UNSUBSCRIBE with packet id 0", packet(0xA2, raw({0, 0}) + text("t"))},
        {"MQTT-2.2.2-2: flags of PUBACK", packet(0x41, one)},
        {"MQTT-2.2.2-2: flags of PINGREQ", packet(0xC1, {})},
        {"MQTT-3.6.1-1: flags of PUBREL", packet(0x60, one)},
        {"MQTT-3.8.1-1: flags of SUBSCRIBE", packet(0x80, one + text("t") + raw({0}))},
        {"MQTT-3.10.1-1: flags of UNSUBSCRIBE", packet(0xA0, one + text("t"))},
        {"MQTT-3.14.1-1: flags of DISCONNECT", packet(0xE1, {})},
        {"MQTT-3.3.1-4: QoS 3", packet(0x36, text("t") + one)},
        {"MQTT-3.3.2-1: a topic that is no UTF-8", packet(0x30, text("\xFF"))},
        {"MQTT-3.3.2-2: a wildcard in a topic", packet(0x30, text("a/+"))},
        {"MQTT-4.7.1-1: a wildcard in a topic", packet(0x30, text("#"))},
        {"MQTT-4.7.3-1: an empty topic", packet(0x30, text(""))},
        {"MQTT-4.7.3-2: U+0000 in a topic", packet(0x30, text(std::string_view("a\0b", 3)))},
        {"MQTT-3.8.3-1: a filter that is no UTF-8", packet(0x82, one + text("\xFF") + raw({0}))},
        {"MQTT-3.8.3-3: SUBSCRIBE without a filter", packet(0x82, one)},
        {"MQTT-3.8.3-4: QoS 3 in SUBSCRIBE", packet(0x82, one + text("t") + raw({3}))},
        {"MQTT-3.8.3-4: reserved bits in SUBSCRIBE", packet(0x82, one + text("t") + raw({4}))},
        {"MQTT-4.7.1-2: '#' before the last level", packet(0x82, one + text("a/#/b") + raw({0}))},
        {"MQTT-4.7.1-2: '#' with company", packet(0x82, one + text("a#") + raw({0}))},
        {"MQTT-4.7.1-3: '+' with company", packet(0x82, one + text("a+/b") + raw({0}))},
        {"MQTT-4.7.3-1: an empty filter", packet(0x82, one + text("") + raw({0}))},
        {"MQTT-3.10.3-1: UNSUBSCRIBE with a filter that is no UTF-8", packet(0xA2, one + text("\xFF"))},
        {"MQTT-3.10.3-2: UNSUBSCRIBE without a filter", packet(0xA2, one)},
        {"MQTT-4.8.0-1: a packet for servers to send", packet(0x20, raw({0, 0}))},
        {"MQTT-4.8.0-1: a length of five bytes", raw({0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})},
    };
    for (const auto& row : rows) closes_after_connect(row, ProtocolVersion::v311);
}

TEST_F(Statements, ClosesOnPacketsThatAreNotAllowed5) {
    const auto one = raw({0, 1});
    const auto none = raw({0});  // no properties
    const Forbidden rows[] = {
        {"MQTT-3.1.0-2: a second CONNECT", connect(5, 0x02, none + text("c"))},
        {"MQTT-2.1.3-1: flags of PUBACK", packet(0x41, one)},
        {"MQTT-2.2.1-3: PUBLISH with packet id 0", packet(0x32, text("t") + raw({0, 0}) + none)},
        {"MQTT-2.2.1-3: SUBSCRIBE with packet id 0", packet(0x82, raw({0, 0}) + none + text("t") + none)},
        {"MQTT-3.3.1-4: QoS 3", packet(0x36, text("t") + one + none)},
        {"MQTT-3.3.2-2: a wildcard in a topic", packet(0x30, text("a/#") + none)},
        {"MQTT-3.3.2-8: topic alias 0", packet(0x30, text("t") + raw({3, 0x23, 0, 0}))},
        {"MQTT-3.3.2-9: topic alias above the maximum", packet(0x30, text("t") + raw({3, 0x23, 0xFF, 0xFF}))},
        {"MQTT-3.3.2-13: a response topic that is no UTF-8", packet(0x30, text("t") + raw({4, 0x08, 0, 1, 0xFF}))},
        {"MQTT-3.3.2-14: a wildcard in a response topic", packet(0x30, text("t") + raw({4, 0x08, 0, 1, '#'}))},
        {"MQTT-3.3.2-15: a response topic twice", packet(0x30, text("t") + raw({8, 0x08, 0, 1, 'a', 0x08, 0, 1, 'b'}))},
        {"MQTT-3.3.2-19: a content type that is no UTF-8", packet(0x30, text("t") + raw({4, 0x03, 0, 1, 0xFF}))},
        {"MQTT-3.3.4-6: a subscription identifier from a client", packet(0x30, text("t") + raw({2, 0x0B, 1}))},
        {"MQTT-3.6.1-1: flags of PUBREL", packet(0x60, one)},
        {"MQTT-3.8.1-1: flags of SUBSCRIBE", packet(0x80, one + none + text("t") + none)},
        {"MQTT-3.8.3-1: a filter that is no UTF-8", packet(0x82, one + none + text("\xFF") + none)},
        {"MQTT-3.8.3-2: SUBSCRIBE without a filter", packet(0x82, one + none)},
        {"MQTT-3.8.3-4: no local with a shared subscription", packet(0x82, one + none + text("$share/g/t") + raw({4}))},
        {"MQTT-3.8.3-5: reserved bits of the options", packet(0x82, one + none + text("t") + raw({0x40}))},
        {"5.0 3.8.3.1: retain handling 3", packet(0x82, one + none + text("t") + raw({0x30}))},
        {"5.0 3.8.2.1.2: subscription identifier 0", packet(0x82, one + raw({2, 0x0B, 0}) + text("t") + none)},
        {"MQTT-3.10.1-1: flags of UNSUBSCRIBE", packet(0xA0, one + none + text("t"))},
        {"MQTT-3.10.3-2: UNSUBSCRIBE without a filter", packet(0xA2, one + none)},
        {"MQTT-3.14.1-1: flags of DISCONNECT", packet(0xE1, {})},
        {"MQTT-3.15.1-1: flags of AUTH", packet(0xF1, {})},
        {"MQTT-4.12.0-6: AUTH without a method in CONNECT", packet(0xF0, {})},
        {"MQTT-4.8.2-1: a share name that is empty", packet(0x82, one + none + text("$share//t") + none)},
        {"MQTT-4.8.2-2: a wildcard in a share name", packet(0x82, one + none + text("$share/a+/t") + none)},
        {"MQTT-4.13.1-1: a packet for servers to send", packet(0xD0, {})},
        {"MQTT-1.5.5-1: a length written too long", raw({0x30, 0x85, 0x00}) + text("t") + raw({0, 'x'})},
    };
    for (const auto& row : rows) closes_after_connect(row, ProtocolVersion::v5);
}

TEST_F(Statements, AnswersManyFiltersInOneSubackInTheirOrder) {
    auto c = client("many");
    c.send(packet(0x82, raw({0, 9}) + text("a") + raw({2}) + text("b") + raw({0}) + text("c") + raw({1})));
    const auto answer = c.expect(PacketType::suback);
    EXPECT_EQ(answer.packet_id, 9);
    EXPECT_EQ(answer.reasons, (std::vector{mqtt::granted(kQos2), mqtt::granted(kQos0), mqtt::granted(kQos1)}));
}

TEST_F(Statements, ReplacesASubscriptionAndSendsRetainedMessagesAgain) {
    auto pub = client("pub");
    pub.publish("r", "kept", kQos1, true);
    auto sub = client("sub");
    sub.subscribe("r", kQos0);
    EXPECT_EQ(sub.receive().payload, "kept");
    sub.subscribe("r", kQos1);
    const auto again = sub.receive();
    EXPECT_TRUE(again.retain);
    EXPECT_EQ(again.qos, kQos1);
    pub.publish("r", "live", kQos1);
    EXPECT_EQ(sub.receive().qos, kQos1);
    EXPECT_TRUE(sub.nothing_waits());  // one subscription, not two
}

TEST_F(Statements, TreatsRetainedMessagesByTheirFlagAlone) {
    auto sub = client("sub");
    sub.subscribe("r", kQos1);
    auto pub = client("pub");
    pub.publish("r", "kept", kQos1, true);
    pub.publish("r", "passing", kQos1, false);  // [MQTT-3.3.1-12] stores nothing
    EXPECT_FALSE(sub.receive().retain);         // [MQTT-3.3.1-9]
    EXPECT_FALSE(sub.receive().retain);
    auto late = client("late");
    late.subscribe("r", kQos1);
    EXPECT_EQ(late.receive().payload, "kept");
    pub.publish("r", "zero", kQos0, true);  // [MQTT-3.3.1-7] replaces
    EXPECT_EQ(sub.receive().payload, "zero");
    pub.publish("r", "", kQos1, true);  // [MQTT-3.3.1-10] goes out as any other
    const auto empty = sub.receive();
    EXPECT_EQ(empty.payload, "");
    EXPECT_FALSE(empty.retain);
    auto later = client("later");
    later.subscribe("r", kQos1);
    EXPECT_TRUE(later.nothing_waits());  // [MQTT-3.3.1-11]
}

TEST_F(Statements, KeepsRetainedMessagesOfAClientWhoseSessionEnds) {
    client("gone").publish("r", "kept", kQos1, true);
    auto sub = client("sub");
    sub.subscribe("r", kQos0);
    EXPECT_EQ(sub.receive().payload, "kept");  // [MQTT-3.1.2-7]
}

TEST_F(Statements, RetainsAWillThatAsksForIt) {
    for (const bool retain : {false, true}) {
        auto watcher = client("watcher");
        watcher.subscribe("w", kQos1);
        ConnectOptions options{.client_id = "dying"};
        options.will_topic = "w";
        options.will_retain = retain;
        client(options).drop();
        EXPECT_EQ(watcher.receive().payload, "will");
        auto late = client("late");
        late.subscribe("w", kQos1);
        EXPECT_EQ(late.nothing_waits(), !retain);  // [MQTT-3.1.2-16] [MQTT-3.1.2-17]
    }
}

TEST_F(Statements, SaysWhetherThereIsASession) {
    for (const auto version : {ProtocolVersion::v311, ProtocolVersion::v5}) {
        const auto present = [&](bool clean) {
            TestClient c(broker_.port());
            ConnectOptions options{.client_id = "known", .clean = clean, .version = version};
            if (version == ProtocolVersion::v5)
                options.properties.number(PropertyId::session_expiry_interval, clean ? 0 : 1'000);
            const auto answer = c.connect(options);
            EXPECT_EQ(answer.reason, ReasonCode::success);
            c.disconnect();
            return answer.session_present;
        };
        EXPECT_FALSE(present(false));  // [MQTT-3.2.2-3]
        EXPECT_TRUE(present(false));   // [MQTT-3.2.2-2]
        EXPECT_FALSE(present(true));   // [MQTT-3.2.2-1]
        EXPECT_FALSE(present(false));
        EXPECT_FALSE(present(true));
    }
}

TEST_F(Statements, AnswersUnsubscribeAlsoWhenThereWasNothing) {
    auto c = client("c");
    c.send(packet(0xA2, raw({0, 5}) + text("never") + text("never/either")));
    EXPECT_EQ(c.expect(PacketType::unsuback).packet_id, 5);
    auto v5 = client("v5", true, ProtocolVersion::v5);
    v5.subscribe("had", kQos0);
    v5.send(packet(0xA2, raw({0, 6, 0}) + text("never") + text("had") + text("Had")));
    const auto answer = v5.expect(PacketType::unsuback);
    EXPECT_EQ(answer.reasons, (std::vector{ReasonCode::no_subscription_existed, ReasonCode::success,
                                           ReasonCode::no_subscription_existed}));
}

TEST_F(Statements, FinishesWhatWasUnderWayWhenAFilterGoes) {
    for (const auto qos : {kQos1, kQos2}) {
        auto sub = client("leaving", false);
        sub.subscribe("u", kQos2);
        auto pub = client("pub");
        pub.publish("u", "started", qos);
        const auto got = sub.receive(false);
        sub.unsubscribe("u");
        pub.publish("u", "no more", qos);
        EXPECT_TRUE(sub.nothing_waits());  // [MQTT-3.10.4-2]
        sub.drop();
        auto back = client("leaving", false);
        EXPECT_EQ(back.receive().payload, "started");  // [MQTT-3.10.4-3]
        EXPECT_TRUE(back.nothing_waits());
        back.disconnect();
    }
}

TEST_F(Statements, ComparesTopicsByteByByte) {
    auto sub = client("sub");
    sub.subscribe("Accounts/a", kQos0);
    sub.subscribe("/lead", kQos0);
    sub.subscribe("\xEF\xBB\xBFmark", kQos0);  // [MQTT-1.5.3-3] is not stripped
    auto pub = client("pub");
    for (const auto* topic : {"ACCOUNTS/a", "Accounts", "Accounts/a/", "lead", "mark"}) pub.publish(topic, "x", kQos1);
    EXPECT_TRUE(sub.nothing_waits());
    for (const auto* topic : {"Accounts/a", "/lead", "\xEF\xBB\xBFmark"}) {
        pub.publish(topic, "x", kQos1);
        EXPECT_EQ(sub.receive().topic, topic);
    }
}

TEST_F(Statements, SetsDupByItsOwnDeliveryNotThePublishers) {
    auto sub = client("sub");
    sub.subscribe("d", kQos1);
    auto pub = client("pub");
    pub.send_publish("d", "x", kQos1, 3, true);
    EXPECT_EQ(pub.expect(PacketType::puback).packet_id, 3);
    EXPECT_FALSE(sub.receive().dup);  // [MQTT-3.3.1-3]
}

TEST_F(Statements, AnswersAPubrelItDoesNotKnow) {
    auto old = client("old");
    old.send_ack(PacketType::pubrel, 77);
    EXPECT_EQ(old.expect(PacketType::pubcomp).packet_id, 77);
    auto v5 = client("v5", true, ProtocolVersion::v5);
    v5.send_ack(PacketType::pubrel, 77);
    const auto answer = v5.expect(PacketType::pubcomp);
    EXPECT_EQ(answer.reason, ReasonCode::packet_identifier_not_found);
}

TEST_F(Statements, APubrecThatSaysNoEndsTheMessage) {
    auto sub = client("sub", true, ProtocolVersion::v5);
    sub.subscribe("q", kQos2);
    auto pub = client("pub");
    pub.publish("q", "unwanted", kQos2);
    const auto got = sub.receive(false);
    Bytes no;
    ASSERT_TRUE(mqtt::encode_ack(PacketType::pubrec,
                                 {.packet_id = got.packet_id, .reason = ReasonCode::quota_exceeded, .properties = {}},
                                 ProtocolVersion::v5, no));
    sub.send(no);
    pub.publish("q", "next", kQos2);
    EXPECT_EQ(sub.receive().payload, "next");
    EXPECT_TRUE(sub.nothing_waits());
}

TEST_F(Statements, TakesClientIdsOfEveryLengthFromOneTo23) {
    const std::string all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (std::size_t length = 1; length <= 23; ++length) client(all.substr(length, length)).disconnect();
    TestClient nameless(broker_.port());
    EXPECT_EQ(nameless.connect({.client_id = "", .clean = true}).reason, ReasonCode::success);  // [MQTT-3.1.3-6]
    TestClient another(broker_.port());
    EXPECT_EQ(another.connect({.client_id = "", .clean = true}).reason, ReasonCode::success);
    EXPECT_TRUE(nameless.nothing_waits());  // each got an id of its own
}

TEST_F(Statements, SendsAgainInTheOrderOfTheFirstTime) {
    auto sub = client("sub", false);
    sub.subscribe("o", kQos2);
    auto pub = client("pub");
    for (int i = 0; i < 6; ++i) pub.publish("o", std::to_string(i), i % 2 == 0 ? kQos1 : kQos2);
    std::vector<mqtt::PacketId> ids;
    for (int i = 0; i < 6; ++i) ids.push_back(sub.receive(false).packet_id);
    for (int i = 1; i < 6; i += 2) sub.send_ack(PacketType::pubrec, ids[static_cast<std::size_t>(i)]);
    for (int i = 1; i < 6; i += 2)  // [MQTT-4.6.0-4]
        EXPECT_EQ(sub.expect(PacketType::pubrel).packet_id, ids[static_cast<std::size_t>(i)]);
    sub.drop();
    auto back = client("sub", false);
    for (int i = 0; i < 6; i += 2) EXPECT_EQ(back.receive().payload, std::to_string(i));
    for (int i = 1; i < 6; i += 2)
        EXPECT_EQ(back.expect(PacketType::pubrel).packet_id, ids[static_cast<std::size_t>(i)]);
}

TEST_F(Statements, TellsAPublisherThatNobodySubscribes) {
    auto pub = client("pub", true, ProtocolVersion::v5);
    EXPECT_EQ(pub.publish("nobody", "x", kQos1), ReasonCode::no_matching_subscribers);
    EXPECT_EQ(pub.publish("nobody", "x", kQos2), ReasonCode::no_matching_subscribers);
    pub.subscribe("somebody", kQos0);
    EXPECT_EQ(pub.publish("somebody", "x", kQos1), ReasonCode::success);
}

TEST_F(Statements, RefusesAnAuthenticationMethodItDoesNotHave) {
    TestClient c(broker_.port());
    ConnectOptions options{.client_id = "scram", .clean = true, .version = ProtocolVersion::v5};
    options.properties.text(PropertyId::authentication_method, "SCRAM-SHA-1");
    EXPECT_EQ(c.connect(options).reason, ReasonCode::bad_authentication_method);
    EXPECT_TRUE(c.closed_by_broker());
}

// As the real service: `strict_parity = true`.
class StrictParity : public StandardBroker {
protected:
    static Config config() {
        esl::testing::TempDir folder;
        const auto file = folder / "broker.toml";
        std::ofstream(file) << "strict_parity = true\n";
        auto loaded = load_config(file, Mode::apsara);
        auto c = test_config(Mode::apsara);
        c.settings = loaded.settings;
        return c;
    }
    StrictParity() : StandardBroker(config()) {}
};

TEST_F(StrictParity, SwitchesOffWhatTheServiceDoesNotHave) {
    ConnectOptions options{.client_id = "GID_test@@@c", .clean = true, .version = ProtocolVersion::v5};
    TestClient c(broker_.port());
    const auto told = c.connect(options);
    EXPECT_EQ(told.number(PropertyId::retain_available), 0U);
    EXPECT_EQ(told.number(PropertyId::shared_subscription_available), 0U);
    EXPECT_EQ(c.subscribe("$share/g/esl_task/x", kQos1), std::vector{ReasonCode::shared_subscriptions_not_supported});
    EXPECT_THROW(c.publish("esl_task/x", "kept", kQos1, true), std::runtime_error);
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::retain_not_supported);  // [MQTT-3.2.2-14]
    options.client_id = "GID_test@@@w";
    options.will_topic = "esl_task/w";
    TestClient will(broker_.port());
    EXPECT_NE(will.connect(options).reason, ReasonCode::success);
}

}  // namespace
}  // namespace esl::broker::testing
