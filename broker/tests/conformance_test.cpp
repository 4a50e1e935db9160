// What MQTT asks of a server in every version, over real sockets in standard mode. docs/conformance/ says which test
// shows which statement.
#include <gtest/gtest.h>

#include <set>

#include "broker/tests/conformance_rig.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using Texts = std::vector<std::string>;

TEST_F(ConformanceOfAll, AnswersUnderThePacketIdThatItWasAsked) {
    RawClient c(broker_.port());
    c.send(connect_packet(4, "raw"));
    EXPECT_EQ(c.next(), (Bytes{0x20, 2, 0, 0}));
    struct Step {
        Raw ask;
        Bytes answer;
    };
    const Step steps[] = {
        {packet(0x82, u16(0x1234) + str("a") + Raw{0} + str("b") + Raw{2} + str("c/+") + Raw{1}),
         {0x90, 5, 0x12, 0x34, 0, 2, 1}},
        {packet(0xA2, u16(0xFFFF) + str("a") + str("never/held")), {0xB0, 2, 0xFF, 0xFF}},
        {packet(0xA2, u16(3) + str("b") + str("c/+")), {0xB0, 2, 0, 3}},
        {packet(0x32, str("t") + u16(0x0102) + Raw{'x'}), {0x40, 2, 1, 2}},
        {packet(0x34, str("t") + u16(0x0304) + Raw{'x'}), {0x50, 2, 3, 4}},
        {packet(0x3C, str("t") + u16(0x0304) + Raw{'x'}), {0x50, 2, 3, 4}},  // again
        {Raw{0x62, 2, 3, 4}, {0x70, 2, 3, 4}},
        {Raw{0x62, 2, 3, 4}, {0x70, 2, 3, 4}},  // again
        {Raw{0xC0, 0}, {0xD0, 0}},
    };
    for (const auto& step : steps) {
        c.send(step.ask);
        EXPECT_EQ(c.next(), step.answer);
    }
    c.send({0xE0, 0});
    EXPECT_TRUE(c.next().empty());
    EXPECT_EQ(broker_.counter("subscriptions"), 0U);
}

TEST_F(ConformanceOfAll, GivesFiltersTheirResultsInTheirOrder) {
    RawClient c(broker_.port());
    c.log_in(5);
    c.send(packet(0x82, u16(9) + Raw{0} + str("a") + Raw{1} + str("b") + Raw{0} + str("c") + Raw{2}));
    EXPECT_EQ(c.next(), (Bytes{0x90, 6, 0, 9, 0, 1, 0, 2}));
    c.send(packet(0xA2, u16(10) + Raw{0} + str("a") + str("nothing") + str("c")));
    EXPECT_EQ(c.next(), (Bytes{0xB0, 6, 0, 10, 0, 0, 0x11, 0}));
}

TEST_F(ConformanceOfAll, TakesEveryClientIdThatItMustTake) {
    const std::string all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (std::size_t at = 0; at < all.size(); at += 23) EXPECT_TRUE(client(all.substr(at, 23)).nothing_waits());
    for (std::size_t length = 1; length < 23; ++length) EXPECT_TRUE(client(all.substr(length, length)).nothing_waits());
    auto one = client("");
    auto two = client("");  // another: nobody is taken over
    EXPECT_TRUE(one.nothing_waits());
    EXPECT_TRUE(two.nothing_waits());
    // Those before have closed their sockets, which the broker sees in its own time.
    EXPECT_TRUE(esl::testing::wait_until([&] { return broker_.counter("sessions") == 2; }));
}

TEST_F(ConformanceOfAll, ComparesTopicsByteForByte) {
    const Texts topics{"a",
                       "A",
                       "/a",
                       "a/",
                       "a//b",
                       "a/b",
                       "\xEF\xBB\xBF"
                       "a",
                       "\xC3\xA9",
                       "e\xCC\x81",
                       " a"};
    for (const auto version : kVersions) {
        auto pub = client("pub", true, version);
        for (const auto& held : topics) {
            auto sub = client("sub", true, version);
            sub.subscribe(held, kQos0);
            for (const auto& topic : topics) pub.publish(topic, "x", kQos1);
            EXPECT_EQ(sub.receive().topic, held);
            EXPECT_TRUE(sub.nothing_waits()) << held;
            sub.disconnect();
        }
    }
}

TEST_F(ConformanceOfAll, CarriesTheLongestTopicThatThereIs) {
    const std::string longest(65'535, 't');
    auto sub = client("sub");
    sub.subscribe("+", kQos1);
    client("pub").publish(longest, "x", kQos1);
    EXPECT_EQ(sub.receive().topic, longest);
    auto named = client("named");
    named.subscribe(longest, kQos1);
    client("pub").publish(longest, "x", kQos1);
    EXPECT_EQ(named.receive().topic, longest);
}

TEST_F(ConformanceOfAll, ReplacesASubscriptionToTheSameFilter) {
    for (const auto version : kVersions) {
        auto pub = client("pub", true, version);
        pub.publish("r/x", "kept", kQos1, true);
        auto sub = client("sub", true, version);
        sub.subscribe("r/+", kQos0);
        EXPECT_EQ(sub.receive().qos, kQos0);
        sub.subscribe("r/+", kQos2);
        const auto again = sub.receive();  // retained messages once more
        EXPECT_TRUE(again.retain);
        EXPECT_EQ(again.qos, kQos1);
        pub.publish("r/x", "live", kQos2);
        EXPECT_EQ(sub.receive().qos, kQos2);
        EXPECT_TRUE(sub.nothing_waits());  // one copy
        EXPECT_EQ(broker_.counter("subscriptions"), 1U);
    }
}

TEST_F(ConformanceOfAll, UnsubscribesFromExactlyTheFilterThatIsNamed) {
    auto sub = client("sub");
    sub.subscribe("u/+", kQos1);
    sub.unsubscribe("u/x");
    sub.unsubscribe("u/#");
    auto pub = client("pub");
    pub.publish("u/x", "still", kQos1);
    EXPECT_EQ(sub.receive().payload, "still");
    sub.unsubscribe("u/+");
    pub.publish("u/x", "no more", kQos1);
    EXPECT_TRUE(sub.nothing_waits());
}

TEST_F(ConformanceOfAll, KeepsARetainedMessageAsItWasPublishedLast) {
    for (const auto version : kVersions) {
        auto pub = client("pub", true, version);
        pub.publish("k/two", "two", kQos2, true);
        pub.publish("k/gone", "one", kQos1, true);
        pub.publish("k/gone", "zero", kQos0, true);  // takes the place of the other, whatever its QoS
        pub.publish("k/two", "passes by", kQos1);    // does not
        auto watcher = client("watcher", true, version);
        watcher.subscribe("k/empty", kQos1);
        pub.publish("k/empty", "", kQos1, true);
        EXPECT_FALSE(watcher.receive().retain);  // passed on as any message
        pub.disconnect();                        // what is retained is no part of its session
        auto sub = client("sub", true, version);
        sub.subscribe("k/two", kQos2);
        const auto two = sub.receive();
        EXPECT_EQ(two.payload, "two");
        EXPECT_EQ(two.qos, kQos2);
        EXPECT_TRUE(two.retain);
        sub.subscribe("k/gone", kQos2);
        const auto zero = sub.receive();
        EXPECT_EQ(zero.payload, "zero");
        EXPECT_EQ(zero.qos, kQos0);
        sub.subscribe("k/empty", kQos2);
        EXPECT_TRUE(sub.nothing_waits());
    }
}

TEST_F(ConformanceOfAll, PublishesAWillAtItsQosRetainedOrNotAndOnce) {
    for (const auto version : kVersions) {
        auto watcher = client("watcher", true, version);
        watcher.subscribe("w/#", kQos2);
        for (const auto qos : {kQos0, kQos1, kQos2}) {
            for (const bool retain : {false, true}) {
                ConnectOptions options{.client_id = "dying", .version = version};
                options.will_topic = "w/" + std::to_string(static_cast<int>(qos)) + (retain ? "r" : "");
                options.will_qos = qos;
                options.will_retain = retain;
                client(options).drop();
                const auto will = watcher.receive();
                EXPECT_EQ(will.topic, options.will_topic);
                EXPECT_EQ(will.qos, qos);
                client("dying", true, version).drop();  // has none, and the old one is out
                EXPECT_TRUE(watcher.nothing_waits());
            }
        }
        auto late = client("late", true, version);
        late.subscribe("w/#", kQos2);
        std::set<std::string> kept;
        for (int i = 0; i < 3; ++i) kept.insert(late.receive().topic);
        EXPECT_EQ(kept, (std::set<std::string>{"w/0r", "w/1r", "w/2r"}));
        EXPECT_TRUE(late.nothing_waits());
        for (const auto& topic : kept) watcher.publish(topic, "", kQos0, true);
        watcher.disconnect();
    }
}

TEST_F(ConformanceOfAll, PublishesTheWillOfASilentClientAndOfOneThatBreaksTheRules) {
    auto watcher = client("watcher");
    watcher.subscribe("w", kQos1);
    for (const auto version : kVersions) {
        ConnectOptions options{.client_id = "dying", .version = version};
        options.will_topic = "w";
        auto wrong = client(options);
        wrong.send(Bytes{0x00, 0x00});
        EXPECT_TRUE(wrong.closed_by_broker());
        EXPECT_EQ(watcher.receive().payload, "will");
        options.keep_alive = 1;
        const auto from = std::chrono::steady_clock::now();
        auto silent = client(options);
        EXPECT_EQ(watcher.receive().payload, "will");
        EXPECT_GE(std::chrono::steady_clock::now() - from, std::chrono::milliseconds(1'500));
        EXPECT_TRUE(silent.closed_by_broker());
    }
}

TEST_F(ConformanceOfAll, DeliversOverlappingSubscriptionsAtTheHighestQos) {
    for (const auto version : kVersions) {
        auto sub = client("sub", true, version);
        sub.subscribe("o/#", kQos0);
        sub.subscribe("o/+", kQos2);
        sub.subscribe("o/x", kQos1);
        client("pub", true, version).publish("o/x", "m", kQos2);
        EXPECT_EQ(sub.receive().qos, kQos2);
        EXPECT_TRUE(sub.nothing_waits());
        sub.disconnect();
    }
}

}  // namespace
}  // namespace esl::broker::testing
