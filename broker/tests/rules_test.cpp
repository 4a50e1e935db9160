// Rules of a running broker: real webhooks, files and tables at the other end.
#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "broker/adapters/http_sink.hpp"
#include "broker/app/admin.hpp"
#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"
#include "common/http/server.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using esl::testing::wait_until;
using mqtt::QoS;
using mqtt::ReasonCode;
using nlohmann::json;

// An HTTP server that takes webhooks.
class Receiver {
public:
    Receiver() {
        router_->add("POST", "/hook", [this](const http::Request& request) {
            std::unique_lock guard(lock_);
            changed_.wait(guard, [&] { return !hanging_; });
            if (status_ < 300) got_.push_back(request);
            return http::empty_response(status_);
        });
        http::ServerOptions options;
        options.worker_threads = 2;
        server_ = std::make_unique<http::Server>(options, router_);
        server_->start();
    }
    ~Receiver() {
        set(false, 204);
        server_->stop();
    }
    void set(bool hanging, int status) {
        const std::lock_guard guard(lock_);
        hanging_ = hanging;
        status_ = status;
        changed_.notify_all();
    }
    [[nodiscard]] std::string url() const { return "http://" + server_->address() + "/hook"; }
    std::vector<http::Request> got() {
        const std::lock_guard guard(lock_);
        return got_;
    }
    std::vector<std::string> payloads() {
        std::vector<std::string> out;
        for (const auto& request : got()) out.push_back(json::parse(request.body)["payload"]);
        return out;
    }
    bool wait_for(std::size_t count) {
        return wait_until([&] { return got().size() >= count; });
    }

private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::vector<http::Request> got_;
    bool hanging_ = false;
    int status_ = 204;
    std::shared_ptr<http::Router> router_ = std::make_shared<http::Router>();
    std::unique_ptr<http::Server> server_;
};

class RuleApi : public ::testing::Test {
protected:
    RuleApi() { start(); }
    void start() {
        http_.reset();
        broker_.reset();
        auto config = test_config();
        config.data = folder_ / "data";
        config.admin = "127.0.0.1:0";
        broker_ = std::make_unique<RunningBroker>(config);
        http_ = std::make_unique<http::Client>(
            broker_->admin(),
            http::ClientOptions{
                .headers = {{"Authorization", "Bearer " + read_admin_key(folder_ / "data/admin.key")}}});
    }
    int status(std::string_view method, std::string_view target, const json& body = nullptr) {
        const auto answer = http_->send(method, target, body.is_null() ? "" : body.dump());
        EXPECT_TRUE(answer);
        said_ = answer ? answer->body : "";
        return answer ? answer->status : 0;
    }
    json rule(const std::string& id) {
        EXPECT_EQ(status("GET", "/api/v1/rules/" + id), 200);
        return json::parse(said_);
    }
    json webhook(const std::string& id, const std::string& filter) {
        return {{"id", id},           {"kind", "outbound"},    {"resource", filter},   {"via", "http"},
                {"url", hook_.url()}, {"retry_first", "20ms"}, {"retry_limit", "50ms"}};
    }
    TestClient client(const std::string& name) {
        TestClient c(broker_->port());
        EXPECT_EQ(c.connect({.client_id = "GID_test@@@" + name}).reason, ReasonCode::success);
        return c;
    }

    esl::testing::TempDir folder_;
    Receiver hook_;
    std::unique_ptr<RunningBroker> broker_;
    std::unique_ptr<http::Client> http_;
    std::string said_;
};

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
    start();
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

TEST_F(RuleApi, LetsAnotherSystemIn) {
    ASSERT_EQ(status("POST", "/api/v1/rules",
                     {{"id", "erp"}, {"kind", "inbound"}, {"resource", "esl_task"}, {"via", "http"}, {"secret", "k"}}),
              201)
        << said_;
    auto ap = client("ap1");
    http::Client erp(broker_->admin());
    const auto post = [&](const std::string& body, const std::string& secret) {
        const auto stamp = std::to_string(to_millis(SystemClock().wall()));
        return erp.send("POST", "/api/v1/inbound/erp", body,
                        {{"Content-Type", "application/json"},
                         {"X-Shelfwire-Timestamp", stamp},
                         {"X-Shelfwire-Signature", webhook_signature(secret, stamp, body)}});
    };
    const std::string body = R"({"payload":"price","properties":{"mqttSecondTopic":"/p2p/GID_test@@@ap1"}})";
    EXPECT_EQ(post(body, "wrong")->status, 401);
    const auto answer = post(body, "k");
    ASSERT_EQ(answer->status, 200) << answer->body;
    const auto got = ap.receive();
    EXPECT_EQ(got.topic, "esl_task/p2p/GID_test@@@ap1");
    EXPECT_EQ(got.payload, "price");
    const auto id = json::parse(answer->body)["msgId"].get<std::string>();
    ASSERT_EQ(status("GET", "/api/v1/traces/messages?message=" + id), 200);
    EXPECT_EQ(json::parse(said_)["items"][0]["action"], "pub_mq");
    EXPECT_EQ(http_->send("POST", "/api/v1/inbound/erp", "plain")->status, 200);  // the administrator's key
    EXPECT_EQ(http_->send("POST", "/api/v1/inbound/nobody", "x")->status, 404);
    EXPECT_EQ(erp.send("POST", "/api/v1/inbound/erp", "x")->status, 401);
}

TEST_F(RuleApi, TakesWhatAnotherBrokerHas) {
    RunningBroker outside(test_config());
    ASSERT_EQ(status("POST", "/api/v1/rules",
                     {{"id", "bridge"},
                      {"kind", "inbound"},
                      {"resource", "esl_task"},
                      {"via", "mqtt"},
                      {"url", "tcp://127.0.0.1:" + std::to_string(outside.port())},
                      {"client_id", "GID_test@@@bridge"},
                      {"filter", "esl_report/#"}}),
              201)
        << said_;
    auto sub = client("sub");
    sub.subscribe("esl_task/#", QoS::at_least_once);
    TestClient far(outside.port());
    far.connect({.client_id = "GID_test@@@far"});
    // The bridge connects when it can: until then nobody over there is subscribed.
    ASSERT_TRUE(wait_until([&] { return outside.counter("subscriptions") == 1; }));
    far.publish("esl_report/x", "from afar", QoS::at_least_once);
    const auto got = sub.receive();
    EXPECT_EQ(got.topic, "esl_task/esl_report/x");
    EXPECT_EQ(got.payload, "from afar");
    EXPECT_EQ(status("DELETE", "/api/v1/rules/bridge"), 204);
    EXPECT_TRUE(wait_until([&] { return outside.counter("connections") == 1; }));
}

// cleansessionflag: false is kept for a receiver that is away, true (and nothing) is not.
TEST_F(RuleApi, KeepsAnInboundP2pMessageForAnAbsentReceiverOnlyWhenAsked) {
    ASSERT_EQ(status("POST", "/api/v1/rules",
                     {{"id", "erp"}, {"kind", "inbound"}, {"resource", "esl_task"}, {"via", "http"}}),
              201)
        << said_;
    const auto as_persistent = [&] {
        TestClient c(broker_->port());
        c.connect({.client_id = "GID_test@@@ap1", .clean = false});
        return c;
    };
    as_persistent().disconnect();
    ASSERT_TRUE(wait_until([&] { return broker_->counter("connections") == 0; }));
    for (const auto* flag : {"true", "false"}) {
        const auto sent = http_->post_json(
            "/api/v1/inbound/erp",
            json{{"payload", flag},
                 {"properties", {{"mqttSecondTopic", "p2p/GID_test@@@ap1"}, {"cleansessionflag", flag}}}}
                .dump());
        ASSERT_EQ(sent->status, 200) << sent->body;
    }
    auto back = as_persistent();
    EXPECT_EQ(back.receive().payload, "false");
    EXPECT_TRUE(back.nothing_waits());
}

TEST_F(RuleApi, IsListedAndMadeByCtl) {
    const auto ctl = [&](const std::string& words) {
        return run_executable("ctl --admin " + broker_->admin() + " --data " + (folder_ / "data").string() + " " +
                              words);
    };
    std::ofstream(folder_ / "rule.json") << webhook("to-erp", "esl_report/#").dump();
    EXPECT_EQ(ctl("rule add @" + (folder_ / "rule.json").string()).code, 0);
    EXPECT_NE(ctl("rule list").text.find("to-erp"), std::string::npos);
    EXPECT_NE(ctl("rule show to-erp").text.find("esl_report/#"), std::string::npos);
    EXPECT_EQ(ctl("rule set @" + (folder_ / "rule.json").string()).code, 0);
    EXPECT_EQ(ctl("rule rm to-erp").code, 0);
    EXPECT_EQ(ctl("rule rm to-erp").code, 1);
}

TEST_F(RuleApi, IsChangedForGoodAndInTheAuditLog) {
    EXPECT_EQ(status("POST", "/api/v1/rules", json("x")), 400);
    EXPECT_EQ(status("POST", "/api/v1/rules", {{"id", "ab"}}), 400);
    EXPECT_NE(said_.find("id:"), std::string::npos);
    auto spec = webhook("to-erp", "esl_report/a");
    spec["secret"] = "s3cret";
    ASSERT_EQ(status("POST", "/api/v1/rules", spec), 201) << said_;
    EXPECT_EQ(status("POST", "/api/v1/rules", spec), 409);
    EXPECT_EQ(status("POST", "/api/v1/rules", webhook("another", "esl_report/a")), 409);
    spec["resource"] = "esl_report/b";
    spec["secret"] = "***";  // as it was shown
    EXPECT_EQ(status("PUT", "/api/v1/rules/to-erp", spec), 200) << said_;
    EXPECT_EQ(status("PUT", "/api/v1/rules/nobody", webhook("nobody", "x/y")), 404);
    start();
    EXPECT_EQ(rule("to-erp")["resource"], "esl_report/b");
    auto pub = client("ap1");
    pub.publish("esl_report/a", "a", QoS::at_least_once);
    pub.publish("esl_report/b", "b", QoS::at_least_once);
    ASSERT_TRUE(hook_.wait_for(1));
    EXPECT_EQ(hook_.payloads(), (std::vector<std::string>{"b"}));
    const auto request = hook_.got().front();
    EXPECT_EQ(request.headers.get("X-Shelfwire-Signature"),
              webhook_signature("s3cret", request.headers.get("X-Shelfwire-Timestamp"), request.body));
    EXPECT_EQ(status("DELETE", "/api/v1/rules/to-erp"), 204);
    EXPECT_EQ(status("DELETE", "/api/v1/rules/to-erp"), 404);
    pub.publish("esl_report/b", "after", QoS::at_least_once);
    EXPECT_EQ(hook_.got().size(), 1U);
    http::Client stranger(broker_->admin());
    EXPECT_EQ(stranger.get("/api/v1/rules")->status, 401);
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

}  // namespace
}  // namespace esl::broker::testing
