// Grants in the session core: what is asked on PUBLISH, SUBSCRIBE and for wills, and tokens as their time passes.
#include <gtest/gtest.h>

#include "broker/ports/authenticator.hpp"
#include "broker/tests/rig.hpp"

namespace esl::broker {
namespace {

using namespace testing;  // NOLINT: the rig

constexpr auto kQos1 = QoS::at_least_once;

GrantPtr user(const std::vector<AccessRule>& rules) {
    return new Grant(Grant::Kind::user, "u", std::make_shared<const AccessList>(rules));
}

class Client {
public:
    Client(Rig& rig, GrantPtr grant, ProtocolVersion version = ProtocolVersion::v311, bool clean = true,
           const char* will = nullptr)
        : rig_(rig), version_(version) {
        link.version = version;
        mqtt::ConnectView connect;
        connect.version = version;
        connect.client_id = kId;
        connect.clean_start = clean;
        if (will != nullptr) connect.will = mqtt::WillView{.topic = will};
        session = rig_.hub(kId).connect(link, connect, std::move(grant));
        rig_.settle();
        said = link.look();
    }
    std::vector<Packet> publish(const std::string& topic, QoS qos = kQos1, const std::string& payload = "m") {
        Bytes bytes;
        EXPECT_TRUE(mqtt::encode_publish({.topic = topic,
                                          .payload = as_bytes(payload),
                                          .packet_id = qos == QoS::at_most_once ? mqtt::PacketId{0} : mqtt::PacketId{1},
                                          .qos = qos},
                                         version_, bytes));
        return feed(bytes);
    }
    std::vector<Packet> subscribe(const std::string& filter) {
        Bytes bytes;
        const mqtt::SubscriptionView filters[] = {{.filter = filter, .qos = kQos1}};
        EXPECT_TRUE(mqtt::encode_subscribe(1, filters, {}, version_, bytes));
        return feed(bytes);
    }
    std::vector<Packet> feed(BytesView bytes) {
        const auto unframed = mqtt::unframe(bytes, 1UL << 24);
        EXPECT_TRUE(unframed && unframed->complete() && session != nullptr);
        if (!rig_.hub(kId).packet(*session, unframed->frame)) session = nullptr;
        rig_.settle();
        // The reasons of SUBACK are its last bytes.
        last_byte = link.out.empty() ? std::uint8_t{0} : link.out.back();
        return link.look();
    }
    void lose() {
        rig_.hub(kId).lost(*session, CloseCause::socket_error);
        session = nullptr;
        rig_.settle();
    }

    static constexpr const char* kId = "GID_test@@@c";
    FakeLink link;
    Session* session = nullptr;
    std::vector<Packet> said;
    std::uint8_t last_byte = 0;

private:
    Rig& rig_;
    ProtocolVersion version_;
};

Settings apsara() {
    return Settings::defaults(Mode::apsara);
}

class GrantsOfApsara : public ::testing::Test {
protected:
    GrantsOfApsara() {
        auto registry = std::make_shared<Registry>();
        EXPECT_TRUE(registry->add_group("GID_test"));
        EXPECT_TRUE(registry->add_parent("task"));
        EXPECT_TRUE(registry->add_parent("report"));
        rig.hub(Client::kId).set_registry(registry);
    }
    // Expires in that long.
    GrantPtr token(const std::string& type, std::vector<AccessRule> rules, std::chrono::seconds life) {
        std::vector<HeldToken> tokens{
            {.type = type, .id = "t", .expires = rig.clock.wall() + life, .rules = std::move(rules)}};
        return new Grant("AK|mqtt-1", std::move(tokens));
    }
    void pass(std::chrono::seconds time) {
        rig.clock.advance(time);
        rig.hub(Client::kId).tick();
        rig.settle();
    }
    Rig rig{apsara()};
};

TEST_F(GrantsOfApsara, CloseTheConnectionOnAPublishWithoutPermission) {
    for (const auto qos : {QoS::at_most_once, kQos1, QoS::exactly_once}) {
        Client c(rig, user({{.filter = "report/+", .access = Access::publish}}));
        EXPECT_EQ(c.publish("report/a").at(0).type, PacketType::puback);
        EXPECT_TRUE(c.publish("task/a", qos).empty());
        EXPECT_EQ(c.link.closed, CloseCause::resource_auth_failed);
    }
    Client v5(rig, user({}), ProtocolVersion::v5);
    EXPECT_EQ(v5.publish("task/a").at(0).reason, ReasonCode::not_authorized);  // DISCONNECT
    EXPECT_EQ(rig.counter(&Counters::publishes_refused_total), 4U);
}

TEST_F(GrantsOfApsara, CloseTheConnectionOnASubscribeWithoutPermission) {
    Client c(rig, user({{.filter = "report/+", .access = Access::subscribe}}));
    EXPECT_EQ(c.subscribe("report/a").at(0).type, PacketType::suback);
    EXPECT_EQ(c.subscribe("task/p2p/GID_test@@@c").at(0).type,
              PacketType::suback);  // P2P needs no permission to receive
    EXPECT_TRUE(c.subscribe("report/#").empty());
    EXPECT_EQ(c.link.closed, CloseCause::resource_auth_failed);
    EXPECT_EQ(rig.counter(&Counters::subscribes_refused_total), 1U);
}

TEST_F(GrantsOfApsara, APointToPointPublishNeedsTheParentAndItsReceiverNothing) {
    Client c(rig, user({{.filter = "task", .access = Access::publish}}));
    const auto got = c.publish("task/p2p/GID_test@@@c");
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].type, PacketType::publish);
    EXPECT_EQ(got[1].type, PacketType::puback);
    c.publish("report/p2p/GID_test@@@c");
    EXPECT_EQ(c.link.closed, CloseCause::resource_auth_failed);
}

TEST_F(GrantsOfApsara, RefuseAWillWithoutPermissionAtConnect) {
    Client good(rig, user({{.filter = "report/#", .access = Access::publish}}), ProtocolVersion::v311, true,
                "report/gone");
    EXPECT_EQ(good.said.at(0).reason, ReasonCode::success);
    good.lose();
    Client bad(rig, user({{.filter = "report/#", .access = Access::publish}}), ProtocolVersion::v311, true,
               "task/gone");
    EXPECT_EQ(bad.session, nullptr);
    EXPECT_EQ(bad.said.at(0).reason, ReasonCode::not_authorized);
    EXPECT_EQ(bad.link.closed, CloseCause::not_authorized);
}

TEST_F(GrantsOfApsara, SayWhichTokenFailsBeforeClosing) {
    const std::vector<AccessRule> write{{.filter = "report/#", .access = Access::publish}};
    Client other(rig, token("W", write, std::chrono::hours(1)));
    auto got = other.publish("task/a");
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].topic, "$SYS/tokenInvalidNotice");
    EXPECT_EQ(got[0].payload, R"({"code":4,"type":"W"})");
    EXPECT_EQ(other.link.closed, CloseCause::resource_auth_failed);
    Client direction(rig, token("W", write, std::chrono::hours(1)));
    got = direction.subscribe("report/a");
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].payload, R"({"code":5,"type":"W"})");
    EXPECT_EQ(direction.link.closed, CloseCause::resource_auth_failed);
}

TEST_F(GrantsOfApsara, GiveNoticeFiveMinutesBeforeATokenExpiresAndCloseWhenItHas) {
    Client c(rig, token("RW", {{.filter = "task"}}, std::chrono::hours(1)));
    EXPECT_EQ(c.said.size(), 1U);
    pass(std::chrono::minutes(54));
    EXPECT_TRUE(c.link.look().empty());
    const auto expires = to_millis(rig.clock.wall() + std::chrono::minutes(6));
    pass(std::chrono::minutes(1));
    auto got = c.link.look();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].topic, "$SYS/tokenExpireNotice");
    EXPECT_EQ(got[0].payload, "{\"expireTime\":" + std::to_string(expires) + ",\"type\":\"RW\"}");
    pass(std::chrono::minutes(4));
    EXPECT_TRUE(c.link.look().empty());  // once
    EXPECT_FALSE(c.link.closed);
    pass(std::chrono::minutes(1));
    got = c.link.look();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].topic, "$SYS/tokenInvalidNotice");
    EXPECT_EQ(got[0].payload, R"({"code":2,"type":"RW"})");
    EXPECT_EQ(c.link.closed, CloseCause::not_authorized);
}

// Answers uploads with what the test says.
struct Uploads final : Authenticator {
    [[nodiscard]] std::optional<Login> check(const Credentials&, Later) override { return Login{}; }
    [[nodiscard]] TokenUpload upload_token(const Grant&, std::string_view, std::string_view body) override {
        last = body;
        return answer;
    }
    TokenUpload answer;
    std::string last;
};

TEST_F(GrantsOfApsara, TakeANewTokenInPlaceOfTheOldOne) {
    Uploads uploads;
    rig.authenticator = &uploads;
    rig.remake_shards();
    auto registry = std::make_shared<Registry>();
    EXPECT_TRUE(registry->add_group("GID_test") && registry->add_parent("task") && registry->add_parent("report"));
    rig.hub(Client::kId).set_registry(registry);
    Client c(rig, token("W", {{.filter = "task"}}, std::chrono::minutes(10)));
    uploads.answer.grant = token("W", {{.filter = "report"}}, std::chrono::hours(2));
    EXPECT_EQ(c.publish("$SYS/uploadToken", kQos1, "a token").at(0).type, PacketType::puback);
    EXPECT_EQ(uploads.last, "a token");
    pass(std::chrono::minutes(30));  // the first one would have ended
    EXPECT_TRUE(c.link.look().empty());
    EXPECT_EQ(c.publish("report").at(0).type, PacketType::puback);
    uploads.answer = {.grant = {}, .fault = TokenFault::forged, .type = "R"};
    const auto got = c.publish("$SYS/uploadToken", kQos1, "another");
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].payload, R"({"code":1,"type":"R"})");
    EXPECT_EQ(c.link.closed, CloseCause::not_authorized);
}

TEST_F(GrantsOfApsara, AnEndedGrantLetsNobodyIn) {
    const auto grant = user({{.filter = "task"}});
    grant->end();
    Client c(rig, grant);
    EXPECT_EQ(c.said.at(0).reason, ReasonCode::not_authorized);
}

TEST_F(GrantsOfApsara, AReplacedListIsInForceAtOnceAndTakesFiltersAway) {
    const auto grant = user({{.filter = "report/#"}});
    Client c(rig, grant, ProtocolVersion::v311, false);
    c.subscribe("report/a");
    const auto old = grant->replace(
        std::make_shared<const AccessList>(std::vector<AccessRule>{{.filter = "report/#", .access = Access::publish}}));
    rig.hub(Client::kId).grant_changed(*grant);
    EXPECT_TRUE(c.session->filters.empty());
    EXPECT_EQ(c.publish("report/a").size(), 1U);  // PUBACK, and no message to itself
    EXPECT_FALSE(c.link.closed);
}

TEST_F(GrantsOfApsara, APersistentSessionKeepsOnlyTheFiltersThatItsNextConnectionMayHold) {
    Client first(rig, {}, ProtocolVersion::v311, false);
    first.subscribe("report/a");
    first.subscribe("task/a");
    first.lose();
    Client second(rig, user({{.filter = "report/#"}}), ProtocolVersion::v311, false);
    ASSERT_EQ(second.session->filters.size(), 1U);
    EXPECT_EQ(second.session->filters[0].filter, "report/a");
}

TEST_F(GrantsOfApsara, CloseTheSessionsThatAnAdministratorNames) {
    Client c(rig, token("RW", {{.filter = "task"}}, std::chrono::hours(1)));
    auto& hub = rig.hub(Client::kId);
    EXPECT_EQ(hub.close_sessions([](const Session& s) { return s.client_id == "x"; }, "no"), 0U);
    EXPECT_EQ(hub.close_sessions([](const Session& s) { return s.client_id == Client::kId; }, "yes"), 1U);
    EXPECT_TRUE(c.link.look().empty());
    EXPECT_EQ(c.link.closed, CloseCause::not_authorized);
}

TEST_F(GrantsOfApsara, ARevokedTokenIsNamedByItsType) {
    std::vector<HeldToken> two{
        {.type = "R", .id = "r", .expires = rig.clock.wall() + std::chrono::hours(1), .rules = {}},
        {.type = "W", .id = "w", .expires = rig.clock.wall() + std::chrono::hours(1), .rules = {}}};
    Client c(rig, new Grant("AK|mqtt-1", std::move(two)));
    rig.hub(Client::kId).token_revoked("another");
    EXPECT_FALSE(c.link.closed);
    rig.hub(Client::kId).token_revoked("w");
    EXPECT_EQ(c.link.look().at(0).payload, R"({"code":3,"type":"W"})");
    EXPECT_EQ(c.link.closed, CloseCause::not_authorized);
}

TEST_F(GrantsOfApsara, AnAccessKeyThatIsGoneTakesItsTokensAlong) {
    const auto of_key = [&](const char* access_key) {
        return new Grant("AK|mqtt-1", {{.type = "R",
                                        .id = "r",
                                        .access_key = access_key,
                                        .expires = rig.clock.wall() + std::chrono::hours(1),
                                        .rules = {}}});
    };
    {
        Client any(rig, of_key(""));
        rig.hub(Client::kId).logins_gone({"AK"});
        EXPECT_FALSE(any.link.closed);
        any.lose();
    }
    Client c(rig, of_key("AK"));
    rig.hub(Client::kId).logins_gone({"XX"});
    EXPECT_FALSE(c.link.closed);
    rig.hub(Client::kId).logins_gone({"XX", "AK"});
    EXPECT_EQ(c.link.look().at(0).payload, R"({"code":-1,"type":"R"})");
    EXPECT_EQ(c.link.closed, CloseCause::not_authorized);
}

TEST(GrantsOfStandard, AnswerWithCodesAndGoOn) {
    Rig rig(Settings::defaults(Mode::standard));
    Client v5(rig, user({{.filter = "a/#", .access = Access::publish}}), ProtocolVersion::v5);
    EXPECT_EQ(v5.publish("b").at(0).reason, ReasonCode::not_authorized);
    EXPECT_EQ(v5.publish("b", QoS::exactly_once).at(0).reason, ReasonCode::not_authorized);
    EXPECT_TRUE(v5.publish("b", QoS::at_most_once).empty());
    EXPECT_EQ(v5.subscribe("a/b").at(0).type, PacketType::suback);
    EXPECT_EQ(v5.last_byte, 0x87);
    EXPECT_FALSE(v5.link.closed);
    v5.lose();
    Client v311(rig, user({{.filter = "a/#", .access = Access::subscribe}}));
    EXPECT_EQ(v311.publish("a/b").at(0).type, PacketType::puback);  // taken and dropped [MQTT-3.3.5-2]
    v311.subscribe("a/#");
    EXPECT_EQ(v311.last_byte, 0x01);
    EXPECT_EQ(v311.publish("a/b").size(), 1U);
    v311.subscribe("b");
    EXPECT_EQ(v311.last_byte, 0x80);
    v311.subscribe("$share/g/b");
    EXPECT_EQ(v311.last_byte, 0x80);
    EXPECT_FALSE(v311.link.closed);
}

}  // namespace
}  // namespace esl::broker
