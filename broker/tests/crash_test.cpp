// The built executable, killed: nothing that was acknowledged is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::PacketType;
using mqtt::QoS;
using mqtt::ReasonCode;

const std::vector<std::string> kArguments{"--group",    "GID_test",          "--topic",  "esl_task", "--topic",
                                          "esl_report", "--allow-anonymous", "--shards", "2",        "--offline-batch",
                                          "0"};

std::string id(const std::string& device) {
    return "GID_test@@@" + device;
}

class Crash : public ::testing::Test {
protected:
    explicit Crash(const std::string& mode = "apsara") : broker_(folder_.path(), arguments(mode)) { broker_.start(); }
    static std::vector<std::string> arguments(const std::string& mode) {
        auto all = kArguments;
        all.insert(all.end(), {"--mode", mode});
        return all;
    }
    void kill_and_restart() {
        broker_.kill_dead();
        broker_.start(broker_.port());
    }
    TestClient client(const std::string& device, bool clean) {
        TestClient c(broker_.port());
        EXPECT_EQ(c.connect({.client_id = id(device), .clean = clean}).reason, ReasonCode::success);
        return c;
    }
    esl::testing::TempDir folder_;
    BrokerProcess broker_;
};

// Where QoS 2 waits for whoever is away.
class CrashStandard : public Crash {
protected:
    CrashStandard() : Crash("standard") {}
};

TEST_F(Crash, SessionsSubscriptionsAndRetainedMessagesSurvive) {
    auto sub = client("sub", false);
    sub.subscribe("esl_report/+", QoS::exactly_once);
    auto pub = client("pub", true);
    pub.publish("esl_report/kept", "kept", QoS::at_least_once, true);
    pub.publish("esl_report/gone", "gone", QoS::at_least_once, true);
    pub.publish("esl_report/gone", "", QoS::at_least_once, true);
    for (int i = 0; i < 3; ++i) static_cast<void>(sub.receive());
    kill_and_restart();
    TestClient back(broker_.port());
    EXPECT_TRUE(back.connect({.client_id = id("sub"), .clean = false}).session_present);
    client("pub", true).publish("esl_report/new", "new", QoS::exactly_once);
    // QoS 1: what was acknowledged in the last moment may come again.
    std::string payload;
    while (payload != "new") payload = back.receive().payload;
    auto fresh = client("fresh", true);
    fresh.subscribe("esl_report/#", QoS::at_least_once);
    const auto kept = fresh.receive();
    EXPECT_EQ(kept.payload, "kept");
    EXPECT_TRUE(kept.retain);
    EXPECT_TRUE(fresh.nothing_waits());
}

TEST_F(CrashStandard, TheWillsOfThoseWhoWereConnectedArePublishedAfterwards) {
    auto watcher = client("watcher", false);
    watcher.subscribe("wills/+", QoS::exactly_once);
    const auto with_will = [&](const std::string& device, std::uint32_t delay) {
        ConnectOptions options{.client_id = id(device), .clean = false, .version = mqtt::ProtocolVersion::v5};
        options.properties.number(mqtt::PropertyId::session_expiry_interval, 1'000);
        options.will_topic = "wills/" + device;
        options.will_qos = QoS::exactly_once;
        options.will_properties.number(mqtt::PropertyId::will_delay_interval, delay);
        TestClient c(broker_.port());
        EXPECT_EQ(c.connect(options).reason, ReasonCode::success);
        c.subscribe("x", QoS::at_least_once);  // SUBACK: what came before it is on disk
        return c;
    };
    auto alive = with_will("alive", 0);
    auto patient = with_will("patient", 1);
    with_will("polite", 0).disconnect();
    watcher.subscribe("later", QoS::at_least_once);  // its SUBACK follows the commit of that goodbye
    watcher.drop();
    kill_and_restart();
    auto back = client("watcher", false);
    EXPECT_EQ(back.receive().topic, "wills/alive");
    EXPECT_EQ(back.receive().topic, "wills/patient");
    EXPECT_TRUE(back.nothing_waits());
    kill_and_restart();
    auto again = client("watcher", false);
    EXPECT_TRUE(again.nothing_waits());  // once
}

TEST_F(CrashStandard, AWillIsKeptFromItsConnackOn) {
    auto watcher = client("watcher", false);
    watcher.subscribe("wills/+", QoS::at_least_once);
    for (int i = 0; i < 5; ++i) {
        TestClient dying(broker_.port());
        ASSERT_EQ(
            dying.connect({.client_id = id("dying"), .clean = true, .will_topic = "wills/" + std::to_string(i)}).reason,
            ReasonCode::success);
        kill_and_restart();
        auto back = client("watcher", false);
        while (back.receive().topic != "wills/" + std::to_string(i)) {  // an earlier one may come again
        }
    }
}

TEST_F(Crash, AnUnsubscribedFilterAndAClearedSessionDoNotComeBack) {
    auto sub = client("sub", false);
    sub.subscribe("esl_report/a", QoS::at_least_once);
    sub.subscribe("esl_report/b", QoS::at_least_once);
    sub.unsubscribe("esl_report/a");
    auto other = client("other", false);
    other.subscribe("esl_report/a", QoS::at_least_once);  // its SUBACK comes after the commit of all before
    other.disconnect();
    client("other", true).disconnect();
    auto later = client("later", false);
    later.subscribe("esl_report/c", QoS::at_least_once);
    kill_and_restart();
    TestClient cleared(broker_.port());
    EXPECT_FALSE(cleared.connect({.client_id = id("other"), .clean = false}).session_present);
    auto back = client("sub", false);
    auto pub = client("pub", true);
    pub.publish("esl_report/a", "a", QoS::at_least_once);
    pub.publish("esl_report/b", "b", QoS::at_least_once);
    EXPECT_EQ(back.receive().payload, "b");
    EXPECT_TRUE(back.nothing_waits());
}

TEST_F(CrashStandard, AQos2MessageIsTakenOnceWhenTheBrokerDiesBetweenPubrecAndPubrel) {
    auto sub = client("sub", false);
    sub.subscribe("esl_report/x", QoS::exactly_once);
    sub.disconnect();
    auto pub = client("pub", false);
    pub.send_publish("esl_report/x", "once", QoS::exactly_once, 9);
    pub.expect(PacketType::pubrec);
    kill_and_restart();
    auto again = client("pub", false);
    again.send_publish("esl_report/x", "once", QoS::exactly_once, 9, true);
    again.expect(PacketType::pubrec);
    again.send_ack(PacketType::pubrel, 9);
    again.expect(PacketType::pubcomp);
    kill_and_restart();
    auto third = client("pub", false);
    third.send_publish("esl_report/x", "another", QoS::exactly_once, 9);  // the id is free: PUBCOMP was sent
    third.expect(PacketType::pubrec);
    auto back = client("sub", false);
    EXPECT_EQ(back.receive().payload, "once");
    EXPECT_EQ(back.receive().payload, "another");
    EXPECT_TRUE(back.nothing_waits());
}

TEST_F(Crash, AQos2DeliveryGoesOnWhereItWas) {
    auto sub = client("sub", false);
    sub.subscribe("esl_report/x", QoS::exactly_once);
    client("pub", true).publish("esl_report/x", "m", QoS::exactly_once);
    const auto first = sub.receive(false);
    kill_and_restart();
    auto back = client("sub", false);
    const auto again = back.receive(false);
    EXPECT_EQ(again.packet_id, first.packet_id);  // so that the client knows it
    EXPECT_TRUE(again.dup);
    back.send_ack(PacketType::pubrec, again.packet_id);
    back.expect(PacketType::pubrel);
    kill_and_restart();
    auto third = client("sub", false);
    EXPECT_EQ(third.expect(PacketType::pubrel).packet_id, first.packet_id);  // and not the message again
    third.send_ack(PacketType::pubcomp, first.packet_id);
    EXPECT_TRUE(third.nothing_waits());
}

// Publishers without pause, the broker killed at moments of chance: every message that was acknowledged arrives, QoS 2
// messages arrive once, and what arrives was sent.
TEST_F(Crash, NothingAcknowledgedIsLostHoweverOftenTheBrokerIsKilled) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    constexpr int kSleepers = 8;
    for (int i = 0; i < kSleepers; ++i) {
        auto c = client("s" + std::to_string(i), false);
        c.subscribe("esl_report/all", QoS::at_least_once);
        c.disconnect();
    }
    struct Sent {
        std::set<std::string> acknowledged;
        int number = 0;
    };
    Sent p2p;
    Sent fanned;
    constexpr int kKills = 5;
    for (int round = 0; round < kKills; ++round) {
        std::atomic<bool> stop{false};
        const auto run = [&](Sent& sent, const std::string& name, bool direct) {
            try {
                TestClient c(broker_.port());
                c.connect({.client_id = id(name), .clean = true});
                while (!stop) {
                    const auto payload = name + "-" + std::to_string(sent.number++);
                    const auto topic = direct ? "esl_task/p2p/" + id("s" + std::to_string(sent.number % kSleepers))
                                              : std::string("esl_report/all");
                    c.publish(topic, payload, QoS::at_least_once);
                    sent.acknowledged.insert(payload);
                }
            } catch (const std::exception&) {
                // killed: what was not acknowledged is nobody's promise
            }
        };
        std::thread a([&] { run(p2p, "direct", true); });
        std::thread b([&] { run(fanned, "fanned", false); });
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(50 + random() % 250);
        static_cast<void>(esl::testing::wait_until([&] { return std::chrono::steady_clock::now() > until; }));
        broker_.kill_dead();
        stop = true;
        a.join();
        b.join();
        broker_.start(broker_.port());
    }
    std::set<std::string> direct_seen;
    for (int i = 0; i < kSleepers; ++i) {
        auto c = client("s" + std::to_string(i), false);
        std::set<std::string> fanned_seen;
        const auto take = [&] {
            const auto got = c.receive();
            (got.topic == "esl_report/all" ? fanned_seen : direct_seen).insert(got.payload);
        };
        // All that is queued is sent in order and in windows; the end is when a ping finds nothing after the last ack.
        while (!c.nothing_waits()) take();
        for (const auto& payload : fanned.acknowledged)
            ASSERT_TRUE(fanned_seen.contains(payload)) << payload << " for sleeper " << i;
    }
    for (const auto& payload : p2p.acknowledged) ASSERT_TRUE(direct_seen.contains(payload)) << payload;
    EXPECT_GT(p2p.acknowledged.size(), 20U);
    EXPECT_GT(fanned.acknowledged.size(), 20U);
}

TEST_F(Crash, StopsInPeaceOnSigterm) {
    auto v5 = TestClient(broker_.port());
    v5.connect({.client_id = id("v5"), .clean = true, .version = mqtt::ProtocolVersion::v5});
    const int code = broker_.terminate();
    EXPECT_EQ(code, 0);
    EXPECT_EQ(v5.expect(PacketType::disconnect).reason, ReasonCode::server_shutting_down);
}

// One that reads nothing of several megabytes keeps the broker a few seconds, and not at all when asked twice.
class StopWithADeafClient : public CrashStandard {
protected:
    StopWithADeafClient() : deaf_(broker_.port()) {
        deaf_.connect({.client_id = "deaf"});
        deaf_.subscribe("big", QoS::at_least_once);
        auto pub = client("pub", true);
        for (int i = 0; i < 30; ++i) pub.publish("big", std::string(900'000, 'x'), QoS::at_least_once);
    }
    std::chrono::milliseconds timed_stop(int signals) {
        const auto from = std::chrono::steady_clock::now();
        EXPECT_EQ(broker_.terminate(signals), 0);
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from);
    }
    TestClient deaf_;
};

TEST_F(StopWithADeafClient, EndsWithItsDeadline) {
    EXPECT_LT(timed_stop(1), std::chrono::seconds(15));
}

TEST_F(StopWithADeafClient, EndsAtOnceWhenAskedTwice) {
    EXPECT_LT(timed_stop(2), std::chrono::milliseconds(3'900));  // less than the deadline by any clock
}

TEST_F(Crash, ASecondBrokerOnTheSameFolderOrPortIsRefusedWithTheReason) {
    BrokerProcess same_folder(folder_.path(), {"--group", "GID_test"});
    try {
        same_folder.start();
        FAIL() << "started";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("in use by another broker"), std::string::npos) << error.what();
    }
    esl::testing::TempDir elsewhere;
    BrokerProcess same_port(elsewhere.path(), {"--group", "GID_test"});
    try {
        same_port.start(broker_.port());
        FAIL() << "started";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find(std::to_string(broker_.port())), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("in use"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace esl::broker::testing
