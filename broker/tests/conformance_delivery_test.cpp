// What every version asks of deliveries: once at QoS 2, again after a reconnect, in their order. docs/conformance/ says
// which test shows which statement.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "broker/tests/conformance_rig.hpp"

namespace esl::broker::testing {
namespace {

TEST_F(ConformanceOfAll, FinishesADeliveryThatWasUnderWayWhenTheFilterWent) {
    for (const auto version : kVersions) {
        auto sub = client("sub", true, version);
        sub.subscribe("f", kQos2);
        auto pub = client("pub", true, version);
        pub.publish("f", "begun", kQos2);
        const auto got = sub.receive(false);
        sub.unsubscribe("f");
        pub.publish("f", "not begun", kQos2);
        sub.send_ack(PacketType::pubrec, got.packet_id);
        EXPECT_EQ(sub.expect(PacketType::pubrel).packet_id, got.packet_id);
        sub.send_ack(PacketType::pubcomp, got.packet_id);
        EXPECT_TRUE(sub.nothing_waits());
        sub.disconnect();
    }
}

TEST_F(ConformanceOfAll, SendsAgainWhatWasUnderWayWhenTheFilterWent) {
    for (const auto version : kVersions) {
        for (const auto qos : {kQos1, kQos2}) {
            auto sub = client("leaving", false, version);
            sub.subscribe("u", kQos2);
            auto pub = client("pub");
            pub.publish("u", "begun", qos);
            EXPECT_EQ(sub.receive(false).payload, "begun");
            sub.unsubscribe("u");
            pub.publish("u", "not begun", qos);
            sub.drop();
            auto back = client("leaving", false, version);
            EXPECT_EQ(back.receive().payload, "begun");
            EXPECT_TRUE(back.nothing_waits());
            back.disconnect();
        }
        client("leaving", true, version).disconnect();
    }
}

TEST_F(ConformanceOfAll, TakesAnAcknowledgedIdForANewMessageWhateverItsDupFlag) {
    for (const auto version : kVersions) {
        auto sub = client("sub", true, version);
        sub.subscribe("d", kQos1);
        auto pub = client("pub", true, version);
        for (const bool dup : {false, true, true}) {
            pub.send_publish("d", "m", kQos1, 5, dup);
            EXPECT_EQ(pub.expect(PacketType::puback).packet_id, 5);
            EXPECT_FALSE(sub.receive().dup);  // of this delivery alone
        }
        EXPECT_TRUE(sub.nothing_waits());
    }
}

TEST_F(ConformanceOfAll, AnswersQos2InTheOrderThatItWasAsked) {
    for (const auto version : kVersions) {
        auto sub = client("sub", true, version);
        sub.subscribe("q", kQos2);
        auto pub = client("pub", true, version);
        constexpr int kMessages = 15;  // within the window
        for (int i = 1; i <= kMessages; ++i)
            pub.send_publish("q", std::to_string(i), kQos2, static_cast<mqtt::PacketId>(i));
        for (int i = 1; i <= kMessages; ++i) EXPECT_EQ(pub.expect(PacketType::pubrec).packet_id, i);
        for (int i = 1; i <= kMessages; ++i) pub.send_ack(PacketType::pubrel, static_cast<mqtt::PacketId>(i));
        for (int i = 1; i <= kMessages; ++i) EXPECT_EQ(pub.expect(PacketType::pubcomp).packet_id, i);
        std::vector<mqtt::PacketId> ids;
        for (int i = 1; i <= kMessages; ++i) {
            const auto got = sub.receive(false);
            EXPECT_EQ(got.payload, std::to_string(i));
            ids.push_back(got.packet_id);
        }
        EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());  // each id is in use once
        EXPECT_EQ(std::ranges::count(ids, 0), 0);
        for (const auto id : ids) sub.send_ack(PacketType::pubrec, id);
        for (const auto id : ids) EXPECT_EQ(sub.expect(PacketType::pubrel).packet_id, id);
        for (const auto id : ids) sub.send_ack(PacketType::pubcomp, id);
        EXPECT_TRUE(sub.nothing_waits());
        sub.disconnect();
    }
}

TEST_F(ConformanceOfAll, SendsAgainInTheOldOrderAndOnlyAfterAReconnect) {
    for (const auto version : kVersions) {
        auto sub = client("sub", false, version);
        sub.subscribe("s", kQos2);
        auto pub = client("pub", true, version);
        std::vector<std::pair<std::string, mqtt::PacketId>> sent;
        for (int i = 0; i < 8; ++i) pub.publish("s", std::to_string(i), i % 2 == 0 ? kQos1 : kQos2);
        for (int i = 0; i < 8; ++i) {
            const auto got = sub.receive(false);
            sent.emplace_back(got.payload, got.packet_id);
        }
        EXPECT_TRUE(sub.nothing_waits());  // not again on the same connection
        sub.drop();
        auto back = client("sub", false, version);
        for (const auto& [payload, id] : sent) {
            const auto got = back.receive();
            EXPECT_EQ(got.payload, payload);
            EXPECT_EQ(got.packet_id, id);
            EXPECT_TRUE(got.dup);
        }
        EXPECT_TRUE(back.nothing_waits());
        back.disconnect();
        TestClient clean(broker_.port());
        clean.connect({.client_id = "sub", .clean = true, .version = version});
    }
}

TEST_F(ConformanceOfAll, SendsPubrelsAgainInTheOrderOfThePubrecs) {
    for (const auto version : kVersions) {
        auto sub = client("sub", false, version);
        sub.subscribe("o", kQos2);
        auto pub = client("pub");
        for (int i = 0; i < 6; ++i) pub.publish("o", std::to_string(i), i % 2 == 0 ? kQos1 : kQos2);
        std::vector<mqtt::PacketId> twos;
        for (int i = 0; i < 6; ++i) {
            const auto got = sub.receive(false);
            if (got.qos == kQos2) twos.push_back(got.packet_id);
        }
        for (const auto id : twos) sub.send_ack(PacketType::pubrec, id);
        for (const auto id : twos) EXPECT_EQ(sub.expect(PacketType::pubrel).packet_id, id);
        sub.drop();
        auto back = client("sub", false, version);
        for (int i = 0; i < 6; i += 2) EXPECT_EQ(back.receive().payload, std::to_string(i));
        for (const auto id : twos) EXPECT_EQ(back.expect(PacketType::pubrel).packet_id, id);
        EXPECT_TRUE(back.nothing_waits());
        back.disconnect();
        client("sub", true, version).disconnect();
    }
}

TEST_F(ConformanceOfAll, StartsAnewWithACleanSessionAndSaysWhetherThereWasOne) {
    for (const auto version : kVersions) {
        ConnectOptions options{.client_id = "kept", .clean = false, .version = version};
        if (version == ProtocolVersion::v5) options.properties.number(PropertyId::session_expiry_interval, 1'000);
        const auto connect = [&](bool clean) {
            TestClient c(broker_.port());
            options.clean = clean;
            const auto answer = c.connect(options);
            EXPECT_EQ(answer.reason, ReasonCode::success);
            return std::pair(std::move(c), answer.session_present);
        };
        auto first = connect(false);
        EXPECT_FALSE(first.second);
        first.first.subscribe("n", kQos1);
        first.first.drop();
        auto second = connect(false);
        EXPECT_TRUE(second.second);
        client("pub").publish("n", "while there", kQos1);
        EXPECT_EQ(second.first.receive(false).payload, "while there");
        second.first.drop();
        auto third = connect(true);
        EXPECT_FALSE(third.second);
        client("pub").publish("n", "lost", kQos1);
        EXPECT_TRUE(third.first.nothing_waits());  // neither its filter nor what was under way
        third.first.disconnect();
        TestClient tidy(broker_.port());
        tidy.connect({.client_id = "kept", .clean = true, .version = version});
    }
}

}  // namespace
}  // namespace esl::broker::testing
