// Listeners as the administration shows them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_client.hpp"

namespace esl::broker::testing {
namespace {

using esl::testing::wait_until;
using mqtt::ReasonCode;
using nlohmann::json;

Config with_three_listeners() {
    auto config = test_config();
    config.allow_anonymous = false;
    config.listen.clear();
    auto plain = test_listener(ListenerKind::tcp);
    plain.auth.methods = 1U << static_cast<unsigned>(AuthMethod::anonymous);
    plain.auth.allow_anonymous = true;
    plain.connections = 7;
    plain.packet = 4'096;
    plain.connect_timeout = milliseconds(3'000);
    auto tls = test_listener(ListenerKind::tls);
    tls.tls.client_certificates = ClientCertificates::optional;
    config.listeners = {plain, tls, test_listener(ListenerKind::wss)};
    return config;
}

class ListenersApi : public AdministeredBroker {
protected:
    ListenersApi() : AdministeredBroker(with_three_listeners()) {}
    json items() { return json::parse(http_->get("/api/v1/listeners")->body)["items"]; }
    [[nodiscard]] std::string address(std::size_t listener) const {
        return "127.0.0.1:" + std::to_string(broker_->port(listener));
    }
};

TEST_F(ListenersApi, SayWhereClientsMayComeInHowAndWithinWhatLimits) {
    const auto now = to_millis(SystemClock().wall());
    const auto listeners = items();
    ASSERT_EQ(listeners.size(), 3U);
    const auto& plain = listeners[0];
    EXPECT_EQ(plain["address"], address(0));
    EXPECT_EQ(plain["kind"], "tcp");
    EXPECT_EQ(plain["open"], true);
    EXPECT_NEAR(plain["since"].get<double>(), static_cast<double>(now), 60'000.0);
    EXPECT_EQ(plain["connections"], 0);
    EXPECT_EQ(plain["auth"], json::array({"anonymous"}));
    EXPECT_EQ(plain["limits"], (json{{"connections", 7},
                                     {"connections_per_address", 0},
                                     {"packet", 4'096},
                                     {"packet_before_connect", 16'384},
                                     {"connect_timeout_ms", 3'000}}));
    EXPECT_FALSE(plain.contains("certificate"));
    EXPECT_FALSE(plain.contains("paths"));
    const auto& tls = listeners[1];
    EXPECT_EQ(tls["kind"], "tls");
    EXPECT_EQ(tls["address"], address(1));
    EXPECT_EQ(tls["auth"], json::array({"password", "signature", "token", "device", "certificate"}));
    EXPECT_EQ(tls["certificate"]["subject"], "CN=localhost");
    EXPECT_NEAR(tls["certificate"]["not_after"].get<double>(), static_cast<double>(now + 240LL * 3'600'000), 600'000.0);
    EXPECT_EQ(tls["client_certificates"], "optional");
    const auto& wss = listeners[2];
    EXPECT_EQ(wss["kind"], "wss");
    EXPECT_EQ(wss["paths"], json::array({"/mqtt", "/"}));
    EXPECT_EQ(wss["auth"], json::array({"password", "signature", "token", "device"}));
    EXPECT_EQ(wss["client_certificates"], "none");
}

TEST_F(ListenersApi, CountWhoIsThereNow) {
    const auto connections = [&](std::size_t listener) { return items()[listener]["connections"].get<int>(); };
    {
        TestClient client(broker_->port(0));
        ASSERT_EQ(client.connect({.client_id = "GID_test@@@1"}).reason, ReasonCode::success);
        TestClient silent(broker_->port(0));
        EXPECT_TRUE(wait_until([&] { return connections(0) == 2; }));
        EXPECT_EQ(connections(1), 0);
    }
    EXPECT_TRUE(wait_until([&] { return connections(0) == 0; }));
}

TEST_F(ListenersApi, ArePrintedAsATableByTheCommand) {
    const auto said =
        run_executable("ctl listeners --admin " + broker_->admin() + " --data " + (folder_ / "data").string());
    EXPECT_EQ(said.code, 0);
    EXPECT_EQ(said.text.find("ADDRESS"), 0U) << said.text;
    EXPECT_NE(said.text.find(address(1)), std::string::npos) << said.text;
    EXPECT_NE(said.text.find("password,signature,token,device,certificate"), std::string::npos) << said.text;
    EXPECT_NE(said.text.find("CN=localhost until 20"), std::string::npos) << said.text;
}

}  // namespace
}  // namespace esl::broker::testing
