// What the session core lets out by rules, and when it acknowledges what it let out.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "broker/tests/fake_client.hpp"
#include "broker/tests/manual_exporter.hpp"

namespace esl::broker {
namespace {

using namespace testing;  // NOLINT: the rig
using nlohmann::json;

class HubExport : public ::testing::Test {
protected:
    explicit HubExport(ShardId shards = 2) : rig_(Settings::defaults(Mode::standard), shards, true, &exporter_) {
        auto table = std::make_shared<ExportTable>();
        table->outbound.add("out/#", kOut, {});
        table->outbound.add("loose/#", kLoose, {});
        table->notification["GID_one"] = kPresence;
        table->durable = {kOut, kPresence};
        rig_.set_exports(table);
    }
    static constexpr RuleNumber kOut = 1, kLoose = 2, kPresence = 3;
    ManualExporter exporter_;
    Rig rig_;
};

TEST_F(HubExport, AcknowledgesQos1And2OnlyWhenTheExporterHasIt) {
    FakeClient pub(rig_, "0p");
    pub.publish("out/a", "one", QoS::at_least_once, 5);
    pub.publish("out/b", "two", QoS::exactly_once, 6);
    rig_.settle();
    EXPECT_TRUE(pub.link.look().empty());
    ASSERT_EQ(exporter_.items.size(), 2U);
    exporter_.answer(true);
    rig_.settle();
    const auto said = pub.link.look();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].type, PacketType::puback);
    EXPECT_EQ(said[1].type, PacketType::pubrec);
    const auto& what = *exporter_.items[0].what;
    EXPECT_EQ(what.topic, "out/a");
    EXPECT_EQ(what.client_id, "0p");
    EXPECT_EQ(what.id.size(), 32U);
    EXPECT_EQ(as_text(what.payload), "one");
    EXPECT_TRUE(exporter_.items[0].durable && exporter_.items[0].answered);
    EXPECT_NE(exporter_.items[0].what->id, exporter_.items[1].what->id);
}

TEST_F(HubExport, RefusesWhatTheOutboxCannotKeep) {
    FakeClient sleeper(rig_, "1s", false);
    sleeper.subscribe("out/#", QoS::at_least_once);
    FakeClient pub(rig_, "0p", true, ProtocolVersion::v5);
    pub.publish("out/a", "one", QoS::at_least_once, 5);
    rig_.settle();
    exporter_.answer(false);
    rig_.settle();
    const auto said = pub.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].reason, ReasonCode::quota_exceeded);
}

TEST_F(HubExport, MakesNobodyWaitForQos0OrARuleThatIsNotDurable) {
    FakeClient pub(rig_, "0p");
    pub.publish("out/a", "zero", QoS::at_most_once);
    pub.publish("loose/a", "one", QoS::at_least_once, 5);
    pub.publish("other", "two", QoS::at_least_once, 6);
    rig_.settle();
    EXPECT_EQ(pub.link.look().size(), 2U);
    ASSERT_EQ(exporter_.items.size(), 2U);
    EXPECT_FALSE(exporter_.items[0].answered);
    EXPECT_FALSE(exporter_.items[1].durable);
    EXPECT_TRUE(exporter_.waiting.empty());
}

TEST_F(HubExport, LeavesOutWhatNoDevicePublished) {
    rig_.hub("0").publish_system("out/a", as_bytes("admin"), QoS::at_least_once, false);
    rig_.settle();
    EXPECT_TRUE(exporter_.items.empty());
}

TEST_F(HubExport, ExportsAQos2MessageOnceHoweverOftenItIsSent) {
    FakeClient pub(rig_, "0p");
    pub.publish("out/b", "two", QoS::exactly_once, 6);
    rig_.settle();
    pub.publish("out/b", "two", QoS::exactly_once, 6);
    rig_.settle();
    exporter_.answer(true);
    rig_.settle();
    EXPECT_EQ(pub.link.look().size(), 1U);
    EXPECT_EQ(exporter_.items.size(), 1U);
}

TEST_F(HubExport, TellsOfAGroupsDevicesWithTheReferencesKeysAndTcpcleanLast) {
    {
        FakeClient other(rig_, "GID_two@@@x");
        FakeClient one(rig_, "GID_one@@@x");
        Bytes bytes;
        ASSERT_TRUE(
            mqtt::encode_disconnect({.reason = ReasonCode::success, .properties = {}}, ProtocolVersion::v311, bytes));
        one.feed(bytes);
        FakeClient again(rig_, "GID_one@@@x");
        again.lose();
        other.lose();
    }
    ASSERT_EQ(exporter_.items.size(), 5U);
    std::vector<std::string> events;
    std::vector<std::string> channels;
    for (const auto& item : exporter_.items) {
        EXPECT_EQ(item.rule, kPresence);
        const auto event = json::parse(as_text(item.what->payload));
        EXPECT_EQ(event.size(), 5U);
        EXPECT_EQ(event["clientId"], "GID_one@@@x");
        EXPECT_EQ(event["clientIp"], "192.0.2.1:1");
        EXPECT_TRUE(event["time"].is_number_integer());
        events.push_back(event["eventType"]);
        channels.push_back(event["channelId"]);
        EXPECT_EQ(channels.back().size(), 32U);
        EXPECT_EQ(channels.back().find_first_not_of("0123456789abcdef"), std::string::npos);
        EXPECT_EQ(item.what->event, events.back());
        EXPECT_EQ(item.what->topic, "GID_one_MQTT");
    }
    EXPECT_EQ(events, (std::vector<std::string>{"connect", "disconnect", "tcpclean", "connect", "tcpclean"}));
    EXPECT_EQ(channels[0], channels[2]);
    EXPECT_EQ(channels[3], channels[4]);
    EXPECT_NE(channels[0], channels[3]);
}

}  // namespace
}  // namespace esl::broker
