// $SYS/broker/...: what the broker says of itself.
#include "broker/core/system_topics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "broker/tests/broker_fixture.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

TEST(SystemTopics, SayWhatHasChangedAndNothingElse) {
    SystemTopics topics;
    std::map<std::string, std::string> said;
    const auto say = [&](std::string_view topic, const std::string& value) { said[std::string(topic)] = value; };
    SystemTotals now;
    now.connections = 3;
    now.sessions = 5;
    topics.update(now, std::chrono::seconds(10), std::chrono::seconds(10), say);
    EXPECT_EQ(said.at("$SYS/broker/clients/connected"), "3");
    EXPECT_EQ(said.at("$SYS/broker/clients/disconnected"), "2");
    EXPECT_EQ(said.at("$SYS/broker/uptime"), "10 seconds");
    said.clear();
    now.connections = 1;
    topics.update(now, std::chrono::seconds(10), std::chrono::seconds(20), say);
    EXPECT_EQ(said.at("$SYS/broker/clients/connected"), "1");
    EXPECT_FALSE(said.contains("$SYS/broker/clients/maximum"));  // still 3
    EXPECT_FALSE(said.contains("$SYS/broker/clients/total"));
}

TEST(SystemTopics, LoadsApproachTheRateAMinute) {
    SystemTopics topics;
    std::map<std::string, double> load;
    const auto say = [&](std::string_view topic, const std::string& value) {
        if (topic.contains("/load/messages/received/"))
            load[std::string(topic.substr(topic.rfind('/') + 1))] = std::stod(value);
    };
    SystemTotals now;
    for (int i = 0; i < 30; ++i) {  // five minutes of 100 in ten seconds
        now.publishes_received += 100;
        topics.update(now, std::chrono::seconds(10), std::chrono::seconds(i), say);
    }
    EXPECT_NEAR(load["1min"], 600, 6);
    EXPECT_NEAR(load["5min"], 600 * (1 - std::exp(-1)), 6);
    EXPECT_NEAR(load["15min"], 600 * (1 - std::exp(-1.0 / 3)), 6);
}

class SystemTopicsOverSockets : public StandardBroker {
protected:
    static Config config() {
        auto c = test_config(Mode::standard);
        c.settings.system_interval = std::chrono::seconds(1);
        return c;
    }
    SystemTopicsOverSockets() : StandardBroker(config()) {}
};

TEST_F(SystemTopicsOverSockets, AreRetainedAndHiddenFromTheHash) {
    auto all = client("all");
    all.subscribe("#", kQos0);
    auto some = client("some");
    some.subscribe("$SYS/broker/clients/+", kQos0);
    EXPECT_EQ(some.receive().topic.substr(0, 20), "$SYS/broker/clients/");
    auto late = client("late");
    late.subscribe("$SYS/broker/version", kQos0);
    const auto version = late.receive();
    EXPECT_TRUE(version.retain);
    EXPECT_EQ(version.payload.substr(0, 10), "shelfwire ");
    EXPECT_TRUE(all.nothing_waits());                                                    // [MQTT-4.7.2-1]
    EXPECT_EQ(late.publish("$SYS/broker/version", "mine", kQos1), ReasonCode::success);  // 3.1.1 knows no other answer
    EXPECT_TRUE(late.nothing_waits());
}

// Also in apsara mode, where other topics below $SYS are the service's own.
TEST(SystemTopicsInApsaraMode, ComeByEveryFilterThatMatchesThem) {
    auto config = test_config();
    config.settings.system_interval = std::chrono::seconds(1);
    const RunningBroker broker(config);
    for (const std::string filter :
         {"$SYS/broker/version", "$SYS/broker/#", "$SYS/#", "$SYS/+/#", "$SYS/+/version", "$share/g/$SYS/broker/+"}) {
        TestClient c(broker.port());
        ASSERT_EQ(c.connect({.client_id = "GID_test@@@watcher", .version = ProtocolVersion::v5}).reason,
                  ReasonCode::success);
        EXPECT_EQ(c.subscribe(filter, kQos0).front(), ReasonCode::success);
        EXPECT_EQ(c.receive().topic.substr(0, 12), "$SYS/broker/") << filter;
        c.disconnect();
    }
}

}  // namespace
}  // namespace esl::broker::testing
