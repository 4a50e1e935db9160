// What rules let out of a running broker: real webhooks, files and tables at the other end.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "broker/adapters/http_sink.hpp"
#include "broker/adapters/sqlite.hpp"
#include "broker/tests/rule_rig.hpp"

namespace esl::broker::testing {
namespace {

TEST_F(RuleApi, SendsWhatDevicesPublishToASignedWebhook) {
    auto spec = webhook("to-erp", "esl_report/#");
    spec["secret"] = "s3cret";
    ASSERT_EQ(status("POST", "/api/v1/rules", spec), 201) << said_;
    EXPECT_EQ(said_.find("s3cret"), std::string::npos);
    auto pub = client("ap1");
    pub.publish("esl_report/shop/result", "{\"done\":1}", QoS::at_least_once);
    pub.publish("esl_task/other", "no", QoS::at_least_once);
    ASSERT_EQ(status("POST", "/api/v1/publish", {{"topic", "esl_report/x"}, {"payload", "admin"}}), 202);
    pub.publish("esl_report/end", "zero", QoS::at_most_once);
    ASSERT_TRUE(hook_.wait_for(2));
    EXPECT_EQ(hook_.payloads(), (std::vector<std::string>{"{\"done\":1}", "zero"}));
    const auto request = hook_.got().front();
    const auto body = json::parse(request.body);
    EXPECT_EQ(body["clientId"], "GID_test@@@ap1");
    EXPECT_EQ(body["properties"]["mqttSecondTopic"], "/shop/result");
    EXPECT_EQ(body["properties"]["qoslevel"], "1");
    EXPECT_EQ(request.headers.get("X-Shelfwire-Message"), body["msgId"].get<std::string>());
    EXPECT_EQ(request.headers.get("X-Shelfwire-Rule"), "to-erp");
    EXPECT_EQ(request.headers.get("X-Shelfwire-Signature"),
              webhook_signature("s3cret", request.headers.get("X-Shelfwire-Timestamp"), request.body));
    // The same id as in the traces.
    ASSERT_EQ(status("GET", "/api/v1/traces/messages?message=" + body["msgId"].get<std::string>()), 200);
    EXPECT_EQ(json::parse(said_)["items"][0]["action"], "pub_mqtt");
    ASSERT_TRUE(wait_until([&] { return rule("to-erp")["figures"]["exported"] == 2; }));
    const auto metrics = http_->get("/metrics")->body;
    EXPECT_NE(metrics.find("broker_rule_exported_total{rule=\"to-erp\"} 2\n"), std::string::npos);
}

TEST_F(RuleApi, TriesAgainUntilTheWebhookTakesIt) {
    hook_.set(false, 500);
    ASSERT_EQ(status("POST", "/api/v1/rules", webhook("to-erp", "esl_report/#")), 201) << said_;
    auto pub = client("ap1");
    for (int i = 0; i < 20; ++i) pub.publish("esl_report/x", std::to_string(i), QoS::at_least_once);
    ASSERT_TRUE(wait_until([&] { return rule("to-erp")["figures"]["retried"] > 20; }));
    EXPECT_EQ(rule("to-erp")["figures"]["waiting"], 20);
    hook_.set(false, 204);
    ASSERT_TRUE(hook_.wait_for(20));
    const auto payloads = hook_.payloads();
    EXPECT_EQ(std::set<std::string>(payloads.begin(), payloads.end()).size(), 20U);
    EXPECT_TRUE(wait_until([&] { return rule("to-erp")["figures"]["waiting"] == 0; }));
}

TEST_F(RuleApi, KeepsEachClientsOrderWhenAsked) {
    hook_.set(false, 503);
    auto spec = webhook("to-erp", "esl_report/#");
    spec["ordered"] = true;
    spec["connections"] = 4;
    ASSERT_EQ(status("POST", "/api/v1/rules", spec), 201) << said_;
    auto a = client("a");
    auto b = client("b");
    for (int i = 100; i < 150; ++i) {
        a.publish("esl_report/x", "a" + std::to_string(i), QoS::at_least_once);
        b.publish("esl_report/x", "b" + std::to_string(i), QoS::at_least_once);
    }
    hook_.set(false, 204);
    ASSERT_TRUE(hook_.wait_for(100));
    std::map<char, std::vector<std::string>> seen;
    for (const auto& payload : hook_.payloads()) seen[payload[0]].push_back(payload);
    EXPECT_TRUE(std::ranges::is_sorted(seen['a']));
    EXPECT_TRUE(std::ranges::is_sorted(seen['b']));
}

// A webhook that never answers holds up neither the publishers nor another rule.
TEST_F(RuleApi, AHangingWebhookHoldsUpNobody) {
    Receiver hanging;
    hanging.set(true, 204);
    auto bad = webhook("hangs", "esl_report/#");
    bad["url"] = hanging.url();
    ASSERT_EQ(status("POST", "/api/v1/rules", bad), 201) << said_;
    ASSERT_EQ(status("POST", "/api/v1/rules", webhook("flows", "esl_report/+")), 201) << said_;
    auto pub = client("ap1");
    for (int i = 0; i < 300; ++i)
        ASSERT_EQ(pub.publish("esl_report/x", std::to_string(i), QoS::at_least_once), ReasonCode::success);
    ASSERT_TRUE(hook_.wait_for(300));
    EXPECT_EQ(rule("hangs")["figures"]["exported"], 0);
    EXPECT_EQ(rule("hangs")["figures"]["waiting"], 300);
    broker_.reset();  // and a stop does not wait for it
    hanging.set(false, 204);
    restart();
    EXPECT_TRUE(hanging.wait_for(300));
}

TEST_F(RuleApi, TellsOfDevicesOfAGroup) {
    auto spec = webhook("presence", "GID_test");
    spec["kind"] = "notification";
    spec["ordered"] = true;
    ASSERT_EQ(status("POST", "/api/v1/rules", spec), 201) << said_;
    client("ap1").disconnect();
    ASSERT_TRUE(hook_.wait_for(3));
    std::vector<std::string> events;
    for (const auto& request : hook_.got()) {
        const auto body = json::parse(request.body);
        const auto event = json::parse(body["payload"].get<std::string>());
        EXPECT_EQ(body["topic"], "GID_test_MQTT");
        EXPECT_EQ(body["tag"], event["eventType"]);
        EXPECT_EQ(event["clientId"], "GID_test@@@ap1");
        EXPECT_EQ(event["clientIp"].get<std::string>().find("127.0.0.1:"), 0U);
        events.push_back(event["eventType"]);
    }
    EXPECT_EQ(events, (std::vector<std::string>{"connect", "disconnect", "tcpclean"}));
}

TEST_F(RuleApi, SendsEachGroupsNewsWhereItsOwnRuleSays) {
    Receiver others;
    ASSERT_EQ(status("POST", "/api/v1/groups", {{"name", "GID_other"}}), 201) << said_;
    auto ours = webhook("ours", "GID_test");
    auto theirs = webhook("theirs", "GID_other");
    theirs["url"] = others.url();
    for (auto* spec : {&ours, &theirs}) {
        (*spec)["kind"] = "notification";
        ASSERT_EQ(status("POST", "/api/v1/rules", *spec), 201) << said_;
    }
    client("ap1").disconnect();
    TestClient other(broker_->port());
    ASSERT_EQ(other.connect({.client_id = "GID_other@@@ap1"}).reason, ReasonCode::success);
    other.disconnect();
    const auto told_of = [&](Receiver& receiver, const std::string& id) {
        ASSERT_TRUE(wait_until([&] { return rule(id)["figures"]["exported"] == 3; }));
        const auto payloads = receiver.payloads();
        ASSERT_EQ(payloads.size(), 3U);
        const auto client = id == "ours" ? "GID_test@@@ap1" : "GID_other@@@ap1";
        for (const auto& payload : payloads) EXPECT_EQ(json::parse(payload)["clientId"], client);
    };
    told_of(hook_, "ours");
    told_of(others, "theirs");
}

TEST_F(RuleApi, WritesLinesAndPublishesAgain) {
    const auto lines = (folder_ / "out.jsonl").string();
    ASSERT_EQ(
        status("POST", "/api/v1/rules",
               {{"id", "lines"}, {"kind", "outbound"}, {"resource", "esl_report/#"}, {"via", "file"}, {"path", lines}}),
        201)
        << said_;
    // A file that two write to would be turned away under one of them, or be no database any more.
    const json second = {
        {"id", "second"}, {"kind", "outbound"}, {"resource", "esl_task/#"}, {"via", "sqlite"}, {"path", lines}};
    EXPECT_EQ(status("POST", "/api/v1/rules", second), 409);
    EXPECT_NE(said_.find("lines writes to this path"), std::string::npos) << said_;
    ASSERT_EQ(status("POST", "/api/v1/rules",
                     {{"id", "again"},
                      {"kind", "outbound"},
                      {"resource", "esl_report/+"},
                      {"via", "mqtt"},
                      {"topic", "esl_task/copy/${secondTopic}"}}),
              201)
        << said_;
    auto sub = client("sub");
    sub.subscribe("esl_task/#", QoS::at_least_once);
    client("ap1").publish("esl_report/x", "hello", QoS::at_least_once);
    const auto copy = sub.receive();
    EXPECT_EQ(copy.topic, "esl_task/copy/x");
    EXPECT_EQ(copy.payload, "hello");
    ASSERT_TRUE(wait_until([&] { return rule("lines")["figures"]["exported"] == 1; }));
    std::ifstream in(lines);
    std::string line;
    std::getline(in, line);
    EXPECT_EQ(json::parse(line)["topic"], "esl_report/x");
}

// Between PUBACK and the webhook: what was acknowledged arrives after a kill -9 and a new start.
TEST(RuleCrash, NothingAcknowledgedIsLostBetweenPubackAndWebhook) {
    esl::testing::TempDir folder;
    Receiver hook;
    hook.set(true, 204);
    std::ofstream(folder / "broker.toml")
        << "groups = [\"GID_test\"]\ntopics = [\"esl_report\"]\n[auth]\nallow_anonymous = true\n"
        << "[[rule]]\nid = \"to-erp\"\nkind = \"outbound\"\nresource = \"esl_report/#\"\nvia = \"http\"\nurl = \""
        << hook.url() << "\"\nconnections = 4\nretry_first = \"20ms\"\nretry_limit = \"100ms\"\n";
    BrokerProcess broker(folder.path(), {"--config", (folder / "broker.toml").string()});
    std::set<std::string> acknowledged;
    for (int round = 0; round < 4; ++round) {
        broker.start();
        TestClient pub(broker.port());
        pub.connect({.client_id = "GID_test@@@ap1"});
        for (int i = 0; i < 100; ++i) {
            const auto payload = std::to_string(round) + "-" + std::to_string(i);
            pub.publish("esl_report/x", payload, i % 2 == 0 ? QoS::at_least_once : QoS::exactly_once);
            acknowledged.insert(payload);
            if (i == 50) hook.set(round % 2 == 0, 204);  // some are delivered, some are not
        }
        broker.kill_dead();
    }
    hook.set(false, 204);
    broker.start();
    std::set<std::string> seen;
    EXPECT_TRUE(wait_until([&] {
        const auto payloads = hook.payloads();
        seen.insert(payloads.begin(), payloads.end());
        return seen == acknowledged;
    })) << seen.size()
        << " of " << acknowledged.size();
    EXPECT_EQ(broker.terminate(), 0);
}

// The message store has the end of a connection, the outbox cannot be written yet: killed there, the broker still tells
// it, after the `connect` of the same channel.
TEST(RuleCrash, NoEndOfAConnectionIsLostBetweenTheStoreAndTheOutbox) {
    esl::testing::TempDir folder;
    Receiver hook;
    std::ofstream(folder / "broker.toml")
        << "groups = [\"GID_test\"]\ntopics = [\"esl_report\"]\n[auth]\nallow_anonymous = true\n"
        << "[[rule]]\nid = \"presence\"\nkind = \"notification\"\nresource = \"GID_test\"\nvia = \"http\"\nurl = \""
        << hook.url() << "\"\nordered = true\n[log]\nlevel = \"debug\"\n";
    BrokerProcess broker(folder.path(), {"--config", (folder / "broker.toml").string(), "--shards", "1"});
    broker.start();
    TestClient witness(broker.port());
    witness.connect({.client_id = "GID_test@@@witness", .clean = false});
    TestClient client(broker.port());
    client.connect({.client_id = "GID_test@@@ap1", .clean = false});
    ASSERT_TRUE(hook.wait_for(2));
    const auto channel_of = [](const std::string& payload) { return json::parse(payload)["channelId"]; };
    const auto channel = channel_of(hook.payloads()[1]);
    {
        sqlite::Database outbox(folder / "data" / "rules.db");
        ASSERT_TRUE(wait_until([&] {  // the rows of both have gone: nothing else is under way
            sqlite::Statement rows(outbox, "SELECT count(*) FROM outbox");
            return rows.step() && rows.integer_at(0) == 0;
        }));
        outbox.execute("BEGIN IMMEDIATE");
        client.drop();
        EXPECT_TRUE(wait_until([&] { return broker.log().find("lost GID_test@@@ap1") != std::string::npos; }));
        witness.subscribe("esl_report/x", QoS::at_least_once);  // SUBACK: what the store was given before is on disk
        broker.kill_dead();
    }
    broker.start();
    const auto told = [&] {
        const auto payloads = hook.payloads();
        return std::ranges::any_of(payloads, [&](const auto& payload) {
            return channel_of(payload) == channel && json::parse(payload)["eventType"] == "tcpclean";
        });
    };
    EXPECT_TRUE(wait_until(told));
    EXPECT_EQ(broker.terminate(), 0);
}

}  // namespace
}  // namespace esl::broker::testing
