// The session core by itself: no socket, no disk, no clock but the test's. Two shards passing messages by hand, a store
// that commits when told, and fails when told.
#include "broker/core/hub.hpp"

#include <gtest/gtest.h>

#include "broker/tests/fake_client.hpp"

namespace esl::broker {
namespace {

using namespace testing;  // NOLINT: the rig

TEST(Hub, AcknowledgesAMessageOwedToAPersistentSessionOnlyAfterItsCommit) {
    for (const auto qos : {QoS::at_least_once, QoS::exactly_once}) {
        Rig rig(standard());
        FakeClient sub(rig, "sub", false);
        sub.subscribe("t", QoS::exactly_once);
        sub.lose();
        FakeClient pub(rig, "pub");
        pub.publish("t", "m", qos);
        rig.turn();
        EXPECT_TRUE(pub.link.look().empty());
        EXPECT_FALSE(rig.store.waiting.empty());
        rig.store.commit();
        const auto said = pub.link.look();
        ASSERT_EQ(said.size(), 1U);
        EXPECT_EQ(said[0].type, qos == QoS::at_least_once ? PacketType::puback : PacketType::pubrec);
        EXPECT_EQ(rig.store.count<PutMessage>(), 1U);
    }
}

TEST(Hub, StoresNothingForWhatIsOwedToNobody) {
    Rig rig(standard());
    FakeClient sub(rig, "sub");
    sub.subscribe("t", QoS::exactly_once);
    FakeClient pub(rig, "pub");
    rig.store.committed.clear();
    for (const auto qos : {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once}) {
        pub.publish("t", "m", qos);
        rig.turn();
        EXPECT_EQ(sub.link.look().size(), 1U);
        EXPECT_EQ(pub.link.look().size(), qos == QoS::at_most_once ? 0U : 1U);
    }
    EXPECT_TRUE(rig.store.waiting.empty());
    EXPECT_TRUE(rig.store.committed.empty());
}

TEST(Hub, SaysNoWhenTheStoreFailsAndServesThoseWhoNeedNone) {
    Rig rig(standard());
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    FakeClient v5(rig, "v5", true, ProtocolVersion::v5);
    v5.publish("t", "m", QoS::at_least_once);
    rig.settle(false);
    auto said = v5.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].reason, ReasonCode::quota_exceeded);
    FakeClient v311(rig, "v311");
    v311.publish("t", "m", QoS::at_least_once, 5);
    rig.settle(false);
    EXPECT_TRUE(v311.link.look().empty());  // 3.1.1 has no word for it
    EXPECT_FALSE(v311.link.closed);
    FakeClient other(rig, "other");
    other.publish("elsewhere", "m", QoS::at_least_once, 6);
    rig.turn();
    said = other.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].id, 6);
    EXPECT_EQ(rig.counter(&Counters::store_failures_total), 1U);
    // The disk is back: the hub asks by itself, the older client hears that its message is kept, and the one that was
    // refused is not delivered.
    rig.tick();
    rig.settle();
    said = v311.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].id, 5);
    rig.restart();
    FakeClient back(rig, "sub", false);
    EXPECT_EQ(back.early.size(), 1U);
}

// [MQTT-4.8.0-2]: waiting for the disk is no fault of the packet.
TEST(Hub, HoldsAnOlderPublisherWhoseMessagesWaitForAFailingDiskAndNobodyElse) {
    auto settings = standard();
    settings.limits.receive_maximum = 10;
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    FakeClient other(rig, "other");
    FakeClient pub(rig, "pub", false);
    for (mqtt::PacketId id = 1; id <= 11; ++id) pub.publish("t", std::to_string(id), QoS::exactly_once, id);
    rig.settle(false);
    EXPECT_TRUE(pub.link.held);
    EXPECT_FALSE(pub.link.closed);
    EXPECT_TRUE(pub.link.look().empty());
    other.publish("elsewhere", "m", QoS::at_least_once, 6);
    rig.turn();
    EXPECT_EQ(other.link.look().size(), 1U);
    EXPECT_FALSE(other.link.closed);
    // It comes back and sends all again, as it must: each is kept once, in order, when the disk is good.
    FakeClient back(rig, "pub", false);
    for (mqtt::PacketId id = 1; id <= 11; ++id) back.publish("t", std::to_string(id), QoS::exactly_once, id);
    rig.tick();
    rig.settle();
    EXPECT_EQ(back.link.look().size(), 11U);
    rig.restart();
    FakeClient again(rig, "sub", false);
    ASSERT_EQ(again.early.size(), 11U);
    for (std::size_t i = 0; i < 11; ++i) EXPECT_EQ(again.early[i].payload, std::to_string(i + 1));
}

// 3.1 and 3.1.1 know no receive maximum: it is no mistake to release the first message after the last was sent.
TEST(Hub, TakesAsManyQos2MessagesOfAnOlderClientAsThereArePacketIds) {
    Rig rig(standard());
    FakeClient pub(rig, "pub", false);
    constexpr mqtt::PacketId kLast = 65'535;
    for (const std::uint32_t first : {1U, 2U}) {  // the odd ones, then those between them
        for (auto id = first; id <= kLast; id += 2)
            pub.publish("t", "m", QoS::exactly_once, static_cast<mqtt::PacketId>(id));
    }
    rig.settle();
    ASSERT_FALSE(pub.link.closed);
    EXPECT_FALSE(pub.link.held);
    EXPECT_EQ(pub.link.look().size(), kLast);
    pub.publish("t", "m", QoS::exactly_once, 77);  // sent again: taken once already
    EXPECT_EQ(pub.link.look().size(), 1U);
    for (std::uint32_t id = 1; id <= kLast; ++id) pub.ack(PacketType::pubrel, static_cast<mqtt::PacketId>(id));
    rig.settle();
    EXPECT_EQ(pub.link.look().size(), kLast);
    EXPECT_TRUE(rig.store.disk.state().sessions.front().received.empty());

    FakeClient v5(rig, "v5", true, ProtocolVersion::v5);
    const auto told = rig.settings.limits.receive_maximum;
    for (std::uint32_t id = 1; id <= told; ++id) {
        v5.publish("t", "m", QoS::exactly_once, static_cast<mqtt::PacketId>(id));
        rig.settle();
    }
    EXPECT_FALSE(v5.link.closed);
    v5.publish("t", "m", QoS::exactly_once, static_cast<mqtt::PacketId>(told + 1));
    EXPECT_EQ(v5.link.closed, CloseCause::protocol_error);
}

TEST(Hub, ARefusedQos2MessageHoldsNothingUpAndIsNotDelivered) {
    Rig rig(standard(), 2);
    FakeClient sub(rig, "1sub", false);
    sub.subscribe("t", QoS::exactly_once);
    FakeClient pub(rig, "0pub", false, ProtocolVersion::v5);
    rig.settle();
    static_cast<void>(pub.link.look());
    static_cast<void>(sub.link.look());
    pub.publish("t", "refused", QoS::exactly_once, 1);
    rig.settle(false);
    auto said = pub.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].reason, ReasonCode::quota_exceeded);
    EXPECT_TRUE(sub.link.look().empty());
    pub.publish("t", "taken", QoS::exactly_once, 1);  // the id is free: the refusal ended it
    rig.settle();
    ASSERT_EQ(pub.link.look().size(), 1U);
    said = sub.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].payload, "taken");
    EXPECT_EQ(rig.counter(&Counters::queued_messages), 1U);
}

// A refusal would be lost on it, and what it has sent since would overtake the message.
TEST(Hub, WhatAPublisherSendsAgainAfterAReconnectIsNotRefusedButStoredLater) {
    Rig rig(standard());
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::exactly_once);
    FakeClient pub(rig, "pub", false, ProtocolVersion::v5);
    rig.settle();
    pub.publish("t", "m", QoS::exactly_once, 7);
    rig.turn();
    rig.store.hangs = true;  // the commit takes longer than the reconnect
    pub.lose();
    FakeClient back(rig, "pub", false, ProtocolVersion::v5);
    back.publish("t", "m", QoS::exactly_once, 7);
    rig.turn();
    rig.store.hangs = false;
    rig.settle(false);
    EXPECT_TRUE(back.link.look().empty());
    EXPECT_TRUE(sub.link.look().empty());
    rig.tick();
    rig.settle();
    const auto said = back.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].type, PacketType::pubrec);
    EXPECT_EQ(said[0].reason, ReasonCode::success);
    EXPECT_EQ(sub.link.look().size(), 1U);
}

TEST(Hub, ReadsOneMessageOfAPublisherAtATimeWhenTheStoreIsBehind) {
    auto settings = standard();
    settings.limits.store_queue = 1;
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    rig.settle();
    FakeClient pub(rig, "pub");
    for (mqtt::PacketId id = 1; id <= 3; ++id) {
        pub.publish("t", "m", QoS::at_least_once, id);
        rig.turn();
    }
    EXPECT_TRUE(pub.link.held);
    EXPECT_GE(rig.counter(&Counters::limit_store_queue_total), 1U);
    rig.settle();
    EXPECT_FALSE(pub.link.held);
    EXPECT_EQ(pub.link.look().size(), 3U);
}

TEST(Hub, APubrecIsAnsweredOnceItsMarkIsOnDiskHoweverLateThatIs) {
    Rig rig(standard());
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::exactly_once);
    FakeClient pub(rig, "pub");
    pub.publish("t", "m", QoS::exactly_once, 1);
    rig.settle();
    const auto sent = sub.link.look();
    ASSERT_EQ(sent.size(), 1U);
    sub.ack(PacketType::pubrec, sent.front().id);
    rig.settle(false);
    EXPECT_TRUE(sub.link.look().empty());
    rig.tick();
    rig.settle();
    const auto said = sub.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].type, PacketType::pubrel);
}

TEST(Hub, AcknowledgesInTheOrderOfThePublishesAlsoWhenALaterOneIsReadyFirst) {
    Rig rig(standard());
    FakeClient sub(rig, "sub", false);
    sub.subscribe("slow", QoS::at_least_once);
    sub.lose();
    FakeClient pub(rig, "pub");
    pub.publish("slow", "m", QoS::at_least_once, 1);
    pub.publish("fast", "m", QoS::at_least_once, 2);
    rig.turn();
    EXPECT_TRUE(pub.link.look().empty());
    rig.store.commit();
    const auto said = pub.link.look();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].id, 1);
    EXPECT_EQ(said[1].id, 2);
}

TEST(Hub, SendsQos2ToAPersistentSessionOnlyAfterTheCommitAndPubrelAfterTheNext) {
    Rig rig(standard());
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::exactly_once);
    FakeClient pub(rig, "pub");
    pub.publish("t", "m", QoS::exactly_once);
    rig.turn();
    EXPECT_TRUE(sub.link.look().empty());
    rig.settle();
    auto said = sub.link.look();
    ASSERT_EQ(said.size(), 1U);
    const auto id = said[0].id;
    sub.ack(PacketType::pubrec, id);
    rig.turn();
    EXPECT_TRUE(sub.link.look().empty());
    rig.settle();
    said = sub.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].type, PacketType::pubrel);
    sub.ack(PacketType::pubcomp, id);
    rig.settle();
    EXPECT_EQ(rig.store.count<AckMessage>(), 1U);
}

TEST(Hub, WritesOneRowForReceiversOnSeveralShards) {
    Rig rig(standard(), 3);
    std::deque<FakeClient> subs;
    for (const auto* id : {"0a", "1a", "2a", "2b"}) {
        subs.emplace_back(rig, id, false).subscribe("t/+", QoS::at_least_once);
    }
    for (auto& sub : subs) sub.lose();
    FakeClient pub(rig, "1pub");
    pub.publish("t/x", "m", QoS::at_least_once);
    rig.turn();
    EXPECT_TRUE(pub.link.look().empty());
    rig.store.commit();
    EXPECT_EQ(pub.link.look().size(), 1U);
    ASSERT_EQ(rig.store.count<PutMessage>(), 1U);
    for (const auto& op : rig.store.committed) {
        if (const auto* put = std::get_if<PutMessage>(&op)) {
            EXPECT_EQ(put->recipients.size(), 4U);
        }
    }
    rig.turn();
    for (const auto* id : {"0a", "1a", "2a", "2b"}) {
        FakeClient back(rig, id, false);
        ASSERT_EQ(back.early.size(), 1U) << id;
        EXPECT_EQ(back.early[0].payload, "m");
    }
}

TEST(Hub, TellsOtherShardsOfAFilterBeforeItSaysSuback) {
    Rig rig(standard(), 2);
    FakeClient sub(rig, "0sub");
    FakeClient pub(rig, "1pub");
    sub.ask_for({.filter = "t", .qos = QoS::at_least_once});
    ASSERT_EQ(sub.link.look().size(), 1U);  // in the same turn, whatever the other shard is doing
    pub.publish("t", "m", QoS::at_most_once);
    rig.turn();
    EXPECT_EQ(sub.link.look().size(), 1U);
    sub.ask_for({.filter = "t/again", .qos = QoS::at_least_once});
    ASSERT_EQ(sub.link.look().size(), 1U);
    pub.publish("t/again", "m", QoS::at_least_once);  // and also when the publisher's shard is in the middle of a turn
    rig.turn();
    EXPECT_EQ(sub.link.look().size(), 1U);
    EXPECT_EQ(pub.link.look().size(), 1U);
    sub.lose();
    pub.publish("t", "m", QoS::at_most_once);
    rig.turn();
    EXPECT_TRUE(pub.link.look().empty());
}

TEST(Hub, RetainedMessagesSettleAlikeOnEveryShard) {
    Rig rig(standard(), 2);
    FakeClient a(rig, "0a");
    FakeClient b(rig, "1b");
    const auto retain = [](FakeClient& c, const std::string& payload) {
        Bytes bytes;
        ASSERT_TRUE(mqtt::encode_publish({.topic = "t",
                                          .payload = as_bytes(payload),
                                          .properties = {},
                                          .packet_id = 0,
                                          .qos = QoS::at_most_once,
                                          .retain = true},
                                         ProtocolVersion::v311, bytes));
        c.feed(bytes);
    };
    retain(a, "first");
    retain(b, "second");  // both in one turn: each shard hears of them in another order
    rig.settle();
    for (const auto* id : {"0s", "1s"}) {
        FakeClient late(rig, id);
        Bytes bytes;
        const mqtt::SubscriptionView filters[] = {{.filter = "t", .qos = QoS::at_most_once}};
        ASSERT_TRUE(mqtt::encode_subscribe(1, filters, {}, ProtocolVersion::v311, bytes));
        late.feed(bytes);
        rig.settle();
        const auto said = late.link.look();
        ASSERT_EQ(said.size(), 2U);
        EXPECT_EQ(said[1].payload, "second");
    }
}

TEST(Hub, DropsTheOldestOfAFullQueueAndCountsIt) {
    auto settings = standard();
    settings.limits.queue_messages = 3;
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    FakeClient pub(rig, "pub");
    for (mqtt::PacketId i = 1; i <= 5; ++i) {
        pub.publish("t", std::to_string(i), QoS::at_least_once, i);
        rig.settle();
    }
    EXPECT_EQ(pub.link.look().size(), 5U);
    EXPECT_EQ(rig.counter(&Counters::dropped_queue_full_total), 2U);
    FakeClient back(rig, "sub", false);
    ASSERT_EQ(back.early.size(), 3U);
    EXPECT_EQ(back.early[0].payload, "3");
    EXPECT_EQ(rig.store.count<AckMessage>(), 2U);  // the dropped ones do not come back after a restart
}

TEST(Hub, KeepsTheBytesOfAQueueWithinItsBound) {
    auto settings = standard();
    settings.limits.queue_bytes = 10'000;
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    FakeClient pub(rig, "pub");
    for (mqtt::PacketId i = 1; i <= 20; ++i) {
        pub.publish("t", std::string(1'000, 'x'), QoS::at_least_once, i);
        rig.settle();
    }
    FakeClient back(rig, "sub", false);
    EXPECT_LE(back.early.size(), 10U);
    EXPECT_GE(back.early.size(), 7U);
}

TEST(Hub, DropsQos0ForAClientThatDoesNotReadAndKeepsTheRest) {
    Rig rig(standard());
    FakeClient sub(rig, "sub");
    sub.subscribe("t", QoS::at_least_once);
    sub.link.stuck = true;
    FakeClient pub(rig, "pub");
    pub.publish("t", "zero", QoS::at_most_once);
    pub.publish("t", "one", QoS::at_least_once);
    rig.settle();
    EXPECT_TRUE(sub.link.look().empty());
    EXPECT_EQ(rig.counter(&Counters::dropped_qos0_total), 1U);
    sub.link.stuck = false;
    rig.hub("sub").writable(*sub.session);
    const auto said = sub.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].payload, "one");
}

TEST(Hub, SlowsDownAPublisherWhoseMessagesWaitForTheDisk) {
    auto settings = standard();
    settings.limits.receive_maximum = 10;
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    FakeClient pub(rig, "pub");
    for (mqtt::PacketId i = 1; i <= 10; ++i) pub.publish("t", "m", QoS::at_least_once, i);
    EXPECT_TRUE(pub.link.held);
    rig.settle();
    EXPECT_FALSE(pub.link.held);
    EXPECT_EQ(pub.link.look().size(), 10U);
    FakeClient v5(rig, "v5", true, ProtocolVersion::v5);
    for (mqtt::PacketId i = 1; i <= 11 && v5.session != nullptr; ++i) v5.publish("t", "m", QoS::at_least_once, i);
    EXPECT_EQ(v5.link.closed, CloseCause::protocol_error);  // it was told the number
    EXPECT_EQ(rig.counter(&Counters::limit_receive_maximum_total), 1U);
}

TEST(Hub, RefusesAConnectAboveTheNumberOfSessions) {
    auto settings = standard();
    settings.limits.sessions = 2;
    Rig rig(settings);
    FakeClient a(rig, "a");
    FakeClient b(rig, "b", false);
    FakeClient c(rig, "c");
    EXPECT_EQ(c.session, nullptr);
    EXPECT_TRUE(c.link.closed);
    EXPECT_EQ(rig.counter(&Counters::limit_sessions_total), 1U);
    a.lose();
    EXPECT_NE(FakeClient(rig, "c").session, nullptr);
}

TEST(Hub, ExpiresWhatHasWaitedTooLongForItsClient) {
    auto settings = standard();
    settings.limits.message_expiry = std::chrono::hours(72);
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::at_least_once);
    sub.lose();
    FakeClient pub(rig, "pub");
    pub.publish("t", "old", QoS::at_least_once, 1);
    rig.settle();
    rig.clock.advance(std::chrono::hours(71));
    pub.publish("t", "young", QoS::at_least_once, 2);
    rig.settle();
    rig.clock.advance(std::chrono::hours(2));
    FakeClient back(rig, "sub", false);
    ASSERT_EQ(back.early.size(), 1U);
    EXPECT_EQ(back.early[0].payload, "young");
    EXPECT_EQ(rig.counter(&Counters::dropped_expired_total), 1U);
}

TEST(Hub, SeesAQos2MessageThroughThoughItsTimeHasPassed) {
    auto settings = standard();
    settings.limits.message_expiry = std::chrono::hours(1);
    Rig rig(settings);
    FakeClient sub(rig, "sub", false);
    sub.subscribe("t", QoS::exactly_once);
    FakeClient pub(rig, "pub");
    pub.publish("t", "m", QoS::exactly_once);
    rig.settle();
    const auto sent = sub.link.look();
    ASSERT_EQ(sent.size(), 1U);
    sub.lose();
    rig.clock.advance(std::chrono::hours(2));
    FakeClient back(rig, "sub", false);
    ASSERT_EQ(back.early.size(), 1U);  // [MQTT-4.3.3-7]
    EXPECT_EQ(back.early[0].id, sent[0].id);
    EXPECT_TRUE(back.early[0].dup);
}

// "dying", MQTT 5, with a session and a will that last.
Session* connect_with_will(Rig& rig, FakeLink& link, std::uint32_t delay_seconds, std::uint32_t expiry_seconds) {
    link.version = ProtocolVersion::v5;
    mqtt::ConnectView connect;
    connect.version = ProtocolVersion::v5;
    connect.client_id = "dying";
    connect.clean_start = false;
    mqtt::Properties properties;
    properties.number(mqtt::PropertyId::session_expiry_interval, expiry_seconds);
    mqtt::Properties delay;
    delay.number(mqtt::PropertyId::will_delay_interval, delay_seconds);
    connect.properties = properties;
    connect.will = mqtt::WillView{
        .topic = "w", .payload = as_bytes("gone"), .qos = QoS::at_most_once, .retain = false, .properties = delay};
    return rig.hub("dying").connect(link, connect);
}

TEST(Hub, ForgetsASessionWhenItsTimeHasPassedAndPublishesItsWillFirst) {
    Rig rig(standard());
    FakeClient watcher(rig, "watcher");
    watcher.subscribe("w", QoS::at_most_once);
    FakeLink link;
    Session* session = connect_with_will(rig, link, 3'600, 60);
    ASSERT_NE(session, nullptr);
    rig.hub("dying").lost(*session, CloseCause::socket_error);
    rig.clock.advance(std::chrono::seconds(59));
    rig.hub("dying").tick();
    EXPECT_TRUE(watcher.link.look().empty());
    rig.clock.advance(std::chrono::seconds(2));
    rig.hub("dying").tick();
    rig.settle();
    const auto said = watcher.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].payload, "gone");
    EXPECT_EQ(rig.counter(&Counters::sessions), 1U);
    EXPECT_EQ(rig.store.count<RemoveSession>(), 1U);
}

// A tick comes once a second, at any time between two of a client's doings.
constexpr milliseconds kPhases[] = {milliseconds(0), milliseconds(1), milliseconds(400), milliseconds(999)};

// [MQTT-3.1.3-9]
TEST(Hub, NeverPublishesADelayedWillBeforeItsTime) {
    for (const auto phase : kPhases) {
        Rig rig(standard());
        FakeClient watcher(rig, "watcher");
        watcher.subscribe("w", QoS::at_most_once);
        rig.clock.advance(phase);
        FakeLink link;
        rig.hub("dying").lost(*connect_with_will(rig, link, 1, 60), CloseCause::socket_error);
        rig.clock.advance(milliseconds(999));
        rig.tick();
        EXPECT_TRUE(watcher.link.look().empty()) << phase.count();
        rig.clock.advance(milliseconds(1));
        rig.tick();
        EXPECT_EQ(watcher.link.look().size(), 1U) << phase.count();
    }
}

// [MQTT-3.1.2-23], [MQTT-4.1.0-2]
TEST(Hub, KeepsASessionForAllOfItsTime) {
    for (const auto phase : kPhases) {
        Rig rig(standard());
        rig.clock.advance(phase);
        FakeLink link;
        rig.hub("dying").lost(*connect_with_will(rig, link, 60, 2), CloseCause::socket_error);
        rig.clock.advance(milliseconds(1'999));
        rig.tick();
        EXPECT_EQ(rig.counter(&Counters::sessions), 1U) << phase.count();
        rig.clock.advance(milliseconds(1));
        rig.tick();
        EXPECT_EQ(rig.counter(&Counters::sessions), 0U) << phase.count();
    }
}

TEST(Hub, SendsAgainOnlyAfterTheWholeWait) {
    for (const auto phase : kPhases) {
        auto settings = standard();
        settings.resend_unacknowledged = true;
        settings.limits.ack_wait = milliseconds(5'000);
        Rig rig(settings);
        FakeClient sub(rig, "sub");
        sub.subscribe("t", QoS::at_least_once);
        FakeClient pub(rig, "pub");
        rig.clock.advance(phase);
        pub.publish("t", "m", QoS::at_least_once);
        rig.settle();
        EXPECT_EQ(sub.link.look().size(), 1U);
        rig.clock.advance(milliseconds(4'999));
        rig.tick();
        EXPECT_TRUE(sub.link.look().empty()) << phase.count();
        rig.clock.advance(milliseconds(1));
        rig.tick();
        EXPECT_EQ(sub.link.look().size(), 1U) << phase.count();
    }
}

TEST(Hub, LeavesTheWholeReceiveMaximumToOrdinaryMessagesWhereThereIsNoP2p) {
    auto settings = standard();
    settings.p2p = false;
    Rig rig(settings);
    FakeClient pub(rig, "pub");
    FakeLink link;
    Session* sub = connect_with_will(rig, link, 0, 60);
    sub->receive_maximum = 2;
    mqtt::SubscriptionView filter{.filter = "t", .qos = QoS::at_least_once};
    Bytes bytes;
    ASSERT_TRUE(mqtt::encode_subscribe(1, std::span(&filter, 1), {}, ProtocolVersion::v5, bytes));
    ASSERT_TRUE(rig.hub("dying").packet(*sub, mqtt::unframe(bytes, 1'000)->frame));
    rig.settle();
    link.look();
    for (mqtt::PacketId id = 1; id <= 3; ++id) pub.publish("t", "m", QoS::at_least_once, id);
    rig.settle();
    EXPECT_EQ(link.look().size(), 2U);
}

}  // namespace
}  // namespace esl::broker
