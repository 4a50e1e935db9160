// Apsara mode over real sockets: names, P2P, duplicates, presence.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

constexpr auto kQos0 = QoS::at_most_once;
constexpr auto kQos1 = QoS::at_least_once;
constexpr auto kQos2 = QoS::exactly_once;

class Apsara : public ::testing::Test {
protected:
    static Config config() {
        auto c = test_config();
        c.settings.limits.ack_wait = std::chrono::seconds(1);
        c.settings.limits.resends = 2;
        c.settings.limits.in_flight_p2p = 3;
        c.settings.presence_topic = "esl_report/presence";
        c.settings.limits.connect_timeout = std::chrono::seconds(1);
        return c;
    }
    static std::string id(const std::string& device) { return "GID_test@@@" + device; }
    static std::string p2p(const std::string& device) { return "esl_task/p2p/" + id(device); }
    TestClient client(const std::string& device, bool clean = true, ProtocolVersion version = ProtocolVersion::v311) {
        TestClient c(broker_.port());
        EXPECT_EQ(c.connect({.client_id = id(device), .clean = clean, .version = version}).reason, ReasonCode::success);
        return c;
    }
    RunningBroker broker_{config()};
};

TEST_F(Apsara, BringsAPointToPointMessageToAClientWithoutAnySubscription) {
    for (const auto version : {ProtocolVersion::v31, ProtocolVersion::v311, ProtocolVersion::v5}) {
        auto ap = client("ap", true, version);
        auto service = client("service", true, version);
        for (const auto qos : {kQos0, kQos1, kQos2}) {
            service.publish(p2p("ap"), "price", qos);
            const auto got = ap.receive();
            EXPECT_EQ(got.topic, p2p("ap"));
            EXPECT_EQ(got.payload, "price");
            EXPECT_EQ(got.qos, qos);  // as published: no subscription lowers it
        }
        ap.publish(p2p("ap"), "to myself", kQos1);
        EXPECT_EQ(ap.receive().payload, "to myself");
    }
}

TEST_F(Apsara, CountsPointToPointMessagesApart) {
    auto pub = client("pub");
    for (const auto qos : {kQos0, kQos1, kQos2}) pub.publish(p2p("ap"), "price", qos);
    pub.publish("esl_task/p2p", "has no receiver", kQos1);
    pub.publish("esl_task/news", "for all", kQos1);
    EXPECT_EQ(broker_.counter("p2p_received_total"), 3U);
    EXPECT_EQ(broker_.counter("publishes_received_total"), 5U);
}

TEST_F(Apsara, NeverShowsPointToPointMessagesToWildcards) {
    auto spy = client("spy");
    spy.subscribe("esl_task/#", kQos1);
    spy.subscribe("esl_task/p2p/+", kQos1);
    spy.subscribe(p2p("ap"), kQos1);
    auto ap = client("ap");
    client("service").publish(p2p("ap"), "secret", kQos1);
    EXPECT_EQ(ap.receive().payload, "secret");
    EXPECT_TRUE(spy.nothing_waits());
}

TEST_F(Apsara, AcknowledgesPointToPointToWhoeverIsAway) {
    auto service = client("service");
    EXPECT_EQ(service.publish(p2p("never-seen"), "x", kQos1), ReasonCode::success);
    client("sleeper", false).disconnect();
    service.publish(p2p("sleeper"), "zero", kQos0);  // apsara queues QoS 0 too
    service.publish(p2p("sleeper"), "one", kQos1);
    auto back = client("sleeper", false);
    EXPECT_EQ(back.receive().payload, "zero");
    EXPECT_EQ(back.receive().payload, "one");
    client("clean").disconnect();
    service.publish(p2p("clean"), "gone", kQos1);
    EXPECT_TRUE(client("clean").nothing_waits());
}

TEST_F(Apsara, PushesQos0OnceAndKeepsNothingForACleanSession) {
    auto service = client("service");
    const auto publish_all = [&] {
        service.publish("esl_report/zero", "by a subscription at QoS 0", kQos1);
        service.publish("esl_report/one", "published at QoS 0", kQos0);
        service.publish(p2p("reader"), "point to point", kQos0);
    };
    auto reader = client("reader");
    reader.subscribe("esl_report/zero", kQos0);
    reader.subscribe("esl_report/one", kQos1);
    publish_all();
    service.publish("esl_report/one", "sent again", kQos1);
    std::multiset<std::string> got;
    for (int i = 0; i < 3; ++i) {
        const auto message = reader.receive();
        EXPECT_EQ(message.qos, kQos0);
        got.insert(message.payload);
    }
    EXPECT_EQ(got, (std::multiset<std::string>{"by a subscription at QoS 0", "published at QoS 0", "point to point"}));
    // What came behind them is sent a second time, and they are not.
    for (const bool dup : {false, true}) {
        const auto message = reader.receive(dup);
        EXPECT_EQ(message.payload, "sent again");
        EXPECT_EQ(message.dup, dup);
    }
    reader.disconnect();
    publish_all();
    // Answered by the reader's shard, which has then had all that was sent to it before.
    service.publish(p2p("reader"), "the last of it", kQos1);
    TestClient back(broker_.port());  // asks for what was kept
    EXPECT_FALSE(back.connect({.client_id = id("reader"), .clean = false}).session_present);
    EXPECT_TRUE(back.nothing_waits());
    EXPECT_EQ(broker_.counter("queued_messages"), 0U);
}

TEST_F(Apsara, QueuesNothingForAQos2SubscriptionWhoseClientIsAway) {
    auto service = client("service");
    auto reader = client("reader", false);
    reader.subscribe("esl_report/two", kQos2);
    reader.subscribe("esl_report/one", kQos1);
    reader.subscribe("esl_report/both", kQos2);
    reader.subscribe("esl_report/both/#", kQos1);
    reader.disconnect();
    for (const auto qos : {kQos0, kQos1, kQos2}) service.publish("esl_report/two", "missed", qos);
    service.publish("esl_report/one", "by a subscription at QoS 1", kQos2);
    service.publish("esl_report/both", "by the other subscription", kQos2);
    service.publish(p2p("reader"), "point to point", kQos2);  // no subscription: the session alone decides
    auto back = client("reader", false);
    std::set<std::pair<std::string, QoS>> got;
    for (int i = 0; i < 3; ++i) {
        const auto message = back.receive();
        got.emplace(message.payload, message.qos);
    }
    EXPECT_EQ(got, (std::set<std::pair<std::string, QoS>>{{"by a subscription at QoS 1", kQos1},
                                                          {"by the other subscription", kQos1},
                                                          {"point to point", kQos2}}));
    EXPECT_TRUE(back.nothing_waits());
    service.publish("esl_report/two", "here again", kQos2);
    EXPECT_EQ(back.receive().payload, "here again");
}

TEST_F(Apsara, FinishesAQos2MessageThatWasUnderwayWhenTheClientWent) {
    auto service = client("service");
    for (const bool released : {false, true}) {
        auto reader = client("reader", false);
        reader.subscribe("esl_report/two", kQos2);
        service.publish("esl_report/two", "underway", kQos2);
        const auto first = reader.receive(false);
        if (released) {
            reader.send_ack(PacketType::pubrec, first.packet_id);
            EXPECT_EQ(reader.expect(PacketType::pubrel).packet_id, first.packet_id);
        }
        reader.disconnect();
        service.publish("esl_report/two", "missed", kQos2);
        auto back = client("reader", false);
        if (released) {
            EXPECT_EQ(back.expect(PacketType::pubrel).packet_id, first.packet_id);
            back.send_ack(PacketType::pubcomp, first.packet_id);
        } else {
            const auto again = back.receive();
            EXPECT_EQ(again.payload, "underway");
            EXPECT_EQ(again.packet_id, first.packet_id);
            EXPECT_TRUE(again.dup);
        }
        EXPECT_TRUE(back.nothing_waits());
        back.disconnect();
    }
}

TEST_F(Apsara, ServesOrdinaryTopicsToAClientThatNeverAcknowledgesPointToPoint) {
    auto trapped = client("trapped", true, ProtocolVersion::v5);  // 5.0: nothing is sent again
    trapped.subscribe("esl_report/x", kQos1);
    auto service = client("service");
    for (int i = 0; i < 10; ++i) service.publish(p2p("trapped"), std::to_string(i), kQos1);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(trapped.receive(false).payload, std::to_string(i));
    EXPECT_TRUE(trapped.nothing_waits());  // its budget is used up
    for (int i = 0; i < 200; ++i) {
        service.publish("esl_report/x", "ordinary", kQos1);
        ASSERT_EQ(trapped.receive().payload, "ordinary");
    }
}

TEST_F(Apsara, SendsAgainToA311ClientABoundedNumberOfTimes) {
    auto deaf = client("deaf");
    client("service").publish(p2p("deaf"), "x", kQos1);
    const auto first = deaf.receive(false);
    EXPECT_FALSE(first.dup);
    for (int i = 0; i < 2; ++i) {
        const auto again = deaf.receive(false);
        EXPECT_TRUE(again.dup);
        EXPECT_EQ(again.packet_id, first.packet_id);
    }
    EXPECT_TRUE(esl::testing::wait_until([&] { return broker_.counter("dropped_given_up_total") == 1; }));
    EXPECT_TRUE(deaf.nothing_waits());
}

TEST_F(Apsara, RefusesClientIdsThatBreakTheRules) {
    for (const std::string bad : {"plain", "GID_nobody@@@x", "GID_test@@@", "GID_test@@@a/b", ""}) {
        TestClient c(broker_.port());
        EXPECT_NE(c.connect({.client_id = bad}).reason, ReasonCode::success) << bad;
        EXPECT_TRUE(c.closed_by_broker());
    }
    TestClient v5(broker_.port());
    EXPECT_EQ(v5.connect({.client_id = "plain", .version = ProtocolVersion::v5}).reason,
              ReasonCode::client_identifier_not_valid);
}

TEST_F(Apsara, ClosesOnATopicWhoseParentIsNotRegistered) {
    auto pub = client("pub");
    pub.send_publish("nobody/x", "x", kQos1, 1);
    EXPECT_TRUE(pub.closed_by_broker());
    auto sub = client("sub", true, ProtocolVersion::v5);
    EXPECT_THROW(sub.subscribe("nobody/#", kQos1), std::runtime_error);
    EXPECT_EQ(sub.expect(PacketType::disconnect).reason, ReasonCode::not_authorized);
    auto all = client("all");
    EXPECT_THROW(all.subscribe("#", kQos1), std::runtime_error);
    auto elsewhere = client("elsewhere");
    elsewhere.send_publish("nobody/p2p/" + id("x"), "x", kQos1, 1);
    EXPECT_TRUE(elsewhere.closed_by_broker());
}

TEST_F(Apsara, AddsNoMoreThanThirtyFilters) {
    auto c = client("greedy");
    for (int i = 0; i < 30; ++i)
        EXPECT_EQ(c.subscribe("esl_report/" + std::to_string(i), kQos1).front(), ReasonCode::granted_qos_1);
    EXPECT_TRUE(mqtt::is_failure(c.subscribe("esl_report/31", kQos1).front()));
    EXPECT_EQ(c.subscribe("esl_report/3", kQos0).front(), ReasonCode::success);  // it is held already
    EXPECT_EQ(broker_.counter("limit_filters_total"), 1U);
}

TEST_F(Apsara, RefusesASecondConnectionOfALivingClientAndReplacesADeadOne) {
    auto holder = client("one");
    TestClient newcomer(broker_.port());
    EXPECT_EQ(newcomer.connect({.client_id = id("one")}).reason, ReasonCode::client_identifier_not_valid);
    EXPECT_TRUE(newcomer.closed_by_broker());
    EXPECT_TRUE(holder.nothing_waits());  // still served
    holder.drop();
    TestClient after(broker_.port());
    EXPECT_EQ(after.connect({.client_id = id("one")}).reason, ReasonCode::success);
    EXPECT_EQ(broker_.counter("duplicate_client_ids_total"), 1U);
}

TEST_F(Apsara, LetsANewcomerInWhenTheHolderHasBeenSilentPastItsKeepAlive) {
    TestClient holder(broker_.port());
    ConnectOptions quiet{.client_id = id("quiet")};
    quiet.keep_alive = 2;  // closed after three to four seconds; replaced after two to three
    holder.connect(quiet);
    EXPECT_TRUE(esl::testing::wait_until([&] {
        TestClient newcomer(broker_.port());
        return newcomer.connect({.client_id = id("quiet")}).reason == ReasonCode::success;
    }));
}

TEST_F(Apsara, CapsTheKeepAliveAndSaysSo) {
    TestClient c(broker_.port());
    ConnectOptions options{.client_id = id("long"), .clean = true, .version = ProtocolVersion::v5};
    options.keep_alive = 3'600;
    EXPECT_EQ(c.connect(options).number(PropertyId::server_keep_alive), 480U);
}

TEST_F(Apsara, ClosesOnAPayloadAboveTheLimit) {
    auto c = client("big", true, ProtocolVersion::v5);
    c.send_publish("esl_report/x", std::string(65'536, 'x'), kQos1, 1);
    EXPECT_EQ(c.expect(PacketType::puback).packet_id, 1);
    c.send_publish("esl_report/x", std::string(65'537, 'x'), kQos1, 2);
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::packet_too_large);
    EXPECT_EQ(broker_.counter("limit_payload_total"), 1U);
}

TEST_F(Apsara, TellsOfConnectsAndDisconnectsInTheExactForm) {
    auto watcher = client("watcher");
    watcher.subscribe("esl_report/presence", kQos1);
    auto polite = client("polite");
    polite.disconnect();
    std::string channel;
    for (const auto* event : {"connect", "disconnect", "tcpclean"}) {
        const auto got = watcher.receive();
        const auto json = nlohmann::json::parse(got.payload);
        ASSERT_EQ(json.size(), 5U) << got.payload;
        EXPECT_EQ(json["clientId"], id("polite"));
        EXPECT_EQ(json["eventType"], event);
        EXPECT_TRUE(json["time"].is_number_integer());
        EXPECT_EQ(json["clientIp"].get<std::string>().substr(0, 10), "127.0.0.1:");
        const auto id_now = json["channelId"].get<std::string>();
        EXPECT_EQ(id_now.size(), 32U);
        EXPECT_EQ(id_now.find_first_not_of("0123456789abcdef"), std::string::npos);
        if (!channel.empty()) {
            EXPECT_EQ(id_now, channel);
        }
        channel = id_now;
    }
    client("rude").drop();
    EXPECT_EQ(nlohmann::json::parse(watcher.receive().payload)["eventType"], "connect");
    EXPECT_EQ(nlohmann::json::parse(watcher.receive().payload)["eventType"], "tcpclean");
}

constexpr const char* kControlTopics[] = {"$SYS/enableOrderMsg", "$SYS/getOfflineMsg", "$SYS/uploadToken",
                                          "$SYS/tokenExpireNotice", "$SYS/tokenInvalidNotice"};

TEST_F(Apsara, AnswersControlTopicsAndRoutesThemNowhere) {
    auto spy = client("spy");
    for (const auto* filter : kControlTopics) spy.subscribe(filter, kQos1);
    for (const auto* filter : {"$SYS/#", "$SYS/+", "$SYS/+/#", "esl_report/last"}) spy.subscribe(filter, kQos1);
    auto c = client("control");
    for (const auto qos : {kQos0, kQos1, kQos2}) {
        EXPECT_EQ(c.publish("$SYS/enableOrderMsg", R"({"order":"true"})", qos), ReasonCode::success);
        c.publish("$SYS/getOfflineMsg", R"({"maxPushNum":"30","pushOrder":"DESC"})", qos);
    }
    c.publish("esl_report/last", "behind them", kQos1);
    EXPECT_TRUE(c.nothing_waits());
    auto got = spy.receive();
    for (; got.topic != "esl_report/last"; got = spy.receive())
        EXPECT_TRUE(got.topic.starts_with("$SYS/broker/")) << got.topic;
}

TEST_F(Apsara, DoesNotCountControlTopicsAsFilters) {
    auto c = client("greedy");
    for (const auto* filter : kControlTopics) EXPECT_EQ(c.subscribe(filter, kQos1).front(), ReasonCode::granted_qos_1);
    for (int i = 0; i < 30; ++i)
        EXPECT_EQ(c.subscribe("esl_report/" + std::to_string(i), kQos1).front(), ReasonCode::granted_qos_1);
    for (const auto* filter : kControlTopics) EXPECT_EQ(c.subscribe(filter, kQos0).front(), ReasonCode::success);
    EXPECT_TRUE(mqtt::is_failure(c.subscribe("$SYS/#", kQos1).front()));  // brings $SYS/broker/...: counts
}

// Hostile input: each is closed, counted and named; the broker lives.
TEST_F(Apsara, ClosesWhateverIsNotMqtt) {
    const Bytes connect_prefix{0x10, 0x0C, 0x00, 0x04, 'M', 'Q', 'T', 'T', 0x04, 0x02, 0x00, 0x3C, 0x00, 0x00};
    const std::vector<std::pair<const char*, Bytes>> cases{
        {"HTTP", {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1', 0x0D, 0x0A, 0x0D, 0x0A}},
        {"type 0", {0x00, 0x00}},
        {"a length of five bytes", {0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}},
        {"CONNECT above the limit", {0x10, 0xFF, 0xFF, 0x7F}},
        {"PUBLISH first", {0x30, 0x03, 0x00, 0x01, 'a'}},
        {"a level that is none", {0x10, 0x0C, 0x00, 0x04, 'M', 'Q', 'T', 'T', 0x09, 0x02, 0x00, 0x3C, 0x00, 0x00}},
        {"reserved connect flag", {0x10, 0x0C, 0x00, 0x04, 'M', 'Q', 'T', 'T', 0x04, 0x03, 0x00, 0x3C, 0x00, 0x00}},
        {"client id cut off", {0x10, 0x0C, 0x00, 0x04, 'M', 'Q', 'T', 'T', 0x04, 0x02, 0x00, 0x3C, 0x00, 0x09}},
    };
    for (const auto& [what, bytes] : cases) {
        TestClient c(broker_.port());
        c.send(bytes);
        EXPECT_TRUE(c.closed_by_broker()) << what;
    }
    const std::vector<std::pair<const char*, Bytes>> later{
        {"QoS 3", {0x36, 0x05, 0x00, 0x01, 'a', 0x00, 0x01}},
        {"packet id 0", {0x32, 0x05, 0x00, 0x01, 'a', 0x00, 0x00}},
        {"wildcard in a topic", {0x30, 0x03, 0x00, 0x01, '#'}},
        {"SUBSCRIBE without filters", {0x82, 0x02, 0x00, 0x01}},
        {"SUBSCRIBE with wrong flags", {0x80, 0x06, 0x00, 0x01, 0x00, 0x01, 'a', 0x00}},
        {"bad UTF-8", {0x30, 0x03, 0x00, 0x01, 0xFF}},
        {"CONNACK from a client", {0x20, 0x02, 0x00, 0x00}},
        {"a second CONNECT", connect_prefix},
        {"PINGREQ with a body", {0xC0, 0x01, 0x00}},
    };
    for (const auto& [what, bytes] : later) {
        auto c = client("hostile");
        c.send(bytes);
        EXPECT_TRUE(c.closed_by_broker()) << what;
    }
    EXPECT_GE(broker_.counter("malformed_total") + broker_.counter("protocol_errors_total"),
              cases.size() + later.size());
    EXPECT_TRUE(client("after").nothing_waits());
}

TEST_F(Apsara, ClosesAConnectionThatNeverSaysConnect) {
    TestClient idle(broker_.port());
    EXPECT_TRUE(idle.closed_by_broker());
    EXPECT_EQ(broker_.counter("connect_timeouts_total"), 1U);
}

TEST_F(Apsara, TakesPacketsHoweverTheyAreCut) {
    Bytes bytes;
    mqtt::ConnectView connect;
    const auto client_id = id("cut");
    connect.client_id = client_id;
    ASSERT_TRUE(mqtt::encode_connect(connect, bytes));
    const auto topic = p2p("cut");
    const auto payload = std::string(3'000, 'p');
    ASSERT_TRUE(mqtt::encode_publish(
        {.topic = topic, .payload = as_bytes(payload), .properties = {}, .packet_id = 1, .qos = kQos1},
        ProtocolVersion::v311, bytes));
    for (std::size_t step : {1UL, 2UL, 7UL, 1'000UL}) {
        TestClient c(broker_.port());
        for (std::size_t at = 0; at < bytes.size(); at += step)
            c.send(BytesView(bytes).subspan(at, std::min(step, bytes.size() - at)));
        EXPECT_EQ(c.receive().payload, payload) << step;
        c.disconnect();
    }
}

}  // namespace
}  // namespace esl::broker::testing
