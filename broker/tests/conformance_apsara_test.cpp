// What ApsaraMQ publishes about its service and no other test looks at; docs/conformance/apsaramq.md lists all of it.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "broker/app/admin.hpp"
#include "broker/auth/config_authenticator.hpp"
#include "broker/tests/conformance_rig.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using nlohmann::json;

constexpr const char* kClient = "GID_test@@@1";

class ConformanceOfApsara : public ::testing::Test {
protected:
    ConformanceOfApsara() {
        auto config = test_config();
        config.data = folder_ / "data";
        config.admin = "127.0.0.1:0";
        config.access_keys = {{.id = "AK", .secret = "sk", .instance = "mqtt-1"}};
        broker_ = std::make_unique<RunningBroker>(config);
    }
    json rows(const std::string& query) {
        http::Client client(broker_->admin(),
                            {.headers = {{"Authorization", "Bearer " + read_admin_key(folder_ / "data/admin.key")}}});
        const auto answer = client.get("/api/v1/traces/" + query);
        EXPECT_TRUE(answer);
        return answer ? json::parse(answer->body)["items"] : json();
    }
    esl::testing::TempDir folder_;
    std::unique_ptr<RunningBroker> broker_;
};

TEST_F(ConformanceOfApsara, TellsItsNumbersInConnack) {
    TestClient c(broker_->port());
    const auto answer = c.connect({.client_id = kClient, .version = ProtocolVersion::v5});
    EXPECT_EQ(answer.number(PropertyId::maximum_packet_size), 131'072U);
    EXPECT_EQ(answer.number(PropertyId::topic_alias_maximum), 30U);
    // Not said means: QoS 2, wildcards and identifiers.
    for (const auto id : {PropertyId::maximum_qos, PropertyId::wildcard_subscription_available,
                          PropertyId::subscription_identifier_available}) {
        EXPECT_FALSE(answer.number(id));
    }
    EXPECT_EQ(c.subscribe("esl_report/+/#", kQos2, {}, 268'435'455), std::vector{mqtt::granted(kQos2)});
}

TEST_F(ConformanceOfApsara, TracesASilentClientAsNoHeart) {
    ConnectOptions options{.client_id = kClient};
    options.keep_alive = 1;
    TestClient c(broker_->port());
    const auto from = std::chrono::steady_clock::now();
    c.connect(options);
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_GE(std::chrono::steady_clock::now() - from, std::chrono::milliseconds(1'500));
    const auto trace = rows("devices?client=GID_test%40%40%401");
    ASSERT_EQ(trace.size(), 2U);
    EXPECT_EQ(trace[1]["action"], "close");
    EXPECT_EQ(trace[1]["action_info"], "no heart");
}

TEST_F(ConformanceOfApsara, RefusesAWrongSignatureWithReturnCodeFour) {
    for (const bool right : {true, false}) {
        RawClient c(broker_->port());
        const auto password = signature_password(right ? "sk" : "wrong", kClient);
        c.send(packet(0x10, connect_head(4, 0xC2) + str(kClient) + str("Signature|AK|mqtt-1") + str(password)));
        EXPECT_EQ(c.next(), (Bytes{0x20, 2, 0, static_cast<std::uint8_t>(right ? 0 : 4)}));
    }
}

TEST_F(ConformanceOfApsara, SaysQuotaExceededForAFilterTooMany) {
    TestClient c(broker_->port());
    c.connect({.client_id = kClient, .version = ProtocolVersion::v5});
    for (int i = 0; i < 30; ++i) c.subscribe("esl_report/" + std::to_string(i), kQos1);
    EXPECT_EQ(c.subscribe("esl_report/30", kQos1), std::vector{ReasonCode::quota_exceeded});
    EXPECT_TRUE(c.nothing_waits());  // and goes on
}

TEST_F(ConformanceOfApsara, GivesNoIdToWhatIsTooLarge) {
    TestClient c(broker_->port());
    c.connect({.client_id = kClient});
    c.send_publish("esl_report/x", std::string(65'537, 'x'), kQos1, 1);
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_EQ(rows("messages?client=GID_test%40%40%401").size(), 0U);
    const auto trace = rows("devices?client=GID_test%40%40%401");
    ASSERT_EQ(trace.size(), 2U);
    EXPECT_EQ(trace[1]["action_info"], "invalid param");
}

class StrictParity : public StandardBroker {
protected:
    static Config config() {
        esl::testing::TempDir folder;
        const auto file = folder / "broker.toml";
        std::ofstream(file) << "strict_parity = true\n";
        auto out = test_config();
        out.settings = load_config(file, Mode::apsara).settings;
        return out;
    }
    StrictParity() : StandardBroker(config()) {}
};

TEST_F(StrictParity, SwitchesOffWhatTheServiceDoesNotHave) {
    ConnectOptions options{.client_id = kClient, .version = ProtocolVersion::v5};
    options.will_topic = "esl_report/w";
    TestClient with_will(broker_.port());
    EXPECT_TRUE(mqtt::is_failure(with_will.connect(options).reason));
    EXPECT_TRUE(with_will.closed_by_broker());
    options.will_topic.reset();
    TestClient c(broker_.port());
    const auto answer = c.connect(options);
    EXPECT_EQ(answer.number(PropertyId::retain_available), 0U);
    EXPECT_EQ(answer.number(PropertyId::shared_subscription_available), 0U);
    EXPECT_EQ(c.subscribe("$share/g/esl_report/x", kQos1), std::vector{ReasonCode::shared_subscriptions_not_supported});
    EXPECT_THROW(c.publish("esl_report/x", "x", kQos1, true), std::runtime_error);
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::retain_not_supported);
}

}  // namespace
}  // namespace esl::broker::testing
