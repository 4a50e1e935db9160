// Credentials by REST and `broker ctl`, and what they do to clients on real sockets.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "broker/auth/secrets.hpp"
#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;
using nlohmann::json;

constexpr auto kQos1 = QoS::at_least_once;
constexpr const char* kClient = "GID_test@@@1";
constexpr const char* kClientInPath = "GID_test%40%40%401";

class Credentials : public AdministeredBroker {
protected:
    Credentials() : AdministeredBroker(config_with_accounts()) {}
    http::Response send(std::string_view method, std::string_view target, const json& body = nullptr) {
        const auto answer = http_->send(method, "/api/v1" + std::string(target), body.is_null() ? "" : body.dump(),
                                        {{"Content-Type", "application/json"}});
        EXPECT_TRUE(answer) << target;
        return answer ? *answer : http::Response{};
    }
    json get(std::string_view target) { return json::parse(send("GET", target).body); }
    json post(std::string_view target, const json& body, int status = 201) {
        const auto answer = send("POST", target, body);
        EXPECT_EQ(answer.status, status) << target << " " << answer.body;
        return answer.body.empty() ? json() : json::parse(answer.body);
    }
    static std::int64_t in(std::chrono::seconds life) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   (std::chrono::system_clock::now() + life).time_since_epoch())
            .count();
    }
    std::string token(const char* actions, const json& resources, std::chrono::seconds life = std::chrono::hours(1)) {
        const auto made = post("/tokens", {{"actions", actions}, {"resources", resources}, {"expires", in(life)}});
        return made["token"];
    }
    ReasonCode try_connect(TestClient& c, const std::string& user, const std::string& password,
                           ProtocolVersion version = ProtocolVersion::v311, bool clean = true) {
        return c.connect({.client_id = kClient, .clean = clean, .version = version, .user = user, .password = password})
            .reason;
    }
    TestClient by(const std::string& user, const std::string& password,
                  ProtocolVersion version = ProtocolVersion::v311) {
        TestClient c(broker_->port());
        EXPECT_EQ(try_connect(c, user, password, version), ReasonCode::success);
        return c;
    }
    bool lets_in(const std::string& user, const std::string& password) {
        TestClient c(broker_->port());
        return try_connect(c, user, password) == ReasonCode::success;
    }
};

TEST_F(Credentials, TokensOpenTheirTopicsAndNoOthers) {
    const auto read = token("R", {"esl_report/#"});
    const auto write = token("W", "esl_report/a,esl_task");
    auto c = by("Token|AK|mqtt-1", "W|" + write + "|R|" + read);
    EXPECT_EQ(c.subscribe("esl_report/+", kQos1).at(0), ReasonCode::granted_qos_1);
    c.publish("esl_report/a", "m", kQos1);
    EXPECT_EQ(c.receive().payload, "m");
    c.publish(std::string("esl_task/p2p/") + kClient, "to me", kQos1);  // a publish to esl_task
    EXPECT_EQ(c.receive().payload, "to me");
    c.send_publish("esl_report/b", "no", kQos1, 99);
    const auto notice = c.receive();
    EXPECT_EQ(notice.topic, "$SYS/tokenInvalidNotice");
    EXPECT_EQ(notice.payload, R"({"code":5,"type":"R"})");  // only the read token names it
    EXPECT_TRUE(c.closed_by_broker());

    auto v5 = by("Token|AK|mqtt-1", "W|" + write, ProtocolVersion::v5);
    v5.send_publish("esl_report/b", "no", kQos1, 1);
    EXPECT_EQ(v5.receive().payload, R"({"code":4,"type":"W"})");
    EXPECT_EQ(v5.expect(PacketType::disconnect).reason, ReasonCode::not_authorized);
    EXPECT_FALSE(lets_in("Token|AK|mqtt-1", "W|" + read));
}

TEST_F(Credentials, ARevokedTokenClosesItsConnectionsAndStaysRevoked) {
    const auto text = token("R,W", {"esl_report/#"});
    auto c = by("Token|AK|mqtt-1", "RW|" + text);
    EXPECT_EQ(post("/tokens/query", {{"token", text}}, 200)["status"], "valid");
    EXPECT_EQ(send("POST", "/tokens/revoke", {{"token", text}}).status, 204);
    EXPECT_EQ(c.receive().payload, R"({"code":3,"type":"RW"})");
    EXPECT_TRUE(c.closed_by_broker());
    restart();
    EXPECT_EQ(post("/tokens/query", {{"token", text}}, 200)["status"], "revoked");
    EXPECT_FALSE(lets_in("Token|AK|mqtt-1", "RW|" + text));
    EXPECT_EQ(get("/tokens/revoked")["total"], 1);
    EXPECT_EQ(post("/tokens/query", {{"token", "made up"}}, 200)["status"], "forged");
    EXPECT_EQ(send("POST", "/tokens/revoke", {{"token", "made up"}}).status, 400);
}

TEST_F(Credentials, AClientBringsANewTokenWhileConnected) {
    auto c = by("Token|AK|mqtt-1", "W|" + token("W", {"esl_report/a"}));
    const auto more = token("R", {"esl_report/#"});
    EXPECT_EQ(c.publish("$SYS/uploadToken", json{{"token", more}, {"type", "R"}}.dump(), kQos1), ReasonCode::success);
    EXPECT_EQ(c.subscribe("esl_report/#", kQos1).at(0), ReasonCode::granted_qos_1);
    c.publish("esl_report/a", "m", kQos1);
    EXPECT_EQ(c.receive().payload, "m");
    c.send_publish("$SYS/uploadToken", R"({"Token":"nonsense","type":"W"})", kQos1, 7);
    EXPECT_EQ(c.receive().payload, R"({"code":1,"type":"W"})");
    EXPECT_TRUE(c.closed_by_broker());
}

TEST_F(Credentials, WhatIsNoTokenAtAllIsForged) {
    for (const auto* body : {"no JSON", "[]", R"({"type":"X"})", R"({"token":5,"type":"R"})"}) {
        auto c = by("Token|AK|mqtt-1", "W|" + token("W", {"esl_report/a"}));
        c.send_publish("$SYS/uploadToken", body, kQos1, 7);
        EXPECT_EQ(json::parse(c.receive().payload)["code"], 1) << body;
        EXPECT_TRUE(c.closed_by_broker());
    }
}

TEST_F(Credentials, SaysSoWhenATokenHasLessThanFiveMinutes) {
    const auto expires = in(std::chrono::seconds(120));
    const auto made = post("/tokens", {{"actions", "R"}, {"resources", {"esl_report"}}, {"expires", expires}});
    auto c = by("Token|AK|mqtt-1", "R|" + made["token"].get<std::string>());
    const auto notice = c.receive();
    EXPECT_EQ(notice.topic, "$SYS/tokenExpireNotice");
    EXPECT_EQ(json::parse(notice.payload), (json{{"expireTime", expires}, {"type", "R"}}));
}

TEST_F(Credentials, DeviceCredentialsAreMadeRefreshedAndTakenAway) {
    const auto made = post("/device-credentials", {{"client_id", kClient}});
    const auto user = "DeviceCredential|" + made["id"].get<std::string>() + "|mqtt-1";
    const auto password = signature_password(made["secret"].get<std::string>(), kClient);
    restart();  // it survives
    auto c = by(user, password);
    const auto fresh = json::parse(send("POST", std::string("/device-credentials/") + kClientInPath + "/refresh").body);
    EXPECT_TRUE(c.nothing_waits());  // goes on
    EXPECT_FALSE(lets_in(user, password));
    EXPECT_EQ(get(std::string("/device-credentials/") + kClientInPath)["secret"], fresh["secret"]);
    EXPECT_EQ(send("DELETE", std::string("/device-credentials/") + kClientInPath).status, 204);
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_FALSE(lets_in(user, signature_password(fresh["secret"].get<std::string>(), kClient)));
    EXPECT_EQ(send("DELETE", std::string("/device-credentials/") + kClientInPath).status, 404);
}

TEST_F(Credentials, IdentitiesMayDoWhatTheirPermissionsSay) {
    const json alice{{"type", "USER"}, {"username", "alice"}, {"sign_mode", "ORIGIN"}, {"secret", "open sesame"}};
    post("/identities", alice);
    EXPECT_EQ(send("POST", "/identities", alice).status, 409);
    json rule{{"type", "USER"},
              {"identity", "alice"},
              {"topic", "esl_report/#"},
              {"permit_action", "PUB_SUB"},
              {"effect", "ALLOW"}};
    post("/permissions", rule);
    EXPECT_FALSE(lets_in("alice", "sesame"));
    auto c = by("alice", "open sesame");
    c.subscribe("esl_report/#", kQos1);
    c.publish("esl_report/a", "m", kQos1);
    EXPECT_EQ(c.receive().payload, "m");
    rule["topic"] = "esl_report/a";
    rule["effect"] = "DENY";
    post("/permissions", rule);  // in force at once
    c.send_publish("esl_report/a", "no", kQos1, 50);
    EXPECT_TRUE(c.closed_by_broker());
    restart();
    auto again = by("alice", "open sesame");
    Bytes bytes;
    const mqtt::SubscriptionView filters[] = {{.filter = "esl_report/#", .qos = kQos1}};
    ASSERT_TRUE(mqtt::encode_subscribe(1, filters, {}, ProtocolVersion::v311, bytes));
    again.send(bytes);
    EXPECT_TRUE(again.closed_by_broker());
    const auto permissions = get("/permissions?type=USER&identity=alice");
    EXPECT_EQ(permissions["total"], 2);
    auto third = by("alice", "open sesame");
    EXPECT_EQ(send("DELETE", "/identities?type=USER&username=alice").status, 204);
    EXPECT_TRUE(third.closed_by_broker());
    EXPECT_FALSE(lets_in("alice", "open sesame"));

    post("/identities",
         {{"type", "CLIENT"}, {"username", "bob"}, {"client_id", kClient}, {"sign_mode", "SIGNED"}, {"secret", "key"}});
    EXPECT_TRUE(lets_in("bob", signature_password("key", kClient)));
}

TEST_F(Credentials, TheBlacklistClosesAndKeepsOut) {
    auto c = by("service", "pw", ProtocolVersion::v5);
    post("/blacklist", {{"client_id", kClient}});
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::not_authorized);
    TestClient v5(broker_->port());
    EXPECT_EQ(try_connect(v5, "service", "pw", ProtocolVersion::v5), ReasonCode::banned);
    TestClient v311(broker_->port());
    EXPECT_EQ(try_connect(v311, "service", "pw"), ReasonCode::not_authorized);
    EXPECT_EQ(get("/blacklist")["items"][0]["client_id"], kClient);
    EXPECT_EQ(send("DELETE", std::string("/blacklist/") + kClientInPath).status, 204);
    EXPECT_TRUE(lets_in("service", "pw"));
}

TEST_F(Credentials, AnswersEnhancedAuthenticationAsTheStandardSays) {
    TestClient asks(broker_->port());
    ConnectOptions options{.client_id = kClient, .version = ProtocolVersion::v5, .user = "service", .password = "pw"};
    options.properties.text(mqtt::PropertyId::authentication_method, "SCRAM-SHA-256");
    EXPECT_EQ(asks.connect(options).reason, ReasonCode::bad_authentication_method);  // [MQTT-4.12.0-1]
    EXPECT_TRUE(asks.closed_by_broker());
    auto c = by("service", "pw", ProtocolVersion::v5);
    Bytes bytes;
    ASSERT_TRUE(mqtt::encode_auth({.reason = ReasonCode::reauthenticate, .properties = {}}, bytes));
    c.send(bytes);
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::protocol_error);
    TestClient first(broker_->port());
    first.send(bytes);
    EXPECT_TRUE(first.closed_by_broker());
    auto old = by("service", "pw");
    old.send(bytes);
    EXPECT_TRUE(old.closed_by_broker());
}

TEST_F(Credentials, NamesTheFieldThatIsWrong) {
    const auto detail = [&](std::string_view target, const json& body) {
        const auto answer = send("POST", target, body);
        EXPECT_EQ(answer.status, 400) << answer.body;
        return json::parse(answer.body)["detail"].get<std::string>();
    };
    const json good{{"actions", "R"}, {"resources", {"a"}}, {"expires", in(std::chrono::hours(1))}};
    for (const auto* field : {"actions", "resources", "expires"}) {
        auto body = good;
        body.erase(field);
        EXPECT_TRUE(detail("/tokens", body).starts_with(std::string(field) + ": is needed"));
        body[field] = json::array({1});
        EXPECT_TRUE(detail("/tokens", body).starts_with(std::string(field) + ": must be"));
    }
    EXPECT_EQ(detail("/identities", {{"type", "NOBODY"}}), "type: must be USER or CLIENT");
    EXPECT_EQ(detail("/blacklist", 5), "the body must be a JSON object");
    EXPECT_EQ(send("GET", "/blacklist?limit=0").status, 400);
    EXPECT_EQ(send("GET", "/blacklist?limit=x").status, 400);
    EXPECT_EQ(send("GET", "/blacklist?limit=1001").status, 400);
}

TEST_F(Credentials, NoSecretIsInListsLogsOrFilesAndEveryChangeIsAudited) {
    std::ostringstream log;
    std::set<std::string> secrets{"open sesame", "signing key", "pw-of-nobody"};
    const auto made = post("/device-credentials", {{"client_id", kClient}});
    secrets.insert(made["secret"]);
    post("/identities", {{"type", "USER"}, {"username", "a"}, {"sign_mode", "ORIGIN"}, {"secret", "open sesame"}});
    post("/identities", {{"type", "USER"}, {"username", "b"}, {"sign_mode", "SIGNED"}, {"secret", "signing key"}});
    const auto text = token("R", {"esl_report"});
    secrets.insert(text);
    EXPECT_TRUE(lets_in("a", "open sesame"));
    EXPECT_FALSE(lets_in("a", "pw-of-nobody"));
    EXPECT_EQ(send("POST", "/tokens/revoke", {{"token", text}}).status, 204);
    std::string seen;
    for (const auto* target :
         {"/device-credentials", "/identities", "/permissions", "/blacklist", "/tokens/revoked", "/clients", "/stats"})
        seen += send("GET", target).body;
    EXPECT_TRUE(seen.contains(kClient));
    stop();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
        if (entry.is_regular_file()) seen += esl::testing::read_file(entry.path());
    }
    EXPECT_TRUE(seen.contains("device_credential.registered"));
    for (const auto& secret : secrets) EXPECT_FALSE(seen.contains(secret)) << secret;

    std::multiset<std::string> actions;
    for (const auto& record : audited()) actions.insert(record.entry.action);
    EXPECT_EQ(actions, (std::multiset<std::string>{"device_credential.registered", "identity.added", "identity.added",
                                                   "token.applied", "token.revoked"}));
}

// The executable's own log, at its most talkative.
TEST(CredentialsOfTheExecutable, AreAdministeredByCtlAndNeverLogged) {
    const esl::testing::TempDir folder;
    BrokerProcess broker(folder.path(), {"--admin", "127.0.0.1:0", "--group", "GID_test", "--topic", "esl_report",
                                         "--shards", "1", "--log-level", "trace"});
    broker.start();
    const auto log = broker.log();
    const std::string mark = "administration on ";
    const auto at = log.find(mark) + mark.size();
    const auto admin = log.substr(at, log.find('\n', at) - at);
    const auto base = "ctl --json --admin " + admin + " --data " + (folder / "data").string() + " ";
    const auto ctl = [&](const std::string& arguments, const std::string& input = {}) {
        return run_executable(base + arguments + (input.empty() ? "" : " <<'END'\n" + input + "\nEND\n"));
    };
    const auto added = ctl("identity add --type USER --user alice --sign-mode ORIGIN", "open-sesame");
    EXPECT_EQ(added.code, 0) << added.text;
    EXPECT_EQ(
        ctl("permission add --type USER --identity alice --topic 'esl_report/#' --action PUB --effect ALLOW").code, 0);
    const auto device = ctl(std::string("device register ") + kClient);
    ASSERT_EQ(device.code, 0) << device.text;
    const auto secret = json::parse(device.text)["secret"].get<std::string>();
    const auto issued = ctl("token apply --actions R --resources 'esl_report/#' --seconds 600");
    ASSERT_EQ(issued.code, 0) << issued.text;
    const auto token = json::parse(issued.text)["token"].get<std::string>();
    EXPECT_EQ(json::parse(ctl("token query", token).text)["status"], "valid");
    {
        TestClient c(broker.port());
        EXPECT_EQ(c.connect({.client_id = kClient, .user = "alice", .password = "open-sesame"}).reason,
                  ReasonCode::success);
        TestClient t(broker.port());
        EXPECT_EQ(t.connect({.client_id = "GID_test@@@2", .user = "Token|AK|i", .password = "R|" + token}).reason,
                  ReasonCode::success);
    }
    EXPECT_EQ(ctl("token revoke", token).code, 0);
    EXPECT_EQ(ctl("blacklist add GID_test@@@9").code, 0);
    EXPECT_EQ(ctl("blacklist rm GID_test@@@9").code, 0);
    EXPECT_EQ(ctl("blacklist rm GID_test@@@9").code, 1);
    const auto table =
        run_executable("ctl --admin " + admin + " --data " + (folder / "data").string() + " identity list");
    EXPECT_TRUE(table.text.contains("username") && table.text.contains("alice")) << table.text;
    EXPECT_EQ(json::parse(ctl("device list").text)["total"], 1);
    EXPECT_EQ(ctl("ca code").code, 0);
    EXPECT_EQ(broker.terminate(), 0);
    const auto said = broker.log();
    for (const auto& word : {std::string("open-sesame"), secret, token}) EXPECT_FALSE(said.contains(word)) << word;
}

}  // namespace
}  // namespace esl::broker::testing
