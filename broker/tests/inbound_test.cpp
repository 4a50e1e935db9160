// What rules let into a running broker: by HTTP, and from another broker.
#include <gtest/gtest.h>

#include "broker/adapters/http_sink.hpp"
#include "broker/tests/rule_rig.hpp"

namespace esl::broker::testing {
namespace {

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

}  // namespace
}  // namespace esl::broker::testing
