// docs/formats/broker-limits.md against the code, and the bounds that no other test shows.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "broker/app/limits_config.hpp"
#include "broker/auth/config_authenticator.hpp"
#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

struct Row {
    std::string key;
    std::string defaults;
    std::string metric;
    std::string test;
};

std::vector<Row> rows_of(const std::string& page) {
    std::vector<Row> out;
    std::istringstream lines(page);
    std::string line;
    while (std::getline(lines, line)) {
        if (!line.starts_with("| ") || line.starts_with("| key") || line.starts_with("| ---")) continue;
        std::vector<std::string> cells;
        std::istringstream parts(line.substr(1));
        std::string cell;
        while (std::getline(parts, cell, '|')) {
            const auto from = cell.find_first_not_of(' ');
            cells.push_back(from == std::string::npos ? "" : cell.substr(from, cell.find_last_not_of(' ') + 1 - from));
        }
        if (cells.size() == 5) out.push_back({cells[0], cells[1], cells[3], cells[4]});
    }
    return out;
}

std::map<std::string, std::string> defaults() {
    std::map<std::string, std::string> out;
    const auto apsara = list_limits(Settings::defaults(Mode::apsara).limits);
    const auto standard = list_limits(Settings::defaults(Mode::standard).limits);
    for (std::size_t i = 0; i < apsara.size(); ++i) {
        auto& text = out[apsara[i].name] = std::to_string(apsara[i].value);
        if (standard[i].value != apsara[i].value) text += " / " + std::to_string(standard[i].value);
    }
    return out;
}

std::string all_tests() {
    std::string text;
    for (const auto& entry : std::filesystem::directory_iterator("broker/tests")) {
        if (entry.path().extension() == ".cpp") text += esl::testing::read_file(entry.path());
    }
    return text;
}

TEST(LimitsPage, HasEveryBoundWithItsDefaultItsMetricAndItsTest) {
    const auto rows = rows_of(esl::testing::read_file("docs/formats/broker-limits.md"));
    auto left = defaults();
    const RunningBroker broker(test_config());
    const auto tests = all_tests();
    for (const auto& row : rows) {
        SCOPED_TRACE(row.key);
        const auto known = left.find(row.key);
        if (known == left.end()) {
            ADD_FAILURE() << "no such key, or twice";
            continue;
        }
        EXPECT_EQ(row.defaults, known->second);
        left.erase(known);
        EXPECT_NO_THROW(static_cast<void>(broker.counter(row.metric))) << row.metric;
        EXPECT_NE(tests.find(", " + row.test + ")"), std::string::npos) << row.test;
    }
    for (const auto& [key, value] : left) ADD_FAILURE() << "'" << key << "' is not in the page";
}

TestClient joined(const RunningBroker& broker, const std::string& id, ProtocolVersion version = ProtocolVersion::v5,
                  bool clean = true) {
    TestClient client(broker.port());
    mqtt::Properties properties;
    if (!clean && version == ProtocolVersion::v5) properties.number(mqtt::PropertyId::session_expiry_interval, 3'600);
    EXPECT_EQ(client.connect({.client_id = id, .clean = clean, .version = version, .properties = properties}).reason,
              ReasonCode::success);
    return client;
}

TEST(Limits, RefusesTopicsAndFiltersThatAreTooDeep) {
    auto config = test_config(Mode::standard);
    config.settings.limits.topic_levels = 3;
    const RunningBroker broker(config);
    auto client = joined(broker, "c");
    EXPECT_EQ(client.subscribe("a/b/c", QoS::at_least_once).front(), ReasonCode::granted_qos_1);
    EXPECT_EQ(client.subscribe("a/b/c/d", QoS::at_least_once).front(), ReasonCode::topic_filter_invalid);
    EXPECT_EQ(client.publish("a/b/c", "m", QoS::at_least_once), ReasonCode::success);
    EXPECT_EQ(client.publish("a/b/c/d", "m", QoS::at_least_once), ReasonCode::topic_name_invalid);
    EXPECT_EQ(broker.counter("limit_levels_total"), 2U);
}

// Neither does the topic's older value stay, in memory or on disk, nor is the newer one on disk after all.
TEST(Limits, WhatHadNoRoomIsNotRetainedAfterARestartEither) {
    const esl::testing::TempDir folder;
    auto config = test_config(Mode::standard);
    config.data = folder / "data";
    config.settings.limits.retained_messages = 2;
    config.settings.limits.retained_bytes = 10'000;
    {
        const RunningBroker broker(config);
        auto client = joined(broker, "c");
        for (const char* topic : {"r/2", "r/3", "r/1"}) client.publish(topic, "m", QoS::at_least_once, true);
        client.publish("r/3", std::string(20'000, 'x'), QoS::at_least_once, true);
        auto now = joined(broker, "now");
        now.subscribe("r/#", QoS::at_least_once);
        EXPECT_EQ(now.receive().topic, "r/2");
        EXPECT_TRUE(now.nothing_waits());
    }
    const RunningBroker broker(config);
    auto later = joined(broker, "later");
    later.subscribe("r/#", QoS::at_least_once);
    EXPECT_EQ(later.receive().topic, "r/2");
    EXPECT_TRUE(later.nothing_waits());
    EXPECT_EQ(broker.counter("retained_messages"), broker.counter("shards"));
}

TEST(Limits, KeepsNoMoreRetainedMessagesThanTheirNumberAndBytes) {
    auto config = test_config(Mode::standard);
    config.shards = 1;
    config.settings.limits.retained_messages = 2;
    config.settings.limits.retained_bytes = 10'000;
    const RunningBroker broker(config);
    auto client = joined(broker, "c");
    for (const char* topic : {"r/1", "r/2", "r/3"}) client.publish(topic, "m", QoS::at_least_once, true);
    EXPECT_EQ(broker.counter("retained_messages"), 2U);
    EXPECT_EQ(broker.counter("limit_retained_total"), 1U);
    client.publish("r/1", std::string(20'000, 'x'), QoS::at_least_once, true);  // one that is there, now too large
    EXPECT_EQ(broker.counter("limit_retained_total"), 2U);
    client.publish("r/1", "", QoS::at_least_once, true);
    client.publish("r/3", std::string(5'000, 'x'), QoS::at_least_once, true);
    EXPECT_EQ(broker.counter("retained_messages"), 2U);
    EXPECT_GT(broker.counter("retained_bytes"), 5'000U);
}

TEST(Limits, DropsTheOldestOfAClientThatIsAwayAboveTheNumberOfAll) {
    auto config = test_config(Mode::standard);
    EXPECT_EQ(config.settings.limits.offline_messages, 1'000'000U);
    EXPECT_EQ(Settings::defaults(Mode::apsara).limits.offline_messages, 1'000'000U);
    config.shards = 1;
    config.settings.limits.offline_messages = 10;
    const RunningBroker broker(config);
    for (const char* id : {"other", "away"}) {
        auto away = joined(broker, id, ProtocolVersion::v5, false);
        away.subscribe(id, QoS::at_least_once);
        away.disconnect();
    }
    auto pub = joined(broker, "pub");
    for (int i = 0; i < 4; ++i) pub.publish("other", std::to_string(i), QoS::at_least_once);
    for (int i = 0; i < 11; ++i) pub.publish("away", std::to_string(i), QoS::at_least_once);
    EXPECT_EQ(broker.counter("dropped_queue_full_total"), 5U);
    auto other = joined(broker, "other", ProtocolVersion::v5, false);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(other.receive().payload, std::to_string(i));
    auto back = joined(broker, "away", ProtocolVersion::v5, false);
    for (int i = 5; i < 11; ++i) EXPECT_EQ(back.receive().payload, std::to_string(i));
    EXPECT_TRUE(back.nothing_waits());
}

TEST(Limits, SlowsPublishersAndThenRefusesWhenMessagesTakeAllMemory) {
    auto config = test_config(Mode::standard);
    config.shards = 1;
    config.settings.limits.message_bytes = 1'000'000;
    const RunningBroker broker(config);
    auto keeper = joined(broker, "keeper");
    keeper.subscribe("t", QoS::at_least_once);  // and never acknowledges
    auto pub = joined(broker, "pub");
    auto reason = ReasonCode::success;
    int taken = 0;
    while (reason == ReasonCode::success && taken < 100) {
        reason = pub.publish("t", std::string(100'000, 'x'), QoS::at_least_once);
        ++taken;
    }
    EXPECT_EQ(reason, ReasonCode::quota_exceeded);
    EXPECT_GE(taken, 8);
    EXPECT_LE(taken, 13);
    EXPECT_GT(broker.counter("limit_message_bytes_total"), 0U);
    EXPECT_LE(broker.counter("message_bytes"), 1'200'000U);
    for (int i = 1; i < taken; ++i) static_cast<void>(keeper.receive());
    EXPECT_TRUE(esl::testing::wait_until([&] { return broker.counter("message_bytes") < 500'000; }));
    EXPECT_EQ(pub.publish("t", "room again", QoS::at_least_once), ReasonCode::success);
}

TEST(Limits, AFullInboxStopsTheOthersReadingAndNothingIsLost) {
    auto config = test_config(Mode::standard);
    config.settings.limits.inbox = 1;
    const RunningBroker broker(config);
    std::vector<TestClient> subs;
    for (int i = 0; i < 8; ++i) {
        subs.push_back(joined(broker, "sub" + std::to_string(i)));
        subs.back().subscribe("t", QoS::at_least_once);
    }
    std::vector<TestClient> pubs;
    constexpr int kMessages = 2'000;
    for (int i = 0; i < 8; ++i) pubs.push_back(joined(broker, "pub" + std::to_string(i), ProtocolVersion::v311));
    for (auto& pub : pubs) {
        for (int i = 0; i < kMessages / 8; ++i)
            pub.send_publish("t", "m", QoS::at_least_once, static_cast<mqtt::PacketId>(i + 1));
    }
    for (auto& sub : subs) {
        for (int i = 0; i < kMessages; ++i) ASSERT_EQ(sub.receive().payload, "m");
    }
    EXPECT_GT(broker.counter("limit_inbox_total"), 0U);
    EXPECT_EQ(broker.counter("dropped_queue_full_total"), 0U);
}

TEST(Limits, AcceptsNoMoreConnectionsThanItsRate) {
    auto config = test_config(Mode::standard);
    config.settings.limits.connects_per_second = 20;
    {
        const RunningBroker broker(config);
        std::vector<TestClient> clients;
        for (int i = 0; i < 50; ++i) clients.emplace_back(broker.port());
        for (int i = 0; i < 50; ++i) {  // late, but all of them
            EXPECT_EQ(clients[static_cast<std::size_t>(i)].connect({.client_id = std::to_string(i)}).reason,
                      ReasonCode::success);
        }
        EXPECT_GT(broker.counter("limit_connects_total"), 0U);
    }
    config.settings.limits.connects_per_second = 0;
    config.settings.limits.connects_per_address = 5;
    const RunningBroker broker(config);
    std::vector<TestClient> clients;
    for (int i = 0; i < 20; ++i) clients.emplace_back(broker.port());
    EXPECT_TRUE(esl::testing::wait_until([&] { return broker.counter("limit_address_connects_total") >= 5; }));
    EXPECT_TRUE(esl::testing::wait_until([&] {
        TestClient later(broker.port());
        try {
            return later.connect({.client_id = "later"}).reason == ReasonCode::success;
        } catch (const std::exception&) {
            return false;
        }
    }));
}

TEST(Limits, BlocksAnAddressThatGuessesPasswords) {
    auto config = test_config(Mode::standard);
    config.allow_anonymous = false;
    config.users = {{.name = "u", .password = "right", .password_hash = {}}};
    config.settings.limits.failed_logins = 3;
    config.settings.limits.login_block = seconds{1};
    const RunningBroker broker(config);
    const auto log_in = [&](const std::string& password) -> std::optional<ReasonCode> {
        TestClient client(broker.port());
        try {
            return client.connect({.client_id = "c", .version = ProtocolVersion::v5, .user = "u", .password = password})
                .reason;
        } catch (const std::exception&) {
            return std::nullopt;  // closed without a word
        }
    };
    EXPECT_EQ(log_in("a"), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(log_in("b"), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(log_in("right"), ReasonCode::success);  // begins anew
    for (const char* guess : {"c", "d", "e"}) EXPECT_EQ(log_in(guess), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(log_in("right"), std::nullopt);
    EXPECT_EQ(broker.counter("limit_logins_total"), 1U);
    EXPECT_GE(broker.counter("limit_blocked_total"), 1U);
    EXPECT_TRUE(esl::testing::wait_until([&] { return log_in("right") == ReasonCode::success; }));
}

}  // namespace
}  // namespace esl::broker::testing
