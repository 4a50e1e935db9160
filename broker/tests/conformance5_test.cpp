// What MQTT 5 asks of a server beyond the earlier versions. docs/conformance/mqtt-5.0.md says which test shows which
// statement.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "broker/tests/conformance_rig.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

Bytes raw_of(const mqtt::Properties& properties) {
    const auto raw = properties.view().raw();
    return {raw.begin(), raw.end()};
}

mqtt::Properties everything() {
    mqtt::Properties out;
    out.number(PropertyId::payload_format_indicator, 1)
        .user("b", "1")
        .text(PropertyId::response_topic, "answers/here")
        .user("a", "2")
        .binary(PropertyId::correlation_data, Bytes{0x00, 0xFF, 0x01})
        .user("b", "1")
        .text(PropertyId::content_type, "text/plain")
        .user("", "");
    return out;
}

TEST_F(Conformance5, ForwardsPropertiesUnchangedAndInTheirOrder) {
    for (const auto qos : {kQos0, kQos1, kQos2}) {
        auto sub = client(v5("sub"));
        sub.subscribe("p", qos);
        auto pub = client(v5("pub"));
        pub.publish("p", "x", qos, false, everything());
        EXPECT_EQ(sub.receive().properties, raw_of(everything()));
        pub.publish("kept", "x", qos, true, everything());
        sub.subscribe("kept", qos);
        EXPECT_EQ(sub.receive().properties, raw_of(everything()));
        sub.subscribe("w", qos);
        auto options = v5("dying");
        options.will_topic = "w";
        options.will_qos = qos;
        options.will_properties = everything();
        client(options).drop();
        EXPECT_EQ(sub.receive().properties, raw_of(everything()));
        sub.disconnect();
    }
}

// Until the broker's whole seconds of message expiry have certainly passed.
void let_pass(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    EXPECT_TRUE(esl::testing::wait_until([&] { return std::chrono::steady_clock::now() >= until; }));
}

TEST_F(Conformance5, CountsDownTheExpiryOfWhatWaitsAndFinishesAQos2MessageThatWasSent) {
    auto sub = client(v5("sub", 1'000));
    sub.subscribe("e", kQos2);
    mqtt::Properties soon;
    soon.number(PropertyId::message_expiry_interval, 1);
    mqtt::Properties later;
    later.number(PropertyId::message_expiry_interval, 100);
    auto pub = client(v5("pub"));
    pub.publish("e", "sent", kQos2, false, soon);
    const auto first = sub.receive(false);
    sub.drop();
    pub.publish("e", "stale", kQos2, false, soon);
    pub.publish("e", "waits", kQos2, false, later);
    let_pass(std::chrono::milliseconds(2'100));
    auto back = client(v5("sub", 1'000));
    const auto again = back.receive();  // the client may know it already: expiry stops nothing now
    EXPECT_EQ(again.payload, "sent");
    EXPECT_EQ(again.packet_id, first.packet_id);
    const auto waited = back.receive();
    EXPECT_EQ(waited.payload, "waits");
    const auto left = mqtt::PropertiesView(waited.properties).number(PropertyId::message_expiry_interval);
    EXPECT_LE(left, 98U);
    EXPECT_GE(left, 60U);
    EXPECT_TRUE(back.nothing_waits());
}

TEST_F(Conformance5, TakesEveryAliasUpToItsMaximumAndForgetsThemWithTheConnection) {
    auto sub = client(v5("sub"));
    sub.subscribe("a/#", kQos1);
    TestClient pub(broker_.port());
    const auto most = pub.connect(v5("pub", 1'000)).number(PropertyId::topic_alias_maximum).value();
    ASSERT_GT(most, 0U);
    for (const bool named : {true, false}) {
        for (std::uint32_t alias = 1; alias <= most; ++alias) {
            mqtt::Properties properties;
            properties.number(PropertyId::topic_alias, alias);
            const auto topic = "a/" + std::to_string(alias);
            pub.publish(named ? topic : "", "x", kQos1, false, properties);
            EXPECT_EQ(sub.receive().topic, topic);
        }
    }
    pub.drop();
    auto again = client(v5("pub", 1'000));
    mqtt::Properties first;
    first.number(PropertyId::topic_alias, 1);
    EXPECT_THROW(again.publish("", "x", kQos1, false, first), std::runtime_error);
    EXPECT_EQ(again.expect(PacketType::disconnect).reason, ReasonCode::protocol_error);
}

TEST_F(Conformance5, AnswersEverythingElseWhileTheSendQuotaIsUsedUp) {
    auto options = v5("slow");
    options.properties.number(PropertyId::receive_maximum, 1);
    auto sub = client(options);
    sub.subscribe("m", kQos2);
    auto pub = client(v5("pub"));
    for (const auto* payload : {"1", "2", "3"}) pub.publish("m", payload, kQos2);
    const auto first = sub.receive(false);
    EXPECT_TRUE(sub.nothing_waits());  // PINGRESP came
    EXPECT_EQ(sub.subscribe("n", kQos1), std::vector{mqtt::granted(kQos1)});
    EXPECT_EQ(sub.publish("elsewhere", "x", kQos2), ReasonCode::no_matching_subscribers);
    pub.publish("m", "zero", kQos0);
    EXPECT_EQ(sub.receive().payload, "zero");  // QoS 0 needs no quota
    sub.send_ack(PacketType::pubrec, first.packet_id);
    sub.expect(PacketType::pubrel);
    EXPECT_TRUE(sub.nothing_waits());  // PUBREC frees none: PUBCOMP does
    sub.send_ack(PacketType::pubcomp, first.packet_id);
    EXPECT_EQ(sub.receive().payload, "2");
    EXPECT_EQ(sub.receive().payload, "3");
}

void refuse(TestClient& c, PacketType type, mqtt::PacketId id) {
    Bytes bytes;
    ASSERT_TRUE(mqtt::encode_ack(type, {.packet_id = id, .reason = ReasonCode::quota_exceeded, .properties = {}},
                                 ProtocolVersion::v5, bytes));
    c.send(bytes);
}

TEST_F(Conformance5, TakesARefusalForAnAcknowledgement) {
    for (const auto qos : {kQos1, kQos2}) {
        auto options = v5("sub", 1'000);
        options.properties.number(PropertyId::receive_maximum, 1);
        auto sub = client(options);
        sub.subscribe("m", qos);
        auto pub = client(v5("pub"));
        pub.publish("m", "refused", qos);
        pub.publish("m", "next", qos);
        refuse(sub, qos == kQos1 ? PacketType::puback : PacketType::pubrec, sub.receive(false).packet_id);
        EXPECT_EQ(sub.receive().payload, "next");  // the quota is free again
        sub.drop();
        auto back = client(options);
        EXPECT_TRUE(back.nothing_waits());  // and nothing comes again
        back.disconnect();
    }
}

TEST_F(Conformance5, OffersARefusedSharedMessageToNobodyElse) {
    for (const auto qos : {kQos1, kQos2}) {
        auto one = client(v5("one"));
        auto two = client(v5("two"));
        for (auto* member : {&one, &two}) member->subscribe("$share/g/m", qos);
        auto pub = client(v5("pub"));
        pub.publish("m", "x", qos);
        const bool first = !one.nothing_waits();
        auto& chosen = first ? one : two;
        auto& other = first ? two : one;
        refuse(chosen, qos == kQos1 ? PacketType::puback : PacketType::pubrec, chosen.receive(false).packet_id);
        EXPECT_TRUE(chosen.nothing_waits());
        EXPECT_TRUE(other.nothing_waits());
        chosen.disconnect();
        EXPECT_TRUE(other.nothing_waits());
        other.disconnect();
    }
}

TEST_F(Conformance5, DeliversSharedMessagesAtTheGrantedQos) {
    auto pub = client(v5("pub"));
    for (const auto granted : {kQos0, kQos1, kQos2}) {
        auto sub = client(v5("sub"));
        sub.subscribe("$share/g/m", granted);
        for (const auto published : {kQos0, kQos1, kQos2}) {
            pub.publish("m", "x", published);
            EXPECT_EQ(sub.receive().qos, std::min(granted, published));
        }
        sub.disconnect();
    }
}

TEST_F(Conformance5, TakesARefusedIdForANewMessage) {
    auto sub = client(v5("sub"));
    sub.subscribe("m", kQos2);
    auto pub = client(v5("pub"));
    pub.send_publish("$SYS/forged", "x", kQos2, 7);
    EXPECT_EQ(pub.expect(PacketType::pubrec).reason, ReasonCode::not_authorized);
    pub.send_publish("m", "new", kQos2, 7);
    EXPECT_EQ(pub.expect(PacketType::pubrec).reason, ReasonCode::success);
    EXPECT_EQ(sub.receive().payload, "new");
    pub.send_ack(PacketType::pubrel, 7);
    EXPECT_EQ(pub.expect(PacketType::pubcomp).reason, ReasonCode::success);
    pub.send_ack(PacketType::pubrel, 8);
    EXPECT_EQ(pub.expect(PacketType::pubcomp).reason, ReasonCode::packet_identifier_not_found);
}

TEST_F(Conformance5, SendsRetainedMessagesAsRetainHandlingSays) {
    client(v5("pub")).publish("h", "kept", kQos1, true);
    auto sub = client(v5("sub"));
    const auto subscribe = [&](mqtt::RetainHandling handling) {
        sub.subscribe("h", kQos1, {.filter = {}, .qos = {}, .retain_handling = handling});
    };
    subscribe(mqtt::RetainHandling::do_not_send);
    EXPECT_TRUE(sub.nothing_waits());
    sub.unsubscribe("h");
    subscribe(mqtt::RetainHandling::send_if_new);
    EXPECT_EQ(sub.receive().payload, "kept");
    subscribe(mqtt::RetainHandling::send_if_new);
    EXPECT_TRUE(sub.nothing_waits());
    subscribe(mqtt::RetainHandling::send);
    EXPECT_EQ(sub.receive().payload, "kept");
}

TEST_F(Conformance5, PassesTheRetainFlagOnWhereThatWasAskedFor) {
    auto pub = client(v5("pub"));
    for (const bool asked : {false, true}) {
        auto sub = client(v5("sub"));
        sub.subscribe("f", kQos1, {.filter = {}, .qos = {}, .retain_as_published = asked});
        for (const bool retain : {false, true}) {
            pub.publish("f", "x", kQos1, retain);
            EXPECT_EQ(sub.receive().retain, asked && retain);
        }
        pub.publish("f", "", kQos1, true);
        sub.receive();
        sub.disconnect();
    }
}

TEST_F(Conformance5, GivesOneCopyForEachIdentifier) {
    auto sub = client(v5("sub"));
    sub.subscribe("o/#", kQos0, {}, 1);
    sub.subscribe("o/+", kQos2, {}, 268'435'455);
    sub.subscribe("o/x", kQos1, {}, 7);
    client(v5("pub")).publish("o/x", "m", kQos2);
    std::map<std::uint32_t, QoS> copies;
    for (int i = 0; i < 3; ++i) {
        const auto got = sub.receive();
        const mqtt::PropertiesView told(got.properties);
        copies.emplace(told.number(PropertyId::subscription_identifier).value(), got.qos);
    }
    EXPECT_EQ(copies, (std::map<std::uint32_t, QoS>{{1, kQos0}, {7, kQos1}, {268'435'455, kQos2}}));
    EXPECT_TRUE(sub.nothing_waits());
}

}  // namespace
}  // namespace esl::broker::testing
