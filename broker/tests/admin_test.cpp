// Administration over HTTP on a running broker.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "audit_log/log.hpp"
#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::QoS;
using mqtt::ReasonCode;
using nlohmann::json;

class AdminApi : public AdministeredBroker {
protected:
    int status(std::string_view method, std::string_view target, const std::string& body = {}) {
        const auto answer = http_->send(method, target, body, {{"Content-Type", "application/json"}});
        EXPECT_TRUE(answer);
        return answer ? answer->status : 0;
    }
    json get(std::string_view target) { return json::parse(http_->get(target)->body); }
    bool connects(const std::string& id) {
        TestClient c(broker_->port());
        return c.connect({.client_id = id}).reason == ReasonCode::success;
    }
};

TEST_F(AdminApi, NamesItsMetricsAsPrometheusWantsThem) {
    const auto rule = R"({"id":"log","kind":"outbound","resource":"esl_report/#","via":"file","path":")" +
                      (folder_ / "out").string() + "\"}";
    ASSERT_EQ(status("POST", "/api/v1/rules", rule), 201);
    std::istringstream lines(http_->get("/metrics")->body);
    std::map<std::string, std::string> types;
    std::set<std::string> helped;
    int samples = 0;
    const std::regex sample(R"(^([a-z][a-z0-9_]*)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+]+$)");
    const std::regex foreign_unit("(micro|milli|nano)second|minute|hour|day|kilo|mega|percent|_ms_|_us_|_kb_");
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string hash, what, name, value;
        words >> hash >> what >> name >> value;
        std::smatch match;
        if (line.starts_with("# HELP ")) {
            EXPECT_FALSE(value.empty()) << line;
            EXPECT_TRUE(helped.insert(name).second) << line;
        } else if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(helped.contains(name)) << line;
            EXPECT_TRUE(types.emplace(name, value).second) << line;
            EXPECT_EQ(value == "counter", name.ends_with("_total")) << line;
        } else {
            ++samples;
            ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
            EXPECT_TRUE(types.contains(match[1].str())) << line;
            const auto called = match[1].str();
            EXPECT_TRUE(called.starts_with("broker_") || called.starts_with("process_") ||
                        called == "shelfwire_build_info")
                << line;
            EXPECT_FALSE(std::regex_search(match[1].str(), foreign_unit)) << line;
        }
    }
    EXPECT_GT(samples, 60);
    for (const auto* wanted : {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"})
        EXPECT_TRUE(types.contains(wanted)) << wanted;
    EXPECT_TRUE(types.contains("shelfwire_build_info"));
}

TEST_F(AdminApi, WantsItsKeyForAllButHealthAndMetrics) {
    http::Client stranger(broker_->admin());
    EXPECT_EQ(stranger.get("/api/v1/groups")->status, 401);
    stranger.headers().set("Authorization", "Bearer wrong");
    EXPECT_EQ(stranger.get("/api/v1/stats")->status, 401);
    EXPECT_EQ(stranger.get("/healthz")->status, 200);
    EXPECT_EQ(stranger.get("/readyz")->status, 200);
    const auto metrics = stranger.get("/metrics")->body;
    EXPECT_NE(metrics.find("# TYPE broker_connections gauge\nbroker_connections 0\n"), std::string::npos);
    EXPECT_NE(metrics.find("broker_store_commits_total"), std::string::npos);
    const auto permissions = std::filesystem::status(folder_ / "data/admin.key").permissions();
    EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// Another writer on the file stands for a disk that refuses.
TEST_F(AdminApi, IsNotReadyWhileTheMessageStoreCannotBeWritten) {
    http::Client stranger(broker_->admin());
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / "data/messages.db").c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    TestClient client(broker_->port());
    client.send_connect({.client_id = "GID_test@@@stays", .clean = false});
    const auto status_is = [&](int status) {
        return esl::testing::wait_until([&] {
            const auto answer = stranger.get("/readyz");
            return answer && answer->status == status;
        });
    };
    EXPECT_TRUE(status_is(503));
    EXPECT_NE(stranger.get("/readyz")->body.find("message store cannot be written"), std::string::npos);
    EXPECT_EQ(stranger.get("/healthz")->status, 200);
    ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(other);
    EXPECT_TRUE(status_is(200));
}

TEST_F(AdminApi, AddsAndRemovesGroupsForGoodAndInTheAuditLog) {
    EXPECT_FALSE(connects("GID_added@@@x"));
    EXPECT_EQ(status("POST", "/api/v1/groups", R"({"name":"GID_added"})"), 201);
    EXPECT_EQ(status("POST", "/api/v1/groups", R"({"name":"GID_added"})"), 409);
    EXPECT_EQ(status("POST", "/api/v1/groups", R"({"name":"nope"})"), 400);
    EXPECT_EQ(status("POST", "/api/v1/groups", "{"), 400);
    EXPECT_TRUE(connects("GID_added@@@x"));
    restart();
    EXPECT_TRUE(connects("GID_added@@@x"));  // after a restart as well
    EXPECT_EQ(status("DELETE", "/api/v1/groups/GID_added"), 204);
    EXPECT_EQ(status("DELETE", "/api/v1/groups/GID_added"), 404);
    EXPECT_EQ(status("DELETE", "/api/v1/groups/GID_test"), 409);  // configured
    EXPECT_FALSE(connects("GID_added@@@x"));
    stop();
    const auto verdict = audit::verify(folder_ / "data/audit");
    EXPECT_TRUE(verdict.good) << verdict.problem;
    const auto records = audited("group:GID_added");
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].entry.action, "group.removed");
    EXPECT_EQ(records[1].entry.action, "group.added");
}

TEST_F(AdminApi, ListsClientsAndSessionsKicksAndPublishes) {
    TestClient c(broker_->port());
    c.connect({.client_id = "GID_test@@@here", .clean = false, .version = mqtt::ProtocolVersion::v5});
    TestClient away(broker_->port());
    away.connect({.client_id = "GID_test@@@away", .clean = false});
    away.disconnect();
    const auto sessions = get("/api/v1/sessions");
    EXPECT_EQ(sessions["items"].size(), 2U);
    const auto clients = get("/api/v1/clients?client=here");
    ASSERT_EQ(clients["items"].size(), 1U);
    EXPECT_EQ(clients["items"][0]["client_id"], "GID_test@@@here");
    EXPECT_EQ(clients["items"][0]["protocol"], "5.0");
    EXPECT_EQ(status("POST", "/api/v1/publish", R"({"topic":"esl_task/p2p/GID_test@@@here","payload":"hi","qos":1})"),
              202);
    EXPECT_EQ(c.receive().payload, "hi");
    EXPECT_EQ(status("POST", "/api/v1/publish", R"({"topic":"a/#","payload":""})"), 400);
    EXPECT_EQ(status("POST", "/api/v1/publish", R"({"topic":"esl_task/nobody","payload":""})"), 202);
    EXPECT_EQ(status("DELETE", "/api/v1/clients/GID_test%40%40%40here"), 204);
    EXPECT_EQ(c.expect(mqtt::PacketType::disconnect).reason, ReasonCode::administrative_action);
    EXPECT_EQ(status("DELETE", "/api/v1/clients/GID_test%40%40%40here"), 404);
    EXPECT_EQ(get("/api/v1/stats")["publishes_sent_total"], 1);
}

TEST_F(AdminApi, PublishesByTheRulesThatClientsPublishByAndNamesTheFieldThatIsWrong) {
    const auto detail = [&](const json& body) {
        const auto answer = http_->send("POST", "/api/v1/publish", body.dump(), {{"Content-Type", "application/json"}});
        if (!answer || answer->status != 400) return "no refusal of " + body.dump().substr(0, 80);
        EXPECT_EQ(answer->headers.get("Content-Type"), "application/problem+json");
        return json::parse(answer->body).value("detail", std::string{});
    };
    EXPECT_EQ(detail({{"payload", "x"}}), "topic: is needed");
    EXPECT_EQ(detail({{"topic", 5}, {"payload", "x"}}), "topic: must be text");
    EXPECT_EQ(detail({{"topic", "esl_task/x"}}), "payload: is needed");
    json message = {{"topic", "esl_task/x"}, {"payload", "x"}};
    const auto with = [&](const char* field, const json& value) {
        auto changed = message;
        changed[field] = value;
        return detail(changed);
    };
    EXPECT_EQ(with("payload", json::array()), "payload: must be text");
    for (const json& qos : {json(3), json(-1), json(4'294'967'297)})
        EXPECT_EQ(with("qos", qos), "qos: must be from 0 to 2") << qos;
    for (const json& qos : {json("1"), json(1.5)}) EXPECT_EQ(with("qos", qos), "qos: must be a whole number") << qos;
    EXPECT_EQ(with("retain", 1), "retain: must be true or false");
    EXPECT_EQ(with("Retain", true), "Retain: is no field of this request");
    EXPECT_NE(with("topic", "nobody/x").find("parent topic is not registered"), std::string::npos);
    EXPECT_NE(with("topic", "nobody/p2p/GID_test@@@x").find("'nobody'"), std::string::npos);
    EXPECT_NE(with("topic", "esl_task/" + std::string(60, 'x')).find("69 characters"), std::string::npos);
    EXPECT_NE(with("payload", std::string(65'537, 'x')).find("payload: 65537 bytes"), std::string::npos);
    EXPECT_EQ(
        status("POST", "/api/v1/publish", json{{"topic", "esl_task/x"}, {"payload", std::string(65'536, 'x')}}.dump()),
        202);
}

TEST(BrokerCommand, CtlAdministersARunningBroker) {
    esl::testing::TempDir folder;
    BrokerProcess broker(folder.path(), {"--admin", "127.0.0.1:0", "--allow-anonymous", "--group", "GID_test"});
    broker.start();
    const auto log = broker.log();
    const std::string before = "administration on ";
    const auto at = log.find(before) + before.size();
    const auto ctl =
        "ctl --admin " + log.substr(at, log.find('\n', at) - at) + " --data " + (folder / "data").string() + " ";
    EXPECT_EQ(run_executable(ctl + "topic add esl_task").code, 0);
    const auto again = run_executable(ctl + "topic add ESL_TASK");
    EXPECT_EQ(again.code, 1);
    EXPECT_NE(again.text.find("'esl_task'"), std::string::npos) << again.text;
    EXPECT_EQ(run_executable(ctl + "topic list").text, "esl_task\n");
    EXPECT_EQ(run_executable(ctl + "group add GID_more").code, 0);
    EXPECT_EQ(run_executable(ctl + "group list").text, "GID_more\nGID_test\n");
    TestClient c(broker.port());
    EXPECT_EQ(c.connect({.client_id = "GID_more@@@c"}).reason, ReasonCode::success);
    EXPECT_NE(run_executable(ctl + "client list").text.find("GID_more@@@c"), std::string::npos);
    EXPECT_EQ(run_executable(ctl + "publish esl_task/p2p/GID_more@@@c hello").code, 0);
    EXPECT_EQ(c.receive().payload, "hello");
    EXPECT_EQ(json::parse(run_executable(ctl + "--json stats").text)["connections"], 1);
    EXPECT_EQ(run_executable(ctl + "kick GID_more@@@c").code, 0);
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_EQ(run_executable(ctl + "kick GID_more@@@c").code, 1);
    EXPECT_EQ(run_executable(ctl + "group rm GID_more").code, 0);
    EXPECT_EQ(run_executable(ctl).code, 2);
}

TEST(BrokerCommand, SaysWhatIsWrongAndWhatItIs) {
    EXPECT_EQ(run_executable("--check-config --config deploy/config/broker.toml").code, 0);
    EXPECT_EQ(run_executable("--no-such-flag").code, 2);
    EXPECT_EQ(run_executable("--check-config --log-level loud").code, 2);
    EXPECT_NE(run_executable("--check-config --group nope").text.find("--group: "), std::string::npos);
    EXPECT_EQ(run_executable("--check-config --listen nowhere").code, 1);
    EXPECT_EQ(run_executable("--check-config --admin 127.0.0.1:0").code, 1);
    EXPECT_EQ(run_executable("--listen nowhere").code, 1);
    EXPECT_EQ(run_executable("--admin 127.0.0.1:0 --listen 127.0.0.1:0").code, 1);  // no data folder for its key
    const auto version = run_executable("--version");
    EXPECT_EQ(version.code, 0);
    EXPECT_EQ(version.text.substr(0, 7), "broker ");
    EXPECT_EQ(run_executable("--help").code, 0);
    const auto bad = run_executable("--group nope --listen 127.0.0.1:0");
    EXPECT_EQ(bad.code, 1);
    EXPECT_NE(bad.text.find("'nope'"), std::string::npos) << bad.text;
}

}  // namespace
}  // namespace esl::broker::testing
