// Log-in and the bounds of a broker, over real sockets.
#include <gtest/gtest.h>

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

constexpr auto kQos0 = QoS::at_most_once;
constexpr auto kQos1 = QoS::at_least_once;

ReasonCode log_in(const RunningBroker& broker, const std::string& id, std::optional<std::string> user,
                  std::optional<std::string> password) {
    TestClient c(broker.port());
    return c
        .connect(
            {.client_id = id, .version = ProtocolVersion::v5, .user = std::move(user), .password = std::move(password)})
        .reason;
}

TEST(LogIn, LetsInBySignatureOrPasswordAndNobodyElse) {
    auto config = test_config();
    config.allow_anonymous = false;
    config.access_keys = {{.id = "AK", .secret = "sk", .instance = "i1"}};
    config.users = {{.name = "hashed", .password = {}, .password_hash = hash_password("right")},
                    {.name = "plain", .password = "text", .password_hash = {}}};
    const RunningBroker broker(config);
    const auto signature = signature_password("sk", "GID_test@@@a");
    EXPECT_EQ(log_in(broker, "GID_test@@@a", "Signature|AK|i1", signature), ReasonCode::success);
    EXPECT_EQ(log_in(broker, "GID_test@@@b", "Signature|AK|i1", signature), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(log_in(broker, "GID_test@@@c", "hashed", "right"), ReasonCode::success);
    EXPECT_EQ(log_in(broker, "GID_test@@@c", "hashed", "wrong"), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(log_in(broker, "GID_test@@@c", "hashed", "right"), ReasonCode::success);  // now from memory
    EXPECT_EQ(log_in(broker, "GID_test@@@d", "plain", "text"), ReasonCode::success);
    EXPECT_EQ(log_in(broker, "GID_test@@@e", std::nullopt, std::nullopt), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(broker.counter("connects_refused_total"), 3U);
}

// A client may send on without waiting for CONNACK [MQTT-3.1.4-5], also while its password is looked at, and whichever
// shard is its home.
TEST(LogIn, TakesWhatComesBehindConnectWhileThePasswordIsChecked) {
    auto config = test_config(Mode::standard);
    config.allow_anonymous = false;
    config.users = {{.name = "u", .password = {}, .password_hash = hash_password("p")}};
    const RunningBroker broker(config);
    for (int i = 0; i < 6; ++i) {
        const auto id = "eager-" + std::to_string(i);
        Bytes bytes;
        mqtt::ConnectView connect;
        connect.client_id = id;
        connect.user_name = "u";
        const std::string password = "p";
        connect.password = as_bytes(password);
        ASSERT_TRUE(mqtt::encode_connect(connect, bytes));
        const mqtt::SubscriptionView filters[] = {{.filter = id, .qos = kQos1}};
        ASSERT_TRUE(mqtt::encode_subscribe(7, filters, {}, ProtocolVersion::v311, bytes));
        ASSERT_TRUE(mqtt::encode_publish(
            {.topic = id, .payload = as_bytes(password), .properties = {}, .packet_id = 8, .qos = kQos1},
            ProtocolVersion::v311, bytes));
        TestClient c(broker.port());
        c.send(bytes);
        EXPECT_EQ(c.expect(PacketType::suback).packet_id, 7);
        EXPECT_EQ(c.expect(PacketType::puback).packet_id, 8);
        EXPECT_EQ(c.receive().payload, "p");
    }
}

TEST(Bounds, RefusesConnectionsAboveTheNumberOfAnAddressUntilOneGoes) {
    auto config = test_config(Mode::standard);
    config.settings.limits.connections_per_address = 3;
    const RunningBroker broker(config);
    std::vector<TestClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(broker.port());
        EXPECT_EQ(clients.back().connect({.client_id = std::to_string(i)}).reason, ReasonCode::success);
    }
    TestClient fourth(broker.port());
    EXPECT_TRUE(fourth.closed_by_broker());
    EXPECT_EQ(broker.counter("limit_address_total"), 1U);
    clients.pop_back();
    EXPECT_TRUE(esl::testing::wait_until([&] {
        try {
            TestClient again(broker.port());
            return again.connect({.client_id = "again"}).reason == ReasonCode::success;
        } catch (const std::exception&) {
            return false;
        }
    }));
}

TEST(Bounds, RefusesConnectionsAboveTheNumberOfAll) {
    auto config = test_config(Mode::standard);
    config.settings.limits.connections = 2;
    const RunningBroker broker(config);
    TestClient a(broker.port());
    a.connect({.client_id = "a"});
    TestClient b(broker.port());
    b.connect({.client_id = "b"});
    TestClient c(broker.port());
    EXPECT_TRUE(c.closed_by_broker());
    EXPECT_EQ(broker.counter("limit_connections_total"), 1U);
    EXPECT_TRUE(a.nothing_waits());
}

TEST(Bounds, JudgesAPacketBeforeConnectAndAfterItByItsHeader) {
    auto config = test_config(Mode::standard);
    config.settings.limits.packet_before_connect = 200;
    config.settings.limits.packet = 2'000;
    const RunningBroker broker(config);
    TestClient early(broker.port());
    early.send(Bytes{0x10, 0xC8, 0x01});  // CONNECT of 203 bytes; none of its body need come
    EXPECT_TRUE(early.closed_by_broker());
    TestClient c(broker.port());
    c.connect({.client_id = "c", .version = ProtocolVersion::v5});
    c.publish("t", std::string(1'900, 'x'), kQos1);
    c.send(Bytes{0x30, 0xD0, 0x0F});  // PUBLISH of 2,003
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::packet_too_large);
    EXPECT_EQ(broker.counter("limit_packet_total"), 2U);
}

TEST(Bounds, AddsNoMoreWildcardsToAParentThanItsNumber) {
    auto config = test_config();
    config.settings.limits.wildcards_per_parent = 4;
    const RunningBroker broker(config);
    TestClient c(broker.port());
    c.connect({.client_id = "GID_test@@@c"});
    for (int i = 0; i < 4; ++i)
        EXPECT_FALSE(mqtt::is_failure(c.subscribe("esl_report/" + std::to_string(i) + "/#", kQos1).front()));
    EXPECT_TRUE(mqtt::is_failure(c.subscribe("esl_report/5/#", kQos1).front()));
    EXPECT_FALSE(mqtt::is_failure(c.subscribe("esl_task/5/#", kQos1).front()));    // another parent
    EXPECT_FALSE(mqtt::is_failure(c.subscribe("esl_report/5/x", kQos1).front()));  // no wildcard
    c.unsubscribe("esl_report/0/#");
    EXPECT_FALSE(mqtt::is_failure(c.subscribe("esl_report/5/#", kQos1).front()));
    EXPECT_EQ(broker.counter("limit_wildcards_total"), 1U);
}

TEST(Bounds, KeepsEveryQos1MessageForASlowReaderAndDropsOnlyQos0) {
    auto config = test_config(Mode::standard);
    config.settings.limits.output_bytes = 64 * 1024;
    const RunningBroker broker(config);
    TestClient slow(broker.port());
    slow.connect({.client_id = "slow"});
    slow.subscribe("t", kQos1);
    TestClient pub(broker.port());
    pub.connect({.client_id = "pub"});
    const std::string big(50'000, 'x');
    constexpr int kMessages = 400;  // 20 MB: more than socket buffers hold
    for (int i = 0; i < kMessages; ++i) {
        pub.publish("t", std::to_string(i) + " " + big, kQos1);
        pub.publish("t", big, kQos0);
    }
    int next = 0;
    while (next < kMessages) {
        const auto got = slow.receive();
        if (got.qos == kQos0) continue;
        ASSERT_EQ(got.payload.substr(0, got.payload.find(' ')), std::to_string(next));
        ++next;
    }
    EXPECT_GT(broker.counter("dropped_qos0_total"), 0U);
    EXPECT_EQ(broker.counter("dropped_queue_full_total"), 0U);
}

TEST(Bounds, WaitsForFileDescriptorsAndServesAgainWhenThereAreSome) {
#if __has_feature(address_sanitizer)
    GTEST_SKIP()
        << "the undefined behaviour sanitizer checks memory through a pipe, and calls every virtual call without "
           "a descriptor for one an error";
#endif
    esl::testing::TempDir folder;
    BrokerProcess broker(folder.path(), {"--allow-anonymous", "--mode", "standard", "--shards", "1"});
    broker.set_open_files(64);
    broker.start();
    {
        std::vector<TestClient> crowd;  // the system's backlog takes those that the broker cannot
        for (int i = 0; i < 80; ++i) crowd.emplace_back(broker.port());
        EXPECT_TRUE(
            esl::testing::wait_until([&] { return broker.log().find("Too many open files") != std::string::npos; }));
        EXPECT_EQ(crowd.front().connect({.client_id = "served"}).reason, ReasonCode::success);
    }
    TestClient after(broker.port());
    EXPECT_EQ(after.connect({.client_id = "after"}).reason, ReasonCode::success);
    const auto log = broker.log();
    std::size_t lines = 0;
    for (auto at = log.find("Too many"); at != std::string::npos; at = log.find("Too many", at + 1)) ++lines;
    EXPECT_LT(lines, 10U);  // it did not spin
}

}  // namespace
}  // namespace esl::broker::testing
