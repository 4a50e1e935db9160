#include "mgmt-service/app/config.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "common/config/config.hpp"
#include "common/testing/testing.hpp"

namespace esl::mgmt {
namespace {

using namespace std::chrono_literals;

std::optional<int> parse(std::vector<std::string> arguments, AppConfig& config) {
    arguments.insert(arguments.begin(), "mgmt-service");
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    return parse_options(static_cast<int>(argv.size()), argv.data(), config);
}

TEST(MgmtConfig, TheSampleIsReadWithoutAFault) {
    AppConfig config;
    EXPECT_FALSE(parse({"--config", "deploy/config/mgmt-service.toml"}, config));
    EXPECT_EQ(config.store, "demo");
    EXPECT_EQ(config.service.auto_claim_store, "demo");
    EXPECT_EQ(config.service.late_after, 5min);
    const ServiceSettings defaults;
    EXPECT_EQ(config.service.accept_timeout, defaults.accept_timeout);
    EXPECT_EQ(config.service.retry_limit, defaults.retry_limit);
    EXPECT_EQ(config.service.ap_window, defaults.ap_window);
    EXPECT_EQ(config.service.lease_margin, defaults.lease_margin);
    EXPECT_EQ(config.service.lease_sightings, defaults.lease_sightings);
    EXPECT_EQ(config.service.lease_hold, defaults.lease_hold);
    EXPECT_EQ(config.service.lease_moves, defaults.lease_moves);
}

TEST(MgmtConfig, TheCommandLineStandsOverTheFile) {
    AppConfig config;
    EXPECT_FALSE(parse({"--config", "deploy/config/mgmt-service.toml", "--store", "graz-1", "--broker", "10.0.0.1:1883",
                        "--instance", "b", "--profile", "plain"},
                       config));
    EXPECT_EQ(config.store, "graz-1");
    EXPECT_EQ(config.broker.url, "tcp://10.0.0.1:1883");
    EXPECT_EQ(config.broker.client_id, "GID_esl_mgmt@@@b");
    EXPECT_EQ(config.broker_settings.profile, mqttclient::BrokerProfile::plain);
    EXPECT_TRUE(config.service.tasks_carry_times);
}

TEST(MgmtConfig, BadUsageIsTwoAndAGoodCheckIsZero) {
    AppConfig config;
    EXPECT_EQ(parse({"--no-such-thing"}, config), 2);
    EXPECT_EQ(parse({"--profile", "odd"}, config), 2);
    AppConfig good;
    EXPECT_EQ(parse({"--config", "deploy/config/mgmt-service.toml", "--check-config"}, good), 0);
}

TEST(MgmtConfig, AMisspeltKeyIsNamedWithItsLine) {
    const testing::TempDir dir;
    std::ofstream(dir / "a.toml") << "listen = \"127.0.0.1:1\"\n[service]\nlate_afer = \"5m\"\n";
    AppConfig config;
    try {
        load_config(dir / "a.toml", config);
        FAIL() << "read";
    } catch (const config::ConfigError& e) {
        EXPECT_NE(std::string(e.what()).find("late_afer"), std::string::npos) << e.what();
        EXPECT_NE(std::string(e.what()).find(":3"), std::string::npos) << e.what();
    }
}

TEST(MgmtConfig, AStoreNameThatCannotBeATopicLevelIsRefused) {
    AppConfig config;
    EXPECT_THROW((void)parse({"--store", "Zagreb 1"}, config), config::ConfigError);
}

}  // namespace
}  // namespace esl::mgmt
