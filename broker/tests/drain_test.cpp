// What waited for a client that comes back, a batch at a time; `$SYS/getOfflineMsg` and `$SYS/enableOrderMsg`.
#include <gtest/gtest.h>

#include <set>

#include "broker/tests/fake_client.hpp"

namespace esl::broker::testing {
namespace {

class Drain : public ::testing::Test {
protected:
    static Settings settings() {
        auto s = standard();
        s.mode = Mode::apsara;  // for the control topics
        s.limits.offline_batch = 30;
        s.limits.in_flight = 1'000;
        return s;
    }
    Drain() { register_names(); }
    void register_names() {
        auto registry = std::make_shared<Registry>();
        EXPECT_TRUE(registry->add_group("GID_test"));
        EXPECT_TRUE(registry->add_parent("esl_task"));
        rig_.hub("").set_registry(registry);
    }
    void restart() {
        rig_.restart();
        rig_.settle();
        register_names();
    }
    void queue(int count, QoS qos = QoS::at_least_once) {
        if (!watched_) FakeClient(rig_, kSub, false).subscribe_and_lose("esl_task/x", QoS::at_least_once);
        watched_ = true;
        rig_.clock.advance(std::chrono::seconds(1));
        for (int i = 0; i < count; ++i) send(std::to_string(next_++), qos);
    }
    void send(const std::string& payload, QoS qos = QoS::at_least_once) {
        FakeClient pub(rig_, "GID_test@@@pub");
        pub.publish("esl_task/x", payload, qos);
        rig_.settle();
        pub.lose();
    }
    // Payloads that have come, acknowledged.
    static std::vector<std::string> take(FakeClient& client) {
        auto packets = std::exchange(client.early, {});
        for (auto& packet : client.link.look()) packets.push_back(packet);
        std::vector<std::string> out;
        for (const auto& packet : packets) {
            if (packet.type != PacketType::publish) continue;
            out.push_back(packet.payload);
            if (packet.qos == QoS::at_least_once) client.ack(PacketType::puback, packet.id);
        }
        return out;
    }
    void pass(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            rig_.clock.advance(std::chrono::seconds(1));
            rig_.hub("").tick();
        }
        rig_.settle();
    }
    ReasonCode control(FakeClient& client, const std::string& topic, const std::string& body) {
        client.publish(topic, body, QoS::at_least_once, 9);
        rig_.settle();
        auto packets = client.link.look();
        ReasonCode reason{};
        for (auto& packet : packets) {
            if (packet.type == PacketType::puback) reason = packet.reason;
            if (packet.type == PacketType::publish) client.early.push_back(packet);
        }
        return reason;
    }

    static constexpr const char* kSub = "GID_test@@@sub";
    Rig rig_{settings()};
    bool watched_ = false;
    int next_ = 0;
};

TEST_F(Drain, SendsThirtyAtOnceAndThirtyEveryFiveSeconds) {
    queue(70);
    FakeClient back(rig_, kSub, false);
    EXPECT_EQ(take(back).size(), 30U);
    pass(4);
    EXPECT_TRUE(take(back).empty());
    pass(1);
    const auto second = take(back);
    ASSERT_EQ(second.size(), 30U);
    EXPECT_EQ(second[0], "30");
    pass(5);
    EXPECT_EQ(take(back).size(), 10U);
    pass(20);
    EXPECT_TRUE(take(back).empty());
    EXPECT_EQ(rig_.counter(&Counters::queued_messages), 0U);
}

TEST_F(Drain, SendsUpToThirtyAtOnceAndEverythingWhenSwitchedOff) {
    queue(30);
    FakeClient back(rig_, kSub, false);
    EXPECT_EQ(take(back).size(), 30U);
    back.lose();
    rig_.settings.limits.offline_batch = 0;
    queue(100);
    FakeClient again(rig_, kSub, false);
    EXPECT_EQ(take(again).size(), 100U);
}

TEST_F(Drain, LiveMessagesDoNotWaitBehindOldOnes) {
    queue(70);
    FakeClient back(rig_, kSub, false);
    EXPECT_EQ(take(back).size(), 30U);
    send("live");
    EXPECT_EQ(take(back), std::vector<std::string>{"live"});
}

TEST_F(Drain, ABrokenConnectionLosesNothingOfIt) {
    queue(70);
    std::set<std::string> seen;
    {
        FakeClient back(rig_, kSub, false);
        for (auto& payload : take(back)) seen.insert(payload);
        back.lose();
    }
    send("between");
    restart();
    FakeClient back(rig_, kSub, false);
    const auto first = take(back);
    for (const auto& payload : first) seen.insert(payload);
    for (int i = 0; i < 4; ++i) {
        pass(5);
        for (auto& payload : take(back)) seen.insert(payload);
    }
    EXPECT_EQ(seen.size(), 71U);
    EXPECT_TRUE(rig_.store.disk.state().messages.empty());
}

TEST_F(Drain, GoesOnSoAfterARestart) {
    queue(70);
    restart();
    FakeClient back(rig_, kSub, false);
    EXPECT_EQ(take(back).size(), 30U);
    pass(5);
    EXPECT_EQ(take(back).size(), 30U);
}

TEST_F(Drain, AClientMayAskForTheNextInEitherOrderWithinItsFirstKeepAlive) {
    queue(70);
    FakeClient back(rig_, kSub, false, ProtocolVersion::v5);
    EXPECT_EQ(take(back).size(), 30U);
    EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"pushOrder":"DESC","maxPushNum":2})"), ReasonCode::success);
    EXPECT_EQ(take(back), (std::vector<std::string>{"69", "68"}));
    EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"pushOrder":"ASC","maxPushNum":"1"})"), ReasonCode::success);
    EXPECT_EQ(take(back), std::vector<std::string>{"30"});
    EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"maxPushNum":1000})"), ReasonCode::success);
    EXPECT_EQ(take(back).size(), 30U);  // capped
}

TEST_F(Drain, ARequestAfterTheFirstKeepAliveIsAnsweredAndDoesNothing) {
    rig_.settings.limits.keep_alive_highest = std::chrono::seconds(8);
    rig_.settings.limits.offline_pause = std::chrono::seconds(60);
    queue(70);
    FakeClient back(rig_, kSub, false, ProtocolVersion::v5);
    EXPECT_EQ(take(back).size(), 30U);
    pass(9);
    EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"maxPushNum":2})"), ReasonCode::success);
    EXPECT_TRUE(take(back).empty());
    pass(51);
    EXPECT_EQ(take(back).size(), 30U);
}

TEST_F(Drain, TakesNoMoreThanFiveRequestsASecondAndSaysWhatIsWrongWithOne) {
    queue(70);
    FakeClient back(rig_, kSub, false, ProtocolVersion::v5);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"maxPushNum":1})"), ReasonCode::success);
    EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"maxPushNum":1})"), ReasonCode::quota_exceeded);
    EXPECT_EQ(rig_.counter(&Counters::limit_offline_requests_total), 1U);
    pass(1);
    for (const auto* bad : {"", "[]", "x", R"({"maxPushNum":0})", R"({"maxPushNum":"3x"})"})
        EXPECT_EQ(control(back, "$SYS/getOfflineMsg", bad), ReasonCode::payload_format_invalid) << bad;
    pass(1);
    EXPECT_EQ(control(back, "$SYS/getOfflineMsg", R"({"pushOrder":"UP"})"), ReasonCode::payload_format_invalid);
}

TEST_F(Drain, DropsTheOldestWaitingWhenTheQueueIsFull) {
    rig_.settings.limits.queue_messages = 70;
    queue(70);
    FakeClient back(rig_, kSub, false);
    send("one more");  // 30 are out and not acknowledged
    EXPECT_EQ(rig_.counter(&Counters::dropped_queue_full_total), 1U);
    EXPECT_EQ(take(back).size(), 31U);
    pass(5);
    EXPECT_EQ(take(back)[0], "31");
}

TEST_F(Drain, OrderedPublishersKeepOneOrderOverAllQos) {
    rig_.settings.limits.in_flight = 1;
    FakeClient sub(rig_, kSub);
    sub.subscribe("esl_task/x", QoS::at_least_once);
    FakeClient pub(rig_, "GID_test@@@pub");
    const auto run = [&] {
        pub.publish("esl_task/x", "a", QoS::at_least_once, 1);
        pub.publish("esl_task/x", "b", QoS::at_least_once, 2);
        pub.publish("esl_task/x", "c", QoS::at_most_once);
        rig_.settle();
        std::string got;
        for (int i = 0; i < 3; ++i) {
            for (const auto& payload : take(sub)) got += payload;
        }
        return got;
    };
    EXPECT_EQ(run(), "acb");  // QoS 0 does not wait for a window
    EXPECT_EQ(control(pub, "$SYS/enableOrderMsg", R"({"order":"true"})"), ReasonCode::success);
    EXPECT_EQ(run(), "abc");
}

TEST_F(Drain, OrderWantsToKnowWhetherOrNot) {
    FakeClient pub(rig_, "GID_test@@@pub", true, ProtocolVersion::v5);
    EXPECT_EQ(control(pub, "$SYS/enableOrderMsg", R"({"order":"true"})"), ReasonCode::success);
    EXPECT_EQ(control(pub, "$SYS/enableOrderMsg", R"({"order":false})"), ReasonCode::success);
    for (const auto* bad : {"", "true", R"({"order":"maybe"})", R"({"Order":"true"})"})
        EXPECT_EQ(control(pub, "$SYS/enableOrderMsg", bad), ReasonCode::payload_format_invalid) << bad;
    EXPECT_NE(pub.session, nullptr);
}

TEST_F(Drain, ADroppedConnectionDoesNotUseUpTheTriesOfAMessage) {
    rig_.settings.resend_unacknowledged = true;
    rig_.settings.limits.resends = 2;
    queue(1);
    for (int round = 0; round < 10; ++round) {
        FakeClient back(rig_, kSub, false);
        ASSERT_EQ(back.early.size(), 1U) << round;
        back.lose();  // before it acknowledges
    }
    EXPECT_EQ(rig_.counter(&Counters::dropped_given_up_total), 0U);
    FakeClient stays(rig_, kSub, false);
    pass(60);  // connected and silent: two repeats, then it is given up
    EXPECT_EQ(rig_.counter(&Counters::dropped_given_up_total), 1U);
}

}  // namespace
}  // namespace esl::broker::testing
