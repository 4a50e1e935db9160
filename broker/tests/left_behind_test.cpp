// What a killed broker says of its connections when it starts again: wills, and events of those that were told of.
#include <gtest/gtest.h>

#include "broker/tests/fake_client.hpp"

namespace esl::broker::testing {
namespace {

class LeftBehind : public ::testing::TestWithParam<ShardId> {
protected:
    struct WithWill {
        std::string id;
        std::uint32_t delay = 0;
        std::uint32_t session_expiry = 0;
        QoS qos = QoS::at_least_once;
    };
    Session* connect(FakeLink& link, const WithWill& with) {
        Session* session = send_connect(link, with);
        rig_.settle();
        return session;
    }
    Session* send_connect(FakeLink& link, const WithWill& with) {
        link.version = ProtocolVersion::v5;
        mqtt::ConnectView connect;
        connect.version = ProtocolVersion::v5;
        connect.client_id = with.id;
        connect.clean_start = false;
        mqtt::Properties properties;
        properties.number(mqtt::PropertyId::session_expiry_interval, with.session_expiry);
        mqtt::Properties delay;
        delay.number(mqtt::PropertyId::will_delay_interval, with.delay);
        connect.properties = properties;
        connect.will = mqtt::WillView{
            .topic = "w/x", .payload = as_bytes("gone"), .qos = with.qos, .retain = false, .properties = delay};
        return rig_.hub(with.id).connect(link, connect);
    }
    void pass(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            rig_.clock.advance(std::chrono::seconds(1));
            for (ShardId shard = 0; shard < rig_.count; ++shard) rig_.hub(std::to_string(shard)).tick();
        }
        rig_.settle();
    }
    // The persistent watcher's mail since it was last looked at; it is acknowledged.
    std::vector<std::string> mail() {
        FakeClient watcher(rig_, "0watcher", false);
        std::vector<std::string> out;
        auto packets = watcher.early;
        for (const auto& packet : watcher.link.look()) packets.push_back(packet);
        for (const auto& packet : packets) {
            if (packet.type != PacketType::publish) continue;
            out.push_back(packet.payload);
            if (packet.qos == QoS::at_least_once) watcher.ack(PacketType::puback, packet.id);
        }
        watcher.lose();
        return out;
    }
    void start_watching(const std::string& filter) {
        FakeClient watcher(rig_, "0watcher", false);
        watcher.subscribe(filter, QoS::at_least_once);
        watcher.lose();
    }
    void restart() {
        rig_.restart();
        rig_.settle();
    }

    Rig rig_{settings(), GetParam()};

private:
    static Settings settings() {
        auto s = standard();
        s.presence_topic = "events";
        s.presence_groups = {"told"};
        return s;
    }
};

TEST_P(LeftBehind, PublishesTheWillOfACleanConnectionOnce) {
    start_watching("w/#");
    FakeLink link;
    connect(link, {.id = "1dying"});
    EXPECT_EQ(rig_.store.disk.state().wills.size(), 1U);
    restart();
    EXPECT_EQ(mail(), std::vector<std::string>{"gone"});
    EXPECT_TRUE(rig_.store.disk.state().wills.empty());
    restart();
    EXPECT_TRUE(mail().empty());
}

TEST_P(LeftBehind, LetsAClientInWhenItsWillIsOnDiskAndWithoutThatWhenItCannotBe) {
    FakeLink links[2];
    for (const bool good : {true, false}) {
        auto& link = links[good ? 0 : 1];
        const auto id = good ? "1dying" : "2dying";
        send_connect(link, {.id = id});
        rig_.hub(id).end_turn();
        EXPECT_TRUE(link.look().empty());
        rig_.store.commit(good);
        const auto packets = link.look();
        ASSERT_EQ(packets.size(), 1U) << good;
        EXPECT_EQ(packets[0].type, PacketType::connack);
        EXPECT_EQ(packets[0].reason, ReasonCode::success);
    }
}

TEST_P(LeftBehind, KeepsNothingOfAClientThatSaidGoodbyeOrWhoseWillIsOut) {
    start_watching("w/#");
    FakeLink link;
    Session* polite = connect(link, {.id = "1polite"});
    Bytes bytes;
    ASSERT_TRUE(mqtt::encode_disconnect({}, ProtocolVersion::v5, bytes));
    static_cast<void>(rig_.hub("1polite").packet(*polite, mqtt::unframe(bytes, 100)->frame));
    FakeLink other;
    Session* rude = connect(other, {.id = "2rude"});
    rig_.hub("2rude").lost(*rude, CloseCause::socket_error);
    rig_.settle();
    EXPECT_EQ(mail().size(), 1U);
    EXPECT_TRUE(rig_.store.disk.state().wills.empty());
    restart();
    EXPECT_TRUE(mail().empty());
}

TEST_P(LeftBehind, WaitsForTheDelayCountedFromTheEndOfTheConnection) {
    start_watching("w/#");
    FakeLink link;
    connect(link, {.id = "1patient", .delay = 60, .session_expiry = 1'000});
    restart();  // which ended the connection
    pass(58);
    EXPECT_TRUE(mail().empty());
    pass(3);
    EXPECT_EQ(mail().size(), 1U);

    FakeLink second;
    Session* session = connect(second, {.id = "2patient", .delay = 60, .session_expiry = 1'000});
    rig_.hub("2patient").lost(*session, CloseCause::socket_error);
    rig_.settle();
    pass(40);
    restart();
    pass(18);
    EXPECT_TRUE(mail().empty());
    pass(3);
    EXPECT_EQ(mail().size(), 1U);
}

TEST_P(LeftBehind, DropsADelayedWillWhenTheClientReturnsInTime) {
    start_watching("w/#");
    FakeLink link;
    connect(link, {.id = "1back", .delay = 60, .session_expiry = 1'000});
    restart();
    FakeClient back(rig_, "1back", false, ProtocolVersion::v5);  // without a will
    EXPECT_TRUE(rig_.store.disk.state().wills.empty());
    back.lose();
    pass(61);
    EXPECT_TRUE(mail().empty());
}

TEST_P(LeftBehind, LosesNoWillWhenItDiesAgainBeforeTheCommit) {
    start_watching("w/#");
    FakeLink link;
    connect(link, {.id = "1dying", .qos = QoS::exactly_once});
    rig_.restart();  // published, not committed
    rig_.restart();
    rig_.settle();
    EXPECT_EQ(mail().size(), 1U);
    EXPECT_TRUE(rig_.store.disk.state().wills.empty());
}

// The answers of other shards come after the client has.
TEST_P(LeftBehind, KeepsTheWillOfAConnectionWhoseClientReturnedBeforeTheLastOnesWasStored) {
    start_watching("w/#");
    FakeLink first;
    Session* session = connect(first, {.id = "1back", .session_expiry = 1'000});
    rig_.hub("1back").lost(*session, CloseCause::socket_error);
    FakeLink second;
    connect(second, {.id = "1back", .session_expiry = 1'000});
    EXPECT_EQ(mail().size(), 1U);
    restart();
    EXPECT_EQ(mail().size(), 1U);
    EXPECT_TRUE(rig_.store.disk.state().wills.empty());
}

TEST_P(LeftBehind, TellsTheEndOfConnectionsThatWereToldOf) {
    start_watching("events");
    FakeClient told(rig_, "told@@@1");
    FakeClient silent(rig_, "silent@@@1");
    const auto connected = mail();
    ASSERT_EQ(connected.size(), 1U);
    const auto channel = connected[0].substr(connected[0].find("channelId"));
    restart();
    const auto ended = mail();
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_NE(ended[0].find("\"eventType\":\"tcpclean\""), std::string::npos);
    EXPECT_NE(ended[0].find("\"clientId\":\"told@@@1\""), std::string::npos);
    EXPECT_NE(ended[0].find(channel), std::string::npos);  // the same channel and address
    restart();
    EXPECT_TRUE(mail().empty());
}

INSTANTIATE_TEST_SUITE_P(Shards, LeftBehind, ::testing::Values(1U, 3U),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace esl::broker::testing
