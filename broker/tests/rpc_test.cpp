// The RPC form: signed as tools of the real service sign, answered with the fields they read.
#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "broker/app/rpc.hpp"
#include "broker/auth/secrets.hpp"
#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_certificates.hpp"
#include "broker/tests/test_client.hpp"
#include "common/core/ids.hpp"
#include "common/http/client.hpp"
#include "common/http/url.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::ReasonCode;
using nlohmann::json;

constexpr const char* kClient = "GID_test@@@1";

// The worked example of the service's documentation of RPC signatures (DescribeRegions).
TEST(RpcSignature, IsThatOfTheServicesOwnExample) {
    const RpcParameters parameters{{"Timestamp", "2016-02-23T12:46:24Z"},
                                   {"Format", "XML"},
                                   {"AccessKeyId", "testid"},
                                   {"Action", "DescribeRegions"},
                                   {"SignatureMethod", "HMAC-SHA1"},
                                   {"SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"},
                                   {"Version", "2014-05-26"},
                                   {"SignatureVersion", "1.0"}};
    EXPECT_EQ(rpc_signature("GET", parameters, "testsecret"), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
}

class RpcApi : public AdministeredBroker {
protected:
    RpcApi() : AdministeredBroker(config_with_accounts("mqtt-1")) {}
    static std::string now(std::chrono::seconds shift = {}) {
        const auto time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + shift);
        std::tm parts{};
        ::gmtime_r(&time, &parts);
        char text[32];
        return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
    }
    static RpcParameters common(const std::string& action) {
        return {{"Action", action},
                {"Version", "2020-04-20"},
                {"Format", "JSON"},
                {"AccessKeyId", "AK"},
                {"SignatureMethod", "HMAC-SHA1"},
                {"SignatureVersion", "1.0"},
                {"SignatureNonce", to_lower_hex(random_bytes(16))},
                {"Timestamp", now()}};
    }
    static std::string encoded(const RpcParameters& parameters) {
        std::string out;
        for (const auto& [name, value] : parameters)
            out += (out.empty() ? "" : "&") + http::percent_encode(name) + "=" + http::percent_encode(value);
        return out;
    }
    std::pair<int, json> send(RpcParameters parameters, const std::string& secret = "sk", bool post = false) {
        parameters["Signature"] = rpc_signature(post ? "POST" : "GET", parameters, secret);
        const auto answer = post ? http_->send("POST", "/", encoded(parameters),
                                               {{"Content-Type", "application/x-www-form-urlencoded"}})
                                 : http_->get("/?" + encoded(parameters));
        EXPECT_TRUE(answer);
        if (!answer) return {0, json()};
        auto body = json::parse(answer->body);
        EXPECT_EQ(body["RequestId"].get<std::string>().size(), 36U);
        return {answer->status, std::move(body)};
    }
    json call(const std::string& action, const RpcParameters& more, bool post = false) {
        auto parameters = common(action);
        parameters["InstanceId"] = "mqtt-1";
        parameters["MqttInstanceId"] = "mqtt-1";
        for (const auto& [name, value] : more) parameters[name] = value;
        const auto [status, body] = send(std::move(parameters), "sk", post);
        EXPECT_EQ(status, 200) << action << " " << body.dump();
        return body;
    }
    std::string fault(const std::string& action, const RpcParameters& more) {
        auto parameters = common(action);
        parameters["InstanceId"] = "mqtt-1";
        for (const auto& [name, value] : more) parameters[name] = value;
        const auto [status, body] = send(std::move(parameters));
        EXPECT_GE(status, 400);
        return body.value("Code", std::string{});
    }
    static std::string in_an_hour() {
        const auto at = std::chrono::system_clock::now() + std::chrono::hours(1);
        return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
    }
    bool lets_in(const std::string& user, const std::string& password) {
        TestClient c(broker_->port());
        return c.connect({.client_id = kClient, .user = user, .password = password}).reason == ReasonCode::success;
    }
};

TEST_F(RpcApi, TakesEachSignedRequestOnceAndInItsTime) {
    auto good = common("ListGroupId");
    good["InstanceId"] = "mqtt-1";
    EXPECT_EQ(send(good).first, 200);
    EXPECT_EQ(send(good).second["Code"], "SignatureNonceUsed");
    const auto with = [&](const char* name, const std::string& value) {
        auto p = common("ListGroupId");
        p["InstanceId"] = "mqtt-1";
        p[name] = value;
        return send(p).second.value("Code", std::string{});
    };
    EXPECT_EQ(with("Timestamp", now(std::chrono::minutes(-6))), "InvalidTimeStamp.Expired");
    EXPECT_EQ(with("Timestamp", now(std::chrono::minutes(6))), "InvalidTimeStamp.Expired");
    EXPECT_EQ(with("Timestamp", now(std::chrono::minutes(-4))), "");
    EXPECT_EQ(with("Timestamp", now(std::chrono::minutes(4))), "");
    EXPECT_EQ(with("Timestamp", "yesterday"), "InvalidTimeStamp.Expired");
    EXPECT_EQ(with("SignatureNonce", std::string(129, 'n')), "InvalidParameter.SignatureNonce");
    EXPECT_EQ(with("AccessKeyId", "XX"), "InvalidAccessKeyId.NotFound");
    EXPECT_EQ(with("Version", "2019-12-11"), "InvalidVersion");
    EXPECT_EQ(with("SignatureMethod", "HMAC-MD5"), "InvalidParameter.SignatureMethod");
    EXPECT_EQ(with("InstanceId", "another"), "InstancePermissionCheckFailed");
    EXPECT_EQ(with("InstanceId", ""), "MissingInstanceId");
    EXPECT_EQ(with("Action", "DescribeRegions"), "ApiNotSupport");
    EXPECT_EQ(send(common("ListGroupId"), "wrong").second["Code"], "SignatureDoesNotMatch");
    auto changed = common("ListGroupId");
    changed["Signature"] = rpc_signature("GET", changed, "sk");
    changed["InstanceId"] = "mqtt-1";
    const auto answer = http_->get("/?" + encoded(changed));
    EXPECT_EQ(json::parse(answer->body)["Code"], "SignatureDoesNotMatch");
    const auto bare = http_->get("/");
    EXPECT_EQ(bare->status, 400);
    EXPECT_EQ(json::parse(bare->body)["Code"], "MissingAction");
    const auto twice = http_->get("/?Action=a&Action=b");
    EXPECT_EQ(json::parse(twice->body)["Code"], "InvalidParameter.Action");
}

TEST_F(RpcApi, IssuesAsksAndRevokesTokens) {
    const auto token =
        call("ApplyToken", {{"Actions", "R,W"}, {"Resources", "esl_report/#,esl_task"}, {"ExpireTime", in_an_hour()}},
             true)["Token"]
            .get<std::string>();
    EXPECT_EQ(call("QueryToken", {{"Token", token}})["TokenStatus"], true);
    EXPECT_TRUE(lets_in("Token|AK|mqtt-1", "RW|" + token));
    EXPECT_FALSE(lets_in("Token|AK|mqtt-2", "RW|" + token));
    call("RevokeToken", {{"Token", token}});
    EXPECT_EQ(call("QueryToken", {{"Token", token}})["TokenStatus"], false);
    EXPECT_FALSE(lets_in("Token|AK|mqtt-1", "RW|" + token));
    EXPECT_EQ(fault("ApplyToken", {{"Actions", "R"}, {"Resources", "a"}, {"ExpireTime", "5"}}), "ParameterCheckFailed");
    EXPECT_EQ(fault("ApplyToken", {{"Actions", "R"}, {"Resources", "a"}}), "MissingExpireTime");
    std::string many = "t";
    for (int i = 0; i < 100; ++i) many += ",t" + std::to_string(i);
    EXPECT_EQ(fault("ApplyToken", {{"Actions", "R"}, {"Resources", many}, {"ExpireTime", in_an_hour()}}),
              "ApplyTokenOverFlow");
}

TEST_F(RpcApi, KeepsDeviceCredentials) {
    const auto made = call("RegisterDeviceCredential", {{"ClientId", kClient}})["DeviceCredential"];
    EXPECT_EQ(made["ClientId"], kClient);
    EXPECT_EQ(made["InstanceId"], "mqtt-1");
    EXPECT_TRUE(made["CreateTime"].is_number_integer());
    EXPECT_TRUE(lets_in("DeviceCredential|" + made["DeviceAccessKeyId"].get<std::string>() + "|mqtt-1",
                        signature_password(made["DeviceAccessKeySecret"].get<std::string>(), kClient)));
    const auto fresh = call("RefreshDeviceCredential", {{"ClientId", kClient}})["DeviceCredential"];
    EXPECT_NE(fresh["DeviceAccessKeySecret"], made["DeviceAccessKeySecret"]);
    EXPECT_EQ(call("GetDeviceCredential", {{"ClientId", kClient}})["DeviceCredential"], fresh);
    for (const auto* id : {"GID_test@@@2", "GID_test@@@3"}) call("RegisterDeviceCredential", {{"ClientId", id}});
    const auto page =
        call("ListDeviceCredentialClientId",
             {{"GroupId", "GID_test"}, {"PageSize", "2"}, {"PageNo", "2"}})["DeviceCredentialClientIdList"];
    EXPECT_EQ(page["ClientIdList"], json::array({"GID_test@@@3"}));
    EXPECT_EQ(page["Total"], 3);
    call("UnRegisterDeviceCredential", {{"ClientId", kClient}});
    EXPECT_EQ(fault("GetDeviceCredential", {{"ClientId", kClient}}), "ParameterCheckFailed");
}

TEST_F(RpcApi, KeepsIdentitiesPermissionsAndTheBlacklist) {
    const RpcParameters alice{
        {"Username", "alice"}, {"IdentityType", "USER"}, {"SignMode", "SIGNED"}, {"Secret", "key"}};
    const auto done = call("AddCustomAuthIdentity", alice);
    EXPECT_EQ(done["Success"], true);
    EXPECT_EQ(done["Code"], 200);
    EXPECT_EQ(fault("AddCustomAuthIdentity", alice), "ParameterCheckFailed");
    auto wrong = alice;
    wrong["IdentityType"] = "SOMEBODY";
    EXPECT_EQ(fault("AddCustomAuthIdentity", wrong), "InvalidParameter.IdentityType");
    EXPECT_TRUE(lets_in("alice", signature_password("key", kClient)));
    const RpcParameters rule{{"Identity", "alice"},
                             {"IdentityType", "USER"},
                             {"Topic", "esl_report/#"},
                             {"PermitAction", "PUB_SUB"},
                             {"Effect", "ALLOW"}};
    call("AddCustomAuthPermission", rule);
    const auto rows = call("QueryCustomAuthPermission", {{"Size", "100"}, {"Identity", "alice"}})["Data"]["Results"];
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0], json(rule));
    EXPECT_EQ(call("QueryCustomAuthIdentity", {{"Size", "100"}})["Data"]["Results"][0],
              (json{{"Username", "alice"}, {"ClientId", ""}, {"IdentityType", "USER"}, {"SignMode", "SIGNED"}}));
    call("DeleteCustomAuthPermission", {{"Identity", "alice"}, {"IdentityType", "USER"}, {"Topic", "esl_report/#"}});
    call("AddCustomAuthConnectBlack", {{"ClientId", kClient}});
    EXPECT_FALSE(lets_in("service", "pw"));
    EXPECT_EQ(call("QueryCustomAuthConnectBlack", {{"Size", "10"}})["Data"]["Results"][0]["ClientId"], kClient);
    call("DeleteCustomAuthConnectBlack", {{"ClientId", kClient}});
    EXPECT_TRUE(lets_in("service", "pw"));
    call("DeleteCustomAuthIdentity", {{"Username", "alice"}, {"IdentityType", "USER"}});
    EXPECT_FALSE(lets_in("alice", signature_password("key", kClient)));
}

TEST_F(RpcApi, RegistersCas) {
    const auto code = call("GetRegisterCode", {})["RegisterCode"].get<std::string>();
    TestCa ca("Devices");
    const auto sn = call("RegisterCaCertificate",
                         {{"CaName", "ours"},
                          {"CaContent", esl::testing::read_file(ca.certificate())},
                          {"VerificationContent", esl::testing::read_file(ca.issue(code).certificate)}},
                         true)["Sn"]
                        .get<std::string>();
    EXPECT_EQ(sn, ca.serial());
    call("InactivateCaCertificate", {{"Sn", sn}});
    EXPECT_EQ(call("GetCaCertificate", {{"Sn", sn}})["Data"]["Status"], "0");
    call("ActiveCaCertificate", {{"Sn", sn}});
    const auto list = call("ListCaCertificate", {{"PageNo", "1"}, {"PageSize", "10"}})["Data"];
    EXPECT_EQ(list["Total"], 1);
    EXPECT_EQ(list["CaCertificateVOS"][0]["RegistrationCode"], code);
    EXPECT_EQ(call("ListDeviceCertificateByCaSn", {{"PageNo", "1"}, {"PageSize", "10"}, {"CaSn", sn}})["Data"]["Total"],
              0);
    EXPECT_EQ(fault("GetDeviceCertificate", {{"MqttInstanceId", "mqtt-1"}, {"CaSn", sn}, {"DeviceSn", "1"}}),
              "ParameterCheckFailed");
    call("DeleteCaCertificate", {{"Sn", sn}});
}

TEST_F(RpcApi, ManagesGroupsSessionsAndMessagesAndWritesItDown) {
    call("CreateGroupId", {{"GroupId", "GID_fresh"}});
    const auto groups = call("ListGroupId", {})["Data"];
    EXPECT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0]["GroupId"], "GID_fresh");
    TestClient c(broker_->port());
    c.connect({.client_id = "GID_fresh@@@1", .user = "service", .password = "pw"});
    EXPECT_EQ(call("QuerySessionByClientId", {{"ClientId", "GID_fresh@@@1"}})["OnlineStatus"], true);
    const auto batch = call("BatchQuerySessionByClientIds", {{"ClientIdList.1", "GID_fresh@@@1"},
                                                             {"ClientIdList.2", "GID_fresh@@@2"}})["OnlineStatusList"];
    EXPECT_EQ(batch[0], (json{{"ClientId", "GID_fresh@@@1"}, {"OnlineStatus", true}}));
    EXPECT_EQ(batch[1]["OnlineStatus"], false);
    const auto sent = call("SendMessage", {{"MqttTopic", "esl_task/p2p/GID_fresh@@@1"}, {"Payload", "price"}});
    EXPECT_EQ(sent["MsgId"].get<std::string>().size(), 32U);
    EXPECT_EQ(c.receive().payload, "price");
    EXPECT_EQ(fault("SendMessage", {{"MqttTopic", "unknown/x"}, {"Payload", "p"}}), "ParameterCheckFailed");
    EXPECT_EQ(call("CloseConnection", {{"ClientId", "GID_fresh@@@1"}})["Success"], true);
    EXPECT_TRUE(c.closed_by_broker());
    call("DeleteGroupId", {{"GroupId", "GID_fresh"}});
    const auto records = audited("group:GID_fresh");
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records.back().entry.actor, "accesskey:AK");
    EXPECT_EQ(records.back().entry.action, "group.added");
}

// Of the configured one too, and over a restart.
TEST_F(RpcApi, SaysSinceWhenThereIsAGroup) {
    const auto groups = [&] {
        std::map<std::string, json> out;
        for (const auto& group : call("ListGroupId", {})["Data"]) out[group["GroupId"]] = group;
        return out;
    };
    const auto before = to_millis(SystemClock().wall());
    call("CreateGroupId", {{"GroupId", "GID_fresh"}});
    const auto first = groups();
    ASSERT_EQ(first.size(), 2U);
    EXPECT_GE(first.at("GID_fresh")["CreateTime"].get<std::int64_t>(), before);
    EXPECT_LE(first.at("GID_fresh")["CreateTime"].get<std::int64_t>(), to_millis(SystemClock().wall()));
    EXPECT_EQ(first.at("GID_fresh")["UpdateTime"], first.at("GID_fresh")["CreateTime"]);
    EXPECT_LE(first.at("GID_test")["CreateTime"].get<std::int64_t>(), before);
    EXPECT_GT(first.at("GID_test")["CreateTime"].get<std::int64_t>(), before - 600'000);
    EXPECT_EQ(first.at("GID_test")["Tags"], json::array());
    EXPECT_EQ(first.at("GID_test")["IndependentNaming"], true);
    restart();
    EXPECT_EQ(groups(), first);
    call("DeleteGroupId", {{"GroupId", "GID_fresh"}});
    call("CreateGroupId", {{"GroupId", "GID_fresh"}});
    EXPECT_GT(groups().at("GID_fresh")["CreateTime"], first.at("GID_fresh")["CreateTime"]);
}

TEST_F(RpcApi, AsksForTenClientsAtATimeAndNoMore) {
    RpcParameters ids;
    for (int i = 1; i <= 10; ++i) ids["ClientIdList." + std::to_string(i)] = "GID_test@@@" + std::to_string(i);
    EXPECT_EQ(call("BatchQuerySessionByClientIds", ids)["OnlineStatusList"].size(), 10U);
    ids["ClientIdList.11"] = "GID_test@@@11";
    EXPECT_EQ(fault("BatchQuerySessionByClientIds", ids), "InvalidParameter.ClientIdList");
    EXPECT_EQ(fault("BatchQuerySessionByClientIds", {}), "MissingClientIdList");
}

TEST_F(RpcApi, AsksForTraces) {
    const RpcParameters day{{"BeginTime", "0"}, {"EndTime", in_an_hour()}, {"CurrentPage", "1"}, {"PageSize", "10"}};
    const auto with = [&](RpcParameters more) {
        more.insert(day.begin(), day.end());
        return more;
    };
    TestClient c(broker_->port());
    ASSERT_EQ(c.connect({.client_id = kClient, .user = "service", .password = "pw"}).reason, ReasonCode::success);
    const auto sent =
        call("SendMessage", {{"MqttTopic", "esl_task/p2p/" + std::string(kClient)}, {"Payload", "price"}});
    c.receive();
    const auto devices = call("QueryMqttTraceDevice", with({{"ClientId", kClient}}));
    EXPECT_EQ(devices["Total"], 1);
    EXPECT_EQ(devices["PageSize"], 10);
    EXPECT_EQ(devices["DeviceInfoList"][0]["ActionCode"], "mqtt.trace.action.connect");
    EXPECT_EQ(devices["DeviceInfoList"][0]["Time"].get<std::string>().size(), 23U);
    const auto id = sent["MsgId"].get<std::string>();
    const auto published = call("QueryMqttTraceMessagePublish", with({{"MsgId", id}}));
    ASSERT_EQ(published["MessageTraceLists"].size(), 1U);
    EXPECT_EQ(published["MessageTraceLists"][0]["Action"], "pub_mq");
    EXPECT_FALSE(published.contains("Total"));
    const auto delivered = call("QueryMqttTraceMessageSubscribe", with({{"MsgId", id}}));
    ASSERT_EQ(delivered["Total"], 1);
    EXPECT_EQ(delivered["MessageTraceLists"][0]["ClientId"], kClient);
    const auto of_client = call("QueryMqttTraceMessageOfClient", with({{"ClientId", kClient}, {"Reverse", "true"}}));
    ASSERT_EQ(of_client["Total"], 1);
    EXPECT_EQ(of_client["MessageOfClientList"][0]["MsgId"], id);
    EXPECT_EQ(
        fault("QueryMqttTraceDevice",
              {{"ClientId", kClient}, {"BeginTime", "0"}, {"EndTime", "1"}, {"CurrentPage", "1"}, {"PageSize", "101"}}),
        "InvalidParameter.PageSize");
    EXPECT_EQ(fault("QueryMqttTraceDevice", {{"ClientId", kClient}}), "MissingBeginTime");
}

}  // namespace
}  // namespace esl::broker::testing
