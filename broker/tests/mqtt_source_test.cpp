// Inbound rules by MQTT: what another broker handed over is not lost between its broker and ours.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <set>

#include "broker/adapters/sqlite.hpp"
#include "broker/tests/rule_rig.hpp"
#include "broker/tests/test_certificates.hpp"
#include "common/mqttclient/tests/mosquitto.hpp"

namespace esl::broker::testing {
namespace {

// A broker as a process, with a rule that takes esl_report/# of a broker that stays, and a subscriber that is away.
class MqttSource : public ::testing::Test {
protected:
    void start(const std::string& more = {}) {
        std::ofstream(folder_ / "broker.toml")
            << "groups = [\"GID_test\"]\ntopics = [\"esl_task\", \"esl_report\"]\n[auth]\nallow_anonymous = true\n"
            << "[[rule]]\nid = \"bridge\"\nkind = \"inbound\"\nresource = \"esl_task\"\nvia = \"mqtt\"\n"
            << "url = \"tcp://127.0.0.1:" << far_.port() << "\"\nclient_id = \"GID_test@@@bridge\"\n"
            << "filter = \"esl_report/#\"\n"
            << more;
        broker_.start();
        ASSERT_TRUE(wait_until([&] { return far_.counter("subscriptions") == 1; }));
    }
    TestClient subscriber() {
        TestClient c(broker_.port());
        EXPECT_EQ(c.connect({.client_id = "GID_test@@@sub", .clean = false}).reason, ReasonCode::success);
        return c;
    }
    void subscribe_and_go() {
        auto sub = subscriber();
        sub.subscribe("esl_task/#", QoS::at_least_once);
        sub.disconnect();
    }
    // Over there, while nothing can be committed here, for another holds the file. `then` runs while that is so.
    void publish_while_nothing_is_committed(const std::vector<std::string>& payloads,
                                            const std::function<void()>& then) {
        TestClient far(far_.port());
        far.connect({.client_id = "GID_test@@@far"});
        sqlite::Database holder(folder_ / "data/messages.db");
        holder.execute("BEGIN IMMEDIATE");
        for (const auto& payload : payloads)
            ASSERT_EQ(far.publish("esl_report/x", payload, QoS::at_least_once), ReasonCode::success);
        ASSERT_TRUE(wait_until([&] { return broker_.log().find("database is locked") != std::string::npos; }))
            << broker_.log();
        then();
    }

    esl::testing::TempDir folder_;
    RunningBroker far_{test_config()};
    BrokerProcess broker_{folder_.path(), {"--config", (folder_ / "broker.toml").string()}};
};

TEST_F(MqttSource, AMessageThatWasNotCommittedWhenTheBrokerDiedComesAgain) {
    start();
    subscribe_and_go();
    publish_while_nothing_is_committed({"owed"}, [&] { broker_.kill_dead(); });
    broker_.start();
    auto sub = subscriber();
    EXPECT_EQ(sub.receive().payload, "owed");
}

TEST_F(MqttSource, WaitsForAStoreThatDoesNotWrite) {
    start();
    subscribe_and_go();
    publish_while_nothing_is_committed({"1", "2", "3"}, [] {});
    std::set<std::string> seen;
    auto sub = subscriber();
    while (seen.size() < 3) seen.insert(sub.receive().payload);
    EXPECT_EQ(seen, (std::set<std::string>{"1", "2", "3"}));
    EXPECT_EQ(broker_.terminate(), 0);
}

TEST_F(MqttSource, TakesQos2OnceFromABrokerThatSendsItWithoutASubscription) {
    start("topic = \"esl_task/bridged\"\n");
    auto sub = subscriber();
    sub.subscribe("esl_task/#", QoS::exactly_once);
    TestClient far(far_.port());
    far.connect({.client_id = "GID_test@@@far"});
    EXPECT_EQ(far.publish("esl_task/p2p/GID_test@@@bridge", "price", QoS::exactly_once), ReasonCode::success);
    const auto got = sub.receive();
    EXPECT_EQ(got.payload, "price");
    EXPECT_EQ(got.qos, QoS::exactly_once);
    EXPECT_TRUE(sub.nothing_waits());
}

// A rule of a broker in this process.
class MqttSourceRule : public RuleApi, public ::testing::WithParamInterface<const char*> {
protected:
    int add_rule(const std::string& url, const json& more) {
        json rule{{"id", "bridge"}, {"kind", "inbound"}, {"resource", "esl_task"},
                  {"via", "mqtt"},  {"url", url},        {"client_id", "GID_test@@@bridge"}};
        rule.update(more);
        return status("POST", "/api/v1/rules", rule);
    }
    TestClient subscriber() {
        ConnectOptions options{.client_id = "GID_test@@@sub", .clean = false, .version = mqtt::ProtocolVersion::v5};
        options.properties.number(mqtt::PropertyId::session_expiry_interval, 1'000);
        TestClient c(broker_->port());
        EXPECT_EQ(c.connect(options).reason, ReasonCode::success);
        c.subscribe("esl_task/#", QoS::at_least_once);
        return c;
    }
    // The rule connects when it can: until then nobody over there is subscribed.
    static void publish_until_it_comes(TestClient& from, TestClient& to, const std::string& topic) {
        ASSERT_TRUE(wait_until([&] {
            from.publish(topic, "try", QoS::at_least_once);
            static_cast<void>(to.nothing_waits());
            return to.waiting() > 0;
        }));
    }
};
INSTANTIATE_TEST_SUITE_P(Each, MqttSourceRule, ::testing::Values("3.1.1", "5"),
                         [](const auto& version) { return *version.param == '5' ? "V5" : "V311"; });

TEST_P(MqttSourceRule, TakesWhatMosquittoKeptWhileTheBrokerWasAway) {
    esl::testing::Mosquitto mosquitto;
    ASSERT_EQ(add_rule(mosquitto.url(), {{"filter", "a/#"}, {"version", GetParam()}}), 201) << said_;
    TestClient far(connect_tcp(mosquitto.port()));
    far.connect({.client_id = "far", .version = mqtt::ProtocolVersion::v5});
    {
        auto sub = subscriber();
        publish_until_it_comes(far, sub, "a/x");
    }
    broker_.reset();
    mqtt::Properties properties;
    properties.user("k", "v").number(mqtt::PropertyId::message_expiry_interval, 1'000);
    for (int i = 0; i < 200; ++i) far.publish("a/x", std::to_string(i), QoS::at_least_once, false, properties);
    restart();
    auto sub = subscriber();
    // In any order: old messages wait aside while new ones go out (decision 0112).
    std::set<std::string> seen{"try"};
    while (seen.size() < 201) {
        const auto got = sub.receive();
        ASSERT_EQ(got.topic, "esl_task/a/x");
        seen.insert(got.payload);
        if (got.payload == "try" || *GetParam() != '5') continue;
        const mqtt::PropertiesView came(got.properties);
        EXPECT_EQ(came.find(mqtt::PropertyId::user_property)->text, "v");
        const auto left = came.number_or(mqtt::PropertyId::message_expiry_interval, 0);
        EXPECT_GT(left, 900U);
        EXPECT_LE(left, 1'000U);
    }
}

TEST_P(MqttSourceRule, ConnectsAgainAfterMosquittoWasKilled) {
    esl::testing::Mosquitto mosquitto;
    ASSERT_EQ(add_rule(mosquitto.url(), {{"filter", "a/#"}, {"version", GetParam()}}), 201) << said_;
    auto sub = subscriber();
    for (int i = 0; i < 3; ++i) {
        TestClient far(connect_tcp(mosquitto.port()));
        far.connect({.client_id = "far"});
        publish_until_it_comes(far, sub, "a/x");
        while (sub.waiting() > 0) sub.receive();
        mosquitto.kill();
        mosquitto.start();
    }
}

TEST_P(MqttSourceRule, ReachesABrokerByTlsWhoseCertificateLeadsToTheCaFile) {
    auto config = test_config();
    config.listen.clear();
    config.listeners = {test_listener(ListenerKind::tls)};
    RunningBroker outside(config);
    const auto url = "ssl://localhost:" + std::to_string(outside.port());
    const auto ca = shared_certificates().ca.certificate();
    ASSERT_EQ(add_rule(url, {{"filter", "esl_report/#"}, {"version", GetParam()}, {"ca_file", ca}}), 201) << said_;
    auto sub = subscriber();
    TestClient far(connect_by(ListenerKind::tls, outside.port()));
    far.connect({.client_id = "GID_test@@@far"});
    publish_until_it_comes(far, sub, "esl_report/x");
    // What fills several TLS records, and the window of what may be on its way to the store.
    for (int i = 0; i < 300; ++i)
        far.publish("esl_report/x", std::string(5'000, 'x') + std::to_string(i), QoS::exactly_once);
    for (int i = 0; i < 300; ++i) {
        auto got = sub.receive();
        while (got.payload == "try") got = sub.receive();
        ASSERT_EQ(got.payload.substr(5'000), std::to_string(i));
    }
}

}  // namespace
}  // namespace esl::broker::testing
