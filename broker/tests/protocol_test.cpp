// The broker over real sockets: what MQTT asks for.
#include <gtest/gtest.h>

#include "broker/tests/broker_fixture.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using Standard = StandardBroker;

TEST_F(Standard, DeliversEveryQosAtTheLowerOfPublishedAndSubscribed) {
    for (const auto version : {ProtocolVersion::v31, ProtocolVersion::v311, ProtocolVersion::v5}) {
        auto sub = client("sub", true, version);
        auto pub = client("pub", true, version);
        for (const auto subscribed : {kQos0, kQos1, kQos2}) {
            EXPECT_EQ(sub.subscribe("a/+", subscribed), std::vector{mqtt::granted(subscribed)});
            for (const auto published : {kQos0, kQos1, kQos2}) {
                pub.publish("a/b", "x", published);
                const auto got = sub.receive();
                EXPECT_EQ(got.topic, "a/b");
                EXPECT_EQ(got.payload, "x");
                EXPECT_EQ(got.qos, std::min(subscribed, published));
                EXPECT_FALSE(got.retain);
            }
        }
        sub.unsubscribe("a/+");
        pub.publish("a/b", "y", kQos1);
        EXPECT_TRUE(sub.nothing_waits());
    }
}

TEST_F(Standard, KeepsTheOrderOfOnePublisherAcrossShards) {
    auto sub = client("order-sub");
    sub.subscribe("o", kQos1);
    auto pub = client("order-pub-2");
    for (int i = 0; i < 500; ++i) pub.send_publish("o", std::to_string(i), kQos1, static_cast<mqtt::PacketId>(i + 1));
    for (int i = 0; i < 500; ++i) ASSERT_EQ(sub.receive().payload, std::to_string(i));
    for (int i = 0; i < 500; ++i)
        ASSERT_EQ(pub.expect(PacketType::puback).packet_id, i + 1);  // in order [MQTT-4.6.0-2]
}

TEST_F(Standard, TakesOverFromAnOlderConnectionOfTheSameClient) {
    auto first = client("same", false, ProtocolVersion::v5);
    first.subscribe("t", kQos1);
    TestClient second(broker_.port());
    ConnectOptions options;
    options.client_id = "same";
    options.clean = false;
    options.version = ProtocolVersion::v5;
    options.properties.number(PropertyId::session_expiry_interval, 1'000);
    EXPECT_TRUE(second.connect(options).session_present);
    EXPECT_EQ(first.expect(PacketType::disconnect).reason, ReasonCode::session_taken_over);
    EXPECT_TRUE(first.closed_by_broker());
    client("other").publish("t", "for the second", kQos1);
    EXPECT_EQ(second.receive().payload, "for the second");
}

TEST_F(Standard, QueuesForAPersistentSessionAndForgetsACleanOne) {
    auto away = client("away", false);
    away.subscribe("q", kQos2);
    away.disconnect();
    auto pub = client("pub");
    pub.publish("q", "zero", kQos0);  // not queued in standard mode
    pub.publish("q", "one", kQos1);
    pub.publish("q", "two", kQos2);
    TestClient back(broker_.port());
    EXPECT_TRUE(back.connect({.client_id = "away", .clean = false}).session_present);
    EXPECT_EQ(back.receive().payload, "one");
    const auto two = back.receive();
    EXPECT_EQ(two.payload, "two");
    EXPECT_EQ(two.qos, kQos2);
    EXPECT_TRUE(back.nothing_waits());
    back.disconnect();
    TestClient clean(broker_.port());
    EXPECT_FALSE(clean.connect({.client_id = "away", .clean = true}).session_present);
    pub.publish("q", "lost", kQos1);
    EXPECT_TRUE(clean.nothing_waits());
}

TEST_F(Standard, SendsAgainUnderTheSameIdWhatWasNotAcknowledgedBeforeAReconnect) {
    for (const auto qos : {kQos1, kQos2}) {
        auto sub = client("again", false);
        sub.subscribe("r", kQos2);
        client("pub").publish("r", "m", qos);
        const auto first = sub.receive(false);
        EXPECT_FALSE(first.dup);
        sub.drop();
        auto back = client("again", false);
        const auto second = back.receive();
        EXPECT_TRUE(second.dup);
        EXPECT_EQ(second.packet_id, first.packet_id);
        EXPECT_EQ(second.payload, "m");
        EXPECT_TRUE(back.nothing_waits());
        back.disconnect();
    }
}

TEST_F(Standard, GoesOnWithPubrelWhenPubrecHadCome) {
    auto sub = client("rel", false);
    sub.subscribe("r", kQos2);
    client("pub").publish("r", "m", kQos2);
    const auto got = sub.receive(false);
    sub.send_ack(PacketType::pubrec, got.packet_id);
    EXPECT_EQ(sub.expect(PacketType::pubrel).packet_id, got.packet_id);
    sub.drop();
    auto back = client("rel", false);
    EXPECT_EQ(back.expect(PacketType::pubrel).packet_id, got.packet_id);
    back.send_ack(PacketType::pubcomp, got.packet_id);
    EXPECT_TRUE(back.nothing_waits());
}

TEST_F(Standard, TakesAQos2MessageOnceHoweverOftenItIsSent) {
    auto sub = client("sub");
    sub.subscribe("t", kQos2);
    auto pub = client("pub", false);
    pub.send_publish("t", "m", kQos2, 7);
    pub.expect(PacketType::pubrec);
    pub.drop();
    auto again = client("pub", false);
    again.send_publish("t", "m", kQos2, 7, true);
    EXPECT_EQ(again.expect(PacketType::pubrec).packet_id, 7);
    again.send_ack(PacketType::pubrel, 7);
    again.expect(PacketType::pubcomp);
    again.send_publish("t", "next", kQos2, 7);  // the id is free again
    EXPECT_EQ(sub.receive().payload, "m");
    EXPECT_EQ(sub.receive().payload, "next");
    EXPECT_TRUE(sub.nothing_waits());
}

TEST_F(Standard, PublishesAWillOnlyWhenTheClientGoesWithoutAWord) {
    auto watcher = client("watcher");
    watcher.subscribe("wills/#", kQos1);
    ConnectOptions options{.client_id = "dying"};
    options.will_topic = "wills/dying";
    auto polite = client(options);
    polite.disconnect();
    EXPECT_TRUE(watcher.nothing_waits());
    auto rude = client(options);
    rude.drop();
    EXPECT_EQ(watcher.receive().topic, "wills/dying");
}

TEST_F(Standard, DelaysAWillAndDropsItWhenTheClientReturns) {
    auto watcher = client("watcher");
    watcher.subscribe("w", kQos1);
    ConnectOptions options{.client_id = "delayed", .clean = false, .version = ProtocolVersion::v5};
    options.properties.number(PropertyId::session_expiry_interval, 100);
    options.will_topic = "w";
    options.will_properties.number(PropertyId::will_delay_interval, 2);
    client(options).drop();
    EXPECT_TRUE(watcher.nothing_waits());
    auto back = client(options);  // in time
    back.drop();                  // and now for good
    EXPECT_EQ(watcher.receive().payload, "will");
    EXPECT_TRUE(watcher.nothing_waits());  // one, not two
}

TEST_F(Standard, RetainsTheLastMessageOfATopicUntilAnEmptyOneComes) {
    auto pub = client("pub");
    pub.publish("keep/a", "old", kQos1, true);
    pub.publish("keep/a", "new", kQos1, true);
    pub.publish("keep/b", "b", kQos0, true);
    pub.publish("keep/c", "gone", kQos1, true);
    pub.publish("keep/c", "", kQos1, true);
    auto sub = client("retained-sub-1");
    sub.subscribe("keep/+", kQos1);
    const auto a = sub.receive();
    const auto b = sub.receive();
    EXPECT_EQ(a.payload, "new");
    EXPECT_TRUE(a.retain);
    EXPECT_EQ(b.payload, "b");
    EXPECT_TRUE(sub.nothing_waits());
    pub.publish("keep/a", "live", kQos1, true);
    EXPECT_FALSE(sub.receive().retain);  // to those who were there it is not a retained one
}

TEST_F(Standard, HonoursNoLocalRetainAsPublishedAndRetainHandling) {
    auto c = client("v5", true, ProtocolVersion::v5);
    c.subscribe("own", kQos1, {.filter = {}, .qos = {}, .no_local = true});
    EXPECT_EQ(c.publish("own", "x", kQos1), ReasonCode::no_matching_subscribers);
    EXPECT_TRUE(c.nothing_waits());
    c.subscribe("rap", kQos1, {.filter = {}, .qos = {}, .retain_as_published = true});
    c.publish("rap", "x", kQos1, true);
    EXPECT_TRUE(c.receive().retain);
    c.subscribe("rap", kQos1, {.filter = {}, .qos = {}, .retain_handling = mqtt::RetainHandling::send_if_new});
    EXPECT_TRUE(c.nothing_waits());
    c.subscribe("rap", kQos1);
    EXPECT_EQ(c.receive().payload, "x");
}

TEST_F(Standard, CarriesSubscriptionIdentifiersAndUserProperties) {
    auto sub = client("ids", true, ProtocolVersion::v5);
    sub.subscribe("p/+", kQos1, {}, 1'234);
    auto pub = client("pub", true, ProtocolVersion::v5);
    mqtt::Properties properties;
    properties.user("k", "v")
        .text(PropertyId::content_type, "text/plain")
        .number(PropertyId::message_expiry_interval, 60);
    pub.publish("p/q", "x", kQos1, false, properties);
    const auto got = sub.receive();
    const mqtt::PropertiesView view(got.properties);
    EXPECT_EQ(view.number(PropertyId::subscription_identifier), 1'234U);
    EXPECT_EQ(view.text(PropertyId::content_type), "text/plain");
    EXPECT_EQ(view.find(PropertyId::user_property)->name, "k");
    EXPECT_LE(view.number(PropertyId::message_expiry_interval).value(), 60U);
    EXPECT_GE(view.number(PropertyId::message_expiry_interval).value(), 55U);
}

TEST_F(Standard, ResolvesTopicAliasesAndRefusesUnknownOnes) {
    auto sub = client("sub");
    sub.subscribe("long/topic", kQos1);
    auto pub = client("alias", true, ProtocolVersion::v5);
    mqtt::Properties alias;
    alias.number(PropertyId::topic_alias, 3);
    pub.publish("long/topic", "first", kQos1, false, alias);
    pub.publish("", "second", kQos1, false, alias);
    EXPECT_EQ(sub.receive().payload, "first");
    const auto second = sub.receive();
    EXPECT_EQ(second.payload, "second");
    EXPECT_EQ(second.topic, "long/topic");
    mqtt::Properties unknown;
    unknown.number(PropertyId::topic_alias, 4);
    EXPECT_THROW(pub.publish("", "third", kQos1, false, unknown), std::runtime_error);
}

TEST_F(Standard, SendsNoMoreThanTheClientsReceiveMaximum) {
    ConnectOptions options{.client_id = "slow", .clean = true, .version = ProtocolVersion::v5};
    options.properties.number(PropertyId::receive_maximum, 2);
    auto sub = client(options);
    sub.subscribe("many", kQos1);
    auto pub = client("pub");
    for (int i = 0; i < 6; ++i) pub.publish("many", std::to_string(i), kQos1);
    const auto first = sub.receive(false);
    const auto second = sub.receive(false);
    EXPECT_TRUE(sub.nothing_waits());  // without P2P the ordinary lane has all of it
    sub.send_ack(PacketType::puback, first.packet_id);
    sub.send_ack(PacketType::puback, second.packet_id);
    for (int i = 2; i < 6; ++i) EXPECT_EQ(sub.receive().payload, std::to_string(i));
}

TEST_F(Standard, SaysInConnackWhatItHasNot) {
    TestClient c(broker_.port());
    ConnectOptions options{.client_id = "", .clean = true, .version = ProtocolVersion::v5};
    const auto answer = c.connect(options);
    EXPECT_EQ(answer.reason, ReasonCode::success);
    EXPECT_FALSE(answer.number(PropertyId::shared_subscription_available));  // absent: they work
    EXPECT_TRUE(mqtt::PropertiesView(answer.properties).text(PropertyId::assigned_client_identifier));
    EXPECT_TRUE(answer.number(PropertyId::maximum_packet_size));
    EXPECT_EQ(c.subscribe("$share/g/t", kQos1), std::vector{mqtt::granted(kQos1)});
}

TEST_F(Standard, ExpiresASessionAfterItsTime) {
    ConnectOptions options{.client_id = "short", .clean = false, .version = ProtocolVersion::v5};
    options.properties.number(PropertyId::session_expiry_interval, 1);
    client(options).disconnect();
    EXPECT_TRUE(esl::testing::wait_until([&] { return broker_.counter("sessions") == 0; }));
    TestClient back(broker_.port());
    EXPECT_FALSE(back.connect(options).session_present);
}

TEST_F(Standard, DropsAMessageWhoseTimePassedInTheQueue) {
    client("late", false, ProtocolVersion::v5).subscribe("e", kQos1);
    auto pub = client("pub", true, ProtocolVersion::v5);
    mqtt::Properties expiry;
    expiry.number(PropertyId::message_expiry_interval, 1);
    pub.publish("e", "stale", kQos1, false, expiry);
    pub.publish("e", "good", kQos1);
    EXPECT_TRUE(esl::testing::wait_until([&] {
        // Its second has passed by any clock once two ticks of the broker have.
        static const auto from = std::chrono::steady_clock::now();
        return std::chrono::steady_clock::now() - from > std::chrono::milliseconds(1'100);
    }));
    auto back = client("late", false, ProtocolVersion::v5);
    EXPECT_EQ(back.receive().payload, "good");
}

TEST_F(Standard, ClosesASilentClientAfterOneAndAHalfKeepAlives) {
    ConnectOptions options{.client_id = "silent"};
    options.keep_alive = 3;  // so long that a cut after one interval, and the second it may be late, is too early
    const auto from = std::chrono::steady_clock::now();
    auto c = client(options);
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_GE(std::chrono::steady_clock::now() - from, std::chrono::milliseconds(4'500));
    EXPECT_EQ(broker_.counter("keep_alive_timeouts_total"), 1U);
}

TEST_F(Standard, GoesOnServingWhileManyClientsComeAndGo) {
    for (int round = 0; round < 200; ++round) {
        auto a = client("churn-" + std::to_string(round % 7), round % 2 == 0);
        a.subscribe("churn", kQos1);
        a.publish("churn", "x", kQos1);
        EXPECT_EQ(a.receive().payload, "x");
        if (round % 3 == 0) a.disconnect();
    }
    EXPECT_TRUE(esl::testing::wait_until([&] { return broker_.counter("connections") == 0; }));
}

}  // namespace
}  // namespace esl::broker::testing
