// Traces of a running broker, asked for over its administration.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"
#include "common/http/url.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::QoS;
using mqtt::ReasonCode;
using nlohmann::json;

class TraceApi : public AdministeredBroker {
protected:
    void restart_with(TraceMode mode) {
        config_.trace = mode;
        restart();
    }
    json get(const std::string& target) {
        const auto answer = http_->get(target);
        EXPECT_TRUE(answer);
        EXPECT_EQ(answer->status, 200) << answer->body;
        return json::parse(answer->body);
    }
    int status(const std::string& target) { return http_->get(target)->status; }
    json devices(const std::string& client) {
        return get("/api/v1/traces/devices?client=" + http::percent_encode(client))["items"];
    }
    json messages(const std::string& query) { return get("/api/v1/traces/messages?" + query)["items"]; }
    void wait_for_connections(std::uint64_t left) {
        EXPECT_TRUE(esl::testing::wait_until([&] { return broker_->counter("connections") == left; }));
    }
    static std::vector<std::string> column(const json& rows, const char* name) {
        std::vector<std::string> out;
        for (const auto& row : rows) out.push_back(row[name].get<std::string>());
        return out;
    }
    using Texts = std::vector<std::string>;
};

TEST_F(TraceApi, TellsHowADeviceCameAndWentInTheReferencesWords) {
    const std::string id = "GID_test@@@ap1";
    {
        TestClient c(broker_->port());
        c.connect({.client_id = id});
        c.disconnect();
        wait_for_connections(0);
    }
    {
        TestClient c(broker_->port());
        c.connect({.client_id = id});
        TestClient second(broker_->port());
        EXPECT_NE(second.connect({.client_id = id}).reason, ReasonCode::success);
        c.send_publish("unknown_parent/x", "", QoS::at_most_once, 0);
        EXPECT_TRUE(c.closed_by_broker());
    }
    {
        TestClient c(broker_->port());
        c.connect({.client_id = id});
        c.drop();
        wait_for_connections(0);
    }
    const auto rows = devices(id);
    EXPECT_EQ(column(rows, "action"),
              (Texts{"connect", "disconnect", "connect", "close", "close", "connect", "close"}));
    EXPECT_EQ(column(rows, "action_info"), (Texts{"accepted", "disconnected by client", "accepted", "clientId conflict",
                                                  "resource auth failed", "accepted", "closed by client"}));
    EXPECT_EQ(rows[0]["action_code"], "mqtt.trace.action.connect");
    EXPECT_EQ(rows[1]["action_code"], "mqtt.trace.action.disconnect");
    EXPECT_EQ(rows[3]["action_code"], "mqtt.trace.action.close");
    EXPECT_EQ(rows[0]["channel_id"], rows[1]["channel_id"]);
    EXPECT_EQ(rows[2]["channel_id"], rows[4]["channel_id"]);
    const auto channels = column(rows, "channel_id");
    EXPECT_EQ(std::set<std::string>(channels.begin(), channels.end()).size(), 4U);
    EXPECT_EQ(rows[0]["time_text"].get<std::string>().size(), 23U);
}

TEST_F(TraceApi, FollowsAMessageFromItsPublisherToItsReceivers) {
    TestClient sender(broker_->port());
    sender.connect({.client_id = "GID_test@@@s"});
    TestClient receiver(broker_->port());
    receiver.connect({.client_id = "GID_test@@@r"});
    receiver.subscribe("esl_report/#", QoS::at_most_once);
    {
        TestClient absent(broker_->port());
        absent.connect({.client_id = "GID_test@@@absent", .clean = false});
        absent.subscribe("esl_report/#", QoS::at_least_once);
        absent.disconnect();
        wait_for_connections(2);
    }
    sender.publish("esl_report/x", "one", QoS::at_least_once);
    receiver.receive();
    TestClient back(broker_->port());
    back.connect({.client_id = "GID_test@@@absent", .clean = false});
    back.receive();
    const auto sent = messages("client=GID_test%40%40%40s");
    ASSERT_EQ(column(sent, "action"), (Texts{"pub_mqtt"}));
    EXPECT_EQ(sent[0]["action_info"], "Pub From Mqtt Client");
    const auto id = sent[0]["message_id"].get<std::string>();
    EXPECT_EQ(id.size(), 32U);
    EXPECT_EQ(id.find_first_not_of("0123456789ABCDEF"), std::string::npos);

    const auto way = messages("message=" + id);
    EXPECT_EQ(column(way, "action"), (Texts{"pub_mqtt", "sub", "push_offline"}));
    EXPECT_EQ(column(way, "client_id"), (Texts{"GID_test@@@s", "GID_test@@@r", "GID_test@@@absent"}));
    EXPECT_EQ(way[1]["action_code"], "mqtt.trace.action.msg.sub");
    EXPECT_EQ(way[2]["action_code"], "mqtt.trace.action.msg.push.offline");
    EXPECT_EQ(way[2]["action_info"], "Push Offline Msg To Mqtt Client");
    EXPECT_EQ(messages("part=publish&message=" + id).size(), 1U);
    EXPECT_EQ(messages("part=delivery&message=" + id).size(), 2U);
    EXPECT_EQ(messages("part=delivery&client=GID_test%40%40%40r&message=" + id).size(), 1U);
}

TEST_F(TraceApi, MarksWhatAdministratorsPublishAndGivesQos0MessagesAnIdToo) {
    TestClient receiver(broker_->port());
    receiver.connect({.client_id = "GID_test@@@r"});
    ASSERT_EQ(
        http_->post_json("/api/v1/publish", R"({"topic":"esl_task/p2p/GID_test@@@r","payload":"x","qos":0})")->status,
        202);
    receiver.receive();
    const auto got = messages("client=GID_test%40%40%40r");
    ASSERT_EQ(column(got, "action"), (Texts{"sub"}));
    const auto way = messages("message=" + got[0]["message_id"].get<std::string>());
    ASSERT_EQ(way.size(), 2U);
    EXPECT_TRUE(std::ranges::any_of(way, [](const json& row) {
        return row["action"] == "pub_mq" && row["action_code"] == "mqtt.trace.action.msg.pub.mq" &&
               row["action_info"] == "Pub From MQ" && row["client_id"] == "";
    }));
}

TEST_F(TraceApi, OutlivesARestartAndNeverGivesAnIdTwice) {
    std::set<std::string> ids;
    for (int start = 0; start < 3; ++start) {
        TestClient c(broker_->port());
        c.connect({.client_id = "GID_test@@@c"});
        for (int i = 0; i < 10; ++i) {
            c.publish("esl_report/x", "q0", QoS::at_most_once);
            c.publish("esl_report/x", "q1", QoS::at_least_once);
        }
        c.disconnect();
        wait_for_connections(0);
        const auto rows = get("/api/v1/traces/messages?client=GID_test%40%40%40c&page_size=100");
        EXPECT_EQ(rows["total"], 20 * (start + 1));
        for (const auto& row : rows["items"]) ids.insert(row["message_id"].get<std::string>());
        EXPECT_EQ(ids.size(), 20U * static_cast<std::size_t>(start + 1));
        if (start < 2) restart();
    }
    EXPECT_EQ(devices("GID_test@@@c").size(), 6U);
}

TEST_F(TraceApi, SaysWhatIsWrongWithAQuestion) {
    for (const auto* bad :
         {"devices", "devices?client=", "devices?client=a&page_size=0", "devices?client=a&page_size=101",
          "devices?client=a&page=0", "devices?client=a&from=x", "devices?client=a&reverse=1", "messages",
          "messages?message=12", "messages?client=a&part=x", "messages?message=00000000000000000000000000000001"}) {
        EXPECT_EQ(status(std::string("/api/v1/traces/") + bad), 400) << bad;
    }
    EXPECT_EQ(status("/api/v1/traces/devices?client=nobody&page=7&page_size=100&reverse=true"), 200);
    http::Client stranger(broker_->admin());
    EXPECT_EQ(stranger.get("/api/v1/traces/devices?client=a")->status, 401);
}

TEST_F(TraceApi, KeepsOnlyDevicesOrNothingWhenToldSo) {
    restart_with(TraceMode::device);
    {
        TestClient c(broker_->port());
        c.connect({.client_id = "GID_test@@@d"});
        c.publish("esl_report/x", "1", QoS::at_least_once);
        EXPECT_EQ(devices("GID_test@@@d").size(), 1U);
        EXPECT_EQ(messages("client=GID_test%40%40%40d").size(), 0U);
    }
    restart_with(TraceMode::off);
    EXPECT_EQ(status("/api/v1/traces/devices?client=a"), 503);
}

TEST_F(TraceApi, IsPrintedByCtlAsTableOrJson) {
    TestClient c(broker_->port());
    c.connect({.client_id = "GID_test@@@t"});
    c.publish("esl_report/x", "1", QoS::at_least_once);
    const auto id = messages("client=GID_test%40%40%40t")[0]["message_id"].get<std::string>();
    const auto target = "--admin " + broker_->admin() + " --data " + (folder_ / "data").string();
    const auto table = run_executable("ctl " + target + " trace client GID_test@@@t");
    EXPECT_EQ(table.code, 0);
    EXPECT_NE(table.text.find("accepted"), std::string::npos) << table.text;
    const auto message = run_executable("ctl " + target + " trace message " + id);
    EXPECT_NE(message.text.find("pub_mqtt"), std::string::npos) << message.text;
    const auto all = run_executable("ctl " + target + " --json trace client GID_test@@@t --messages --reverse");
    EXPECT_EQ(json::parse(all.text)["items"][0]["message_id"], id);
    EXPECT_EQ(run_executable("ctl " + target + " trace message 12").code, 1);
}

}  // namespace
}  // namespace esl::broker::testing
