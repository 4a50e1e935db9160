// What MQTT 5 adds, over real sockets.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "broker/app/admin.hpp"
#include "broker/tests/broker_fixture.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

ConnectOptions v5(std::string id) {
    ConnectOptions options;
    options.client_id = std::move(id);
    options.version = ProtocolVersion::v5;
    return options;
}

class Version5 : public StandardBroker {};

std::optional<std::uint32_t> alias_of(const Received& got) {
    return mqtt::PropertiesView(got.properties).number(PropertyId::topic_alias);
}

TEST_F(Version5, UsesTopicAliasesUpToTheClientsMaximum) {
    for (const auto qos : {kQos0, kQos1, kQos2}) {
        auto options = v5("aliased");
        options.properties.number(PropertyId::topic_alias_maximum, 2);
        auto sub = client(options);
        sub.subscribe("long/#", qos);
        auto pub = client("pub");
        for (const auto* topic : {"long/one", "long/one", "long/two", "long/two", "long/three", "long/one"})
            pub.publish(topic, topic, qos);
        const std::vector<std::pair<std::string, std::optional<std::uint32_t>>> expected{
            {"long/one", 1U}, {"", 1U}, {"long/two", 2U}, {"", 2U}, {"long/three", std::nullopt}, {"", 1U}};
        for (const auto& [topic, alias] : expected) {
            const auto got = sub.receive();
            EXPECT_EQ(got.topic, topic);
            EXPECT_EQ(alias_of(got), alias);
        }
        sub.drop();
        auto again = client(options);  // the new connection knows none of them
        again.subscribe("long/#", qos);
        pub.publish("long/one", "x", qos);
        EXPECT_EQ(again.receive().topic, "long/one");
        again.disconnect();
    }
    auto none = client(v5("plain"));
    none.subscribe("long/#", kQos1);
    client("pub").publish("long/one", "x", kQos1);
    EXPECT_FALSE(alias_of(none.receive()));
}

TEST_F(Version5, SendsNoPacketAboveTheClientsMaximum) {
    auto options = v5("small");
    options.properties.number(PropertyId::maximum_packet_size, 60);
    auto sub = client(options);
    sub.subscribe("s", kQos2);
    auto pub = client("pub");
    for (const auto qos : {kQos0, kQos1, kQos2}) {
        pub.publish("s", std::string(100, 'x'), qos);
        pub.publish("s", "fits", qos);
        EXPECT_EQ(sub.receive().payload, "fits");
    }
    EXPECT_TRUE(sub.nothing_waits());
    EXPECT_EQ(broker_.counter("dropped_too_large_total"), 3U);
}

TEST_F(Version5, AnAliasThatWouldMakeThePacketTooLargeIsLeftOut) {
    auto options = v5("tight");
    options.properties.number(PropertyId::maximum_packet_size, 40).number(PropertyId::topic_alias_maximum, 5);
    auto sub = client(options);
    sub.subscribe("topic/#", kQos1);
    auto pub = client("pub");
    // 2 + 2 + 7 + 2 + 1 = 14 bytes around the payload, 17 with an alias.
    pub.publish("topic/a", std::string(26, 'x'), kQos1);
    EXPECT_FALSE(alias_of(sub.receive()));
    pub.publish("topic/a", "short", kQos1);
    EXPECT_EQ(alias_of(sub.receive()), 1U);
}

TEST_F(Version5, SaysWhyItCloses) {
    auto c = client(v5("wrong"));
    mqtt::Properties alias;
    alias.number(PropertyId::topic_alias, 101);
    EXPECT_THROW(c.publish("a", "x", kQos1, false, alias), std::runtime_error);
    const auto told = c.expect(PacketType::disconnect);
    EXPECT_EQ(told.reason, ReasonCode::topic_alias_invalid);
    const auto why = mqtt::PropertiesView(told.properties).text(PropertyId::reason_string);
    ASSERT_TRUE(why);
    EXPECT_NE(why->find("topic alias 101"), std::string_view::npos);
}

TEST_F(Version5, LeavesTheReasonOutWhenItWouldBeTooLarge) {
    auto options = v5("wrong");
    options.properties.number(PropertyId::maximum_packet_size, 40);
    auto c = client(options);
    mqtt::Properties alias;
    alias.number(PropertyId::topic_alias, 101);
    EXPECT_THROW(c.publish("a", "x", kQos1, false, alias), std::runtime_error);
    const auto told = c.expect(PacketType::disconnect);
    EXPECT_EQ(told.reason, ReasonCode::topic_alias_invalid);
    EXPECT_TRUE(told.properties.empty());
}

TEST_F(Version5, TakesAnotherSessionExpiryFromDisconnect) {
    auto options = v5("changes");
    options.clean = false;
    options.properties.number(PropertyId::session_expiry_interval, 1'000);
    auto c = client(options);
    mqtt::Properties now;
    now.number(PropertyId::session_expiry_interval, 0);
    c.disconnect({.reason = {}, .properties = now});
    TestClient back(broker_.port());
    EXPECT_FALSE(back.connect(options).session_present);
}

TEST_F(Version5, RefusesToMakeASessionOutliveItsConnectionAtDisconnect) {
    auto c = client(v5("none"));
    mqtt::Properties later;
    later.number(PropertyId::session_expiry_interval, 10);
    c.disconnect({.reason = {}, .properties = later});
    EXPECT_EQ(broker_.counter("protocol_errors_total"), 1U);
    EXPECT_EQ(broker_.counter("sessions"), 0U);
}

TEST_F(Version5, PublishesTheWillWhenDisconnectAsksForIt) {
    auto watcher = client("watcher");
    watcher.subscribe("w", kQos1);
    auto options = v5("asks");
    options.will_topic = "w";
    auto c = client(options);
    c.disconnect({.reason = ReasonCode::disconnect_with_will, .properties = {}});
    EXPECT_EQ(watcher.receive().payload, "will");
}

TEST_F(Version5, SendsTheWillsOwnProperties) {
    auto watcher = client(v5("watcher"));
    watcher.subscribe("w", kQos1);
    auto options = v5("rich");
    options.will_topic = "w";
    options.will_properties.text(PropertyId::content_type, "text/plain")
        .text(PropertyId::response_topic, "answers")
        .user("k", "v")
        .number(PropertyId::message_expiry_interval, 100);
    client(options).drop();
    const auto got = watcher.receive();
    const mqtt::PropertiesView properties(got.properties);
    EXPECT_EQ(properties.text(PropertyId::content_type), "text/plain");
    EXPECT_EQ(properties.text(PropertyId::response_topic), "answers");
    EXPECT_EQ(properties.find(PropertyId::user_property)->text, "v");
    EXPECT_GE(properties.number(PropertyId::message_expiry_interval), 99U);
    EXPECT_FALSE(properties.number(PropertyId::will_delay_interval));
}

TEST_F(Version5, ATakeoverPublishesAWillWithoutDelayAndCancelsOneWithDelay) {
    auto watcher = client("watcher");
    watcher.subscribe("w/#", kQos1);
    for (const std::uint32_t delay : {0U, 60U}) {
        auto options = v5("taken");
        options.clean = false;
        options.properties.number(PropertyId::session_expiry_interval, 1'000);
        options.will_topic = "w/" + std::to_string(delay);
        options.will_properties.number(PropertyId::will_delay_interval, delay);
        auto first = client(options);
        auto second = client(options);
        EXPECT_TRUE(first.closed_by_broker());
        if (delay == 0) EXPECT_EQ(watcher.receive().topic, "w/0");
        EXPECT_TRUE(watcher.nothing_waits());
        second.disconnect();
    }
}

TEST_F(Version5, AnEndedSessionDoesNotWaitForTheDelayOfItsWill) {
    auto watcher = client("watcher");
    watcher.subscribe("w", kQos1);
    auto options = v5("ends");
    options.will_topic = "w";
    options.will_properties.number(PropertyId::will_delay_interval, 3'600);
    client(options).drop();  // no session outlives it
    EXPECT_EQ(watcher.receive().payload, "will");
    options.clean = false;
    options.properties.number(PropertyId::session_expiry_interval, 1'000);
    client(options).drop();
    EXPECT_TRUE(watcher.nothing_waits());
    options.clean = true;  // ends the session that waits
    auto fresh = client(options);
    EXPECT_EQ(watcher.receive().payload, "will");
    fresh.disconnect();
}

TEST_F(Version5, CarriesARequestAndItsAnswer) {
    auto server = client(v5("server"));
    server.subscribe("ask", kQos1);
    auto asker = client(v5("asker"));
    asker.subscribe("answer/asker", kQos1);
    mqtt::Properties properties;
    properties.text(PropertyId::response_topic, "answer/asker").binary(PropertyId::correlation_data, as_bytes("42"));
    asker.publish("ask", "?", kQos1, false, properties);
    const auto question = server.receive();
    const mqtt::PropertiesView asked(question.properties);
    mqtt::Properties back;
    back.binary(PropertyId::correlation_data, *asked.binary(PropertyId::correlation_data));
    server.publish(std::string(*asked.text(PropertyId::response_topic)), "!", kQos1, false, back);
    const auto answer = asker.receive();
    EXPECT_EQ(answer.payload, "!");
    EXPECT_EQ(as_text(*mqtt::PropertiesView(answer.properties).binary(PropertyId::correlation_data)), "42");
}

TEST_F(Version5, DoesNotSendBackAnOwnRetainedMessageWithNoLocal) {
    auto c = client(v5("own"));
    c.publish("kept", "mine", kQos1, true);
    c.subscribe("kept", kQos1, {.filter = {}, .qos = {}, .no_local = true});
    EXPECT_TRUE(c.nothing_waits());
    auto other = client(v5("other"));
    other.subscribe("kept", kQos1, {.filter = {}, .qos = {}, .no_local = true});
    EXPECT_EQ(other.receive().payload, "mine");
}

TEST_F(Version5, GivesEachOverlappingIdentifierAndTheHighestQos) {
    auto sub = client(v5("overlap"));
    sub.subscribe("o/#", kQos0, {}, 7);
    sub.subscribe("o/x", kQos1);
    auto pub = client("pub");
    pub.publish("o/x", "m", kQos1);
    const auto got = sub.receive();
    EXPECT_EQ(got.qos, kQos1);
    EXPECT_EQ(mqtt::PropertiesView(got.properties).number(PropertyId::subscription_identifier), 7U);
    EXPECT_TRUE(sub.nothing_waits());
}

class WithResponseInformation : public StandardBroker {
protected:
    static Config config() {
        auto c = test_config(Mode::standard);
        c.settings.response_information = "answers";
        return c;
    }
    WithResponseInformation() : StandardBroker(config()) {}
};

TEST_F(WithResponseInformation, TellsItToThoseWhoAsk) {
    auto options = v5("asks");
    options.properties.number(PropertyId::request_response_information, 1);
    TestClient asks(broker_.port());
    const auto told = asks.connect(options);
    EXPECT_EQ(mqtt::PropertiesView(told.properties).text(PropertyId::response_information), "answers/asks");
    TestClient silent(broker_.port());
    const auto other = silent.connect(v5("silent"));
    EXPECT_FALSE(mqtt::PropertiesView(other.properties).text(PropertyId::response_information));
}

// The service's own numbers for MQTT 5.
class Apsara5 : public StandardBroker {
protected:
    Apsara5() : StandardBroker(test_config(Mode::apsara)) {}
    Connack ask(ConnectOptions options) {
        TestClient c(broker_.port());
        options.client_id = "GID_test@@@numbers";
        return c.connect(options);
    }
};

TEST_F(Apsara5, KeepsServerKeepAliveBetweenOneAndEightMinutes) {
    const std::pair<std::uint16_t, std::optional<std::uint32_t>> cases[] = {
        {10, 60U}, {60, std::nullopt}, {90, std::nullopt}, {480, std::nullopt}, {481, 480U}, {0, 480U}};
    for (const auto& [asked, told] : cases) {
        auto options = v5("");
        options.keep_alive = asked;
        EXPECT_EQ(ask(options).number(PropertyId::server_keep_alive), told) << asked;
    }
}

TEST_F(Apsara5, KeepsSessionExpiryBetweenTenMinutesAndItsMaximum) {
    const std::pair<std::uint32_t, std::optional<std::uint32_t>> cases[] = {
        {0, std::nullopt}, {1, 600U}, {600, std::nullopt}, {0xFFFF'FFFF, 2'147'483'647U}};
    for (const auto& [asked, told] : cases) {
        auto options = v5("");
        options.properties.number(PropertyId::session_expiry_interval, asked);
        EXPECT_EQ(ask(options).number(PropertyId::session_expiry_interval), told) << asked;
    }
}

TEST_F(Apsara5, KeepsMessageExpiryBetweenAMinuteAndThreeDays) {
    auto sub = client(v5("GID_test@@@sub"));
    sub.subscribe("esl_task/x", kQos1);
    auto pub = client(v5("GID_test@@@pub"));
    const std::pair<std::uint32_t, std::uint32_t> cases[] = {{1, 60}, {100, 100}, {1'000'000, 3 * 24 * 3'600}};
    for (const auto& [asked, given] : cases) {
        mqtt::Properties properties;
        properties.number(PropertyId::message_expiry_interval, asked);
        pub.publish("esl_task/x", "m", kQos1, false, properties);
        const auto got = sub.receive();
        const auto left = mqtt::PropertiesView(got.properties).number(PropertyId::message_expiry_interval);
        ASSERT_TRUE(left);
        EXPECT_LE(*left, given);
        EXPECT_GE(*left + 5, given);
    }
}

TEST_F(Apsara5, UsesNoAliasesForAClientThatWantsMoreThanThirty) {
    auto pub = client(v5("GID_test@@@pub"));
    for (const std::uint32_t most : {30U, 31U}) {
        auto options = v5("GID_test@@@sub");
        options.properties.number(PropertyId::topic_alias_maximum, most);
        auto sub = client(options);
        sub.subscribe("esl_task/x", kQos1);
        pub.publish("esl_task/x", "m", kQos1);
        EXPECT_EQ(alias_of(sub.receive()).has_value(), most == 30U);
        sub.disconnect();
    }
}

TEST_F(Apsara5, ClosesWithTopicNameErrorForAnAliasAboveThirty) {
    auto c = client(v5("GID_test@@@c"));
    mqtt::Properties alias;
    alias.number(PropertyId::topic_alias, 31);
    EXPECT_THROW(c.publish("esl_task/x", "m", kQos1, false, alias), std::runtime_error);
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::topic_name_invalid);
}

struct DataFolder {
    esl::testing::TempDir folder;
};

class MessageIds : protected DataFolder, public StandardBroker {
protected:
    MessageIds() : StandardBroker(config(folder / "data")) {}
    static Config config(const std::filesystem::path& data) {
        auto out = test_config(Mode::standard);
        out.settings.message_id_property = "msgId";
        out.data = data;
        out.admin = "127.0.0.1:0";
        return out;
    }
    static std::vector<std::string> ids_of(const Received& got) {
        std::vector<std::string> out;
        const mqtt::PropertiesView properties(got.properties);
        for (auto it = properties.begin(); it != properties.end(); ++it) {
            if (it->id == PropertyId::user_property && it->name == "msgId") out.emplace_back(it->text);
        }
        return out;
    }
    static std::string id_of(const Received& got) {
        const auto ids = ids_of(got);
        return ids.empty() ? "" : ids.back();
    }
    std::string traced(const std::string& id) {
        http::Client http(broker_.admin(),
                          {.headers = {{"Authorization", "Bearer " + read_admin_key(folder / "data/admin.key")}}});
        const auto rows = nlohmann::json::parse(http.get("/api/v1/traces/messages?message=" + id)->body)["items"];
        std::string actions;
        for (const auto& row : rows) actions += row["action"].get<std::string>() + " ";
        return actions;
    }
};

TEST_F(MessageIds, StandInAUserPropertyThatNamesTheMessageInTheTraces) {
    auto sub = client(v5("sub"));
    auto aliased = v5("aliased");
    aliased.properties.number(PropertyId::topic_alias_maximum, 2);
    auto other = client(aliased);
    auto old = client("old");
    for (auto* c : {&sub, &other, &old}) c->subscribe("a/#", kQos2);
    auto pub = client(v5("pub"));
    std::set<std::string> seen;
    for (const auto qos : {kQos0, kQos1, kQos2}) {
        pub.publish("a/b", "x", qos);
        const auto id = id_of(sub.receive());
        EXPECT_EQ(id.size(), 32U);
        EXPECT_EQ(id_of(other.receive()), id);
        EXPECT_EQ(old.receive().payload, "x");
        EXPECT_TRUE(seen.insert(id).second);
        EXPECT_NE(traced(id).find("pub_mqtt "), std::string::npos) << traced(id);
    }
}

TEST_F(MessageIds, ComeLastAndLeaveThePublishersOwnPropertiesAlone) {
    auto sub = client(v5("sub"));
    sub.subscribe("a", kQos1);
    mqtt::Properties forged;
    forged.user("msgId", "forged").user("k", "v");
    client(v5("pub")).publish("a", "x", kQos1, false, forged);
    const auto ids = ids_of(sub.receive());
    ASSERT_EQ(ids.size(), 2U);
    EXPECT_EQ(ids.front(), "forged");
    EXPECT_EQ(ids.back().size(), 32U);
}

TEST_F(MessageIds, AreTheSameWhenTheMessageWaitsOrComesAgain) {
    auto options = v5("away");
    options.clean = false;
    options.properties.number(PropertyId::session_expiry_interval, 1'000);
    auto here = client(v5("here"));
    here.subscribe("a", kQos1);
    auto away = client(options);
    away.subscribe("a", kQos1);
    away.drop();
    client("pub").publish("a", "x", kQos1);
    const auto id = id_of(here.receive());
    auto back = client(options);
    EXPECT_EQ(id_of(back.receive()), id);
}

TEST_F(Version5, SendsNoMessageIdsUnlessAskedTo) {
    auto sub = client(v5("sub"));
    sub.subscribe("a", kQos1);
    client("pub").publish("a", "x", kQos1);
    EXPECT_TRUE(sub.receive().properties.empty());
}

}  // namespace
}  // namespace esl::broker::testing
