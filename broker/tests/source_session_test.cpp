// The receiving client of inbound rules, packet by packet, as MQTT 3.1.1 and 5.0 have it for clients.
#include "broker/rules/source_session.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

using mqtt::AnyPacket;
using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;
using std::chrono::seconds;

// The other broker, of which every word is the test's.
class Source {
public:
    explicit Source(ProtocolVersion version = ProtocolVersion::v311)
        : version_(version),
          session_({.version = version, .client_id = "bridge", .user = "u", .password = "p", .filter = "a/#"},
                   [this](std::uint64_t ticket, const mqtt::PublishView& packet) {
                       tickets.push_back(ticket);
                       topics.emplace_back(packet.topic);
                   }) {}

    Result<> say(const AnyPacket& packet) { return say_all({packet}); }
    Result<> say_all(const std::vector<AnyPacket>& packets) {
        Bytes bytes;
        for (const auto& packet : packets) EXPECT_TRUE(mqtt::encode_any(packet, version_, bytes));
        return session_.receive(bytes, now);
    }
    Result<> publish(mqtt::PacketId id, QoS qos = QoS::at_least_once, bool dup = false) {
        return say(publication(id, qos, dup));
    }
    static AnyPacket publication(mqtt::PacketId id, QoS qos = QoS::at_least_once, bool dup = false) {
        return {PacketType::publish, mqtt::PublishView{.topic = "a/b", .packet_id = id, .qos = qos, .dup = dup}};
    }
    Result<> pubrel(mqtt::PacketId id) { return say({PacketType::pubrel, mqtt::AckView{.packet_id = id}}); }
    // CONNECT, CONNACK and, where it is asked for, SUBACK.
    void up(bool session_present = false, const mqtt::Properties& properties = {}) {
        session_.connect(now);
        heard();
        ASSERT_TRUE(say(
            {PacketType::connack, mqtt::ConnackView{.session_present = session_present, .properties = properties}}));
        if (heard().empty()) return;
        const std::uint8_t granted = 1;
        ASSERT_TRUE(say({PacketType::suback, mqtt::SubackView{.packet_id = 1, .reasons = {&granted, 1}}}));
        ASSERT_TRUE(session_.subscribed());
    }
    // What it has sent since: "PUBACK 7", "DISCONNECT 82".
    std::vector<std::string> heard() {
        std::vector<std::string> out;
        BytesView left(session_.output());
        while (!left.empty()) {
            const auto frame = mqtt::unframe(left, left.size());
            EXPECT_TRUE(frame && frame->complete());
            const auto packet = mqtt::decode_any(frame->frame, version_);
            EXPECT_TRUE(packet) << packet.error().message();
            out.emplace_back(mqtt::name(packet->type));
            if (const auto* ack = std::get_if<mqtt::AckView>(&packet->packet)) {
                out.back() += " " + std::to_string(ack->packet_id);
                if (ack->reason != ReasonCode::success) out.back().append(", ").append(mqtt::name(ack->reason));
            }
            if (const auto* end = std::get_if<mqtt::DisconnectView>(&packet->packet))
                out.back().append(": ").append(mqtt::name(end->reason));
            left = left.subspan(frame->frame.size);
        }
        session_.output().clear();
        return out;
    }
    SourceSession* operator->() { return &session_; }

    std::vector<std::uint64_t> tickets;
    std::vector<std::string> topics;
    SteadyTime now{seconds(1'000)};

private:
    ProtocolVersion version_;
    SourceSession session_;
};

using Words = std::vector<std::string>;

TEST(SourceSession, SaysWhoItIsAndKeepsItsSession) {
    Source source(ProtocolVersion::v5);
    source->connect(source.now);
    const auto bytes = source->output();
    const auto frame = mqtt::unframe(bytes, bytes.size());
    const auto packet = mqtt::decode_connect(frame->frame);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->version, ProtocolVersion::v5);
    EXPECT_FALSE(packet->clean_start);
    EXPECT_EQ(packet->client_id, "bridge");
    EXPECT_EQ(packet->user_name, "u");
    EXPECT_EQ(packet->keep_alive.count(), 60);
    EXPECT_EQ(packet->properties.number(PropertyId::session_expiry_interval), 0xFFFF'FFFF);
    EXPECT_EQ(packet->properties.number(PropertyId::receive_maximum), SourceSession::kWindow);
}

TEST(SourceSession, SubscribesOnceASession) {
    Source source;
    source.up();
    source->connect(source.now);
    source.heard();
    ASSERT_TRUE(source.say({PacketType::connack, mqtt::ConnackView{.session_present = true}}));
    EXPECT_EQ(source.heard(), Words{});  // the filter stands: what is retained would come once more
    EXPECT_TRUE(source->subscribed());
    source->connect(source.now);
    source.heard();
    ASSERT_TRUE(source.say({PacketType::connack, mqtt::ConnackView{}}));
    EXPECT_EQ(source.heard(), Words{"SUBSCRIBE"});
    EXPECT_FALSE(source->subscribed());
}

TEST(SourceSession, AcknowledgesWhatIsStoredInTheOrderItCame) {
    Source source;
    source.up();
    ASSERT_TRUE(
        source.say_all({Source::publication(7), Source::publication(8, QoS::exactly_once), Source::publication(9)}));
    EXPECT_EQ(source.heard(), Words{});
    source->stored(source.tickets[2]);
    source->stored(source.tickets[1]);
    EXPECT_EQ(source.heard(), Words{});
    source->stored(source.tickets[0]);
    EXPECT_EQ(source.heard(), (Words{"PUBACK 7", "PUBREC 8", "PUBACK 9"}));
}

TEST(SourceSession, TakesAQos2MessageOnceHoweverOftenItComes) {
    Source source;
    source.up();
    ASSERT_TRUE(source.publish(7, QoS::exactly_once));
    ASSERT_TRUE(source.publish(7, QoS::exactly_once, true));  // before PUBREC
    source->stored(source.tickets[0]);
    EXPECT_EQ(source.heard(), Words{"PUBREC 7"});
    ASSERT_TRUE(source.publish(7, QoS::exactly_once, true));  // after it
    EXPECT_EQ(source.heard(), Words{"PUBREC 7"});
    source.up(true);
    ASSERT_TRUE(source.publish(7, QoS::exactly_once, true));  // on the next connection
    EXPECT_EQ(source.heard(), Words{"PUBREC 7"});
    ASSERT_TRUE(source.pubrel(7));
    EXPECT_EQ(source.heard(), Words{"PUBCOMP 7"});
    EXPECT_EQ(source.tickets.size(), 1U);
    ASSERT_TRUE(source.publish(7, QoS::exactly_once));  // another message
    EXPECT_EQ(source.tickets.size(), 2U);
}

TEST(SourceSession, AnswersAPubrelThatItKnowsNothingOf) {
    Source source;
    source.up(true);
    ASSERT_TRUE(source.pubrel(7));
    EXPECT_EQ(source.heard(), Words{"PUBCOMP 7"});
    Source newer(ProtocolVersion::v5);
    newer.up(true);
    ASSERT_TRUE(newer.pubrel(7));
    EXPECT_EQ(newer.heard(), Words{"PUBCOMP 7, packet identifier not found"});
}

// The store answers after the connection over which the message came has gone.
TEST(SourceSession, HandsAMessageOverOnceThatComesAgainWhileItIsBeingStored) {
    Source source;
    source.up();
    ASSERT_TRUE(source.say_all({Source::publication(7), Source::publication(8)}));
    source.up(true);
    source->stored(source.tickets[1]);
    EXPECT_EQ(source.heard(), Words{});
    ASSERT_TRUE(source.say_all(
        {Source::publication(7, QoS::at_least_once, true), Source::publication(8, QoS::at_least_once, true)}));
    EXPECT_EQ(source.tickets.size(), 2U);
    source->stored(source.tickets[0]);
    EXPECT_EQ(source.heard(), (Words{"PUBACK 7", "PUBACK 8"}));
}

TEST(SourceSession, AcknowledgesOnTheNextConnectionWhatWasStoredBetweenTheTwo) {
    Source source;
    source.up();
    ASSERT_TRUE(source.publish(7));
    source->lost();
    source->stored(source.tickets[0]);
    EXPECT_EQ(source.heard(), Words{});
    source.up(true);
    ASSERT_TRUE(source.publish(7, QoS::at_least_once, true));
    EXPECT_EQ(source.tickets.size(), 1U);
    EXPECT_EQ(source.heard(), Words{"PUBACK 7"});
}

TEST(SourceSession, ForgetsItsPacketIdsWhenTheOtherBrokerHasLostTheSession) {
    Source source;
    source.up();
    ASSERT_TRUE(source.publish(7));
    source.up(false);
    ASSERT_TRUE(source.publish(7));
    EXPECT_EQ(source.tickets.size(), 2U);
    source->stored(source.tickets[0]);
    EXPECT_EQ(source.heard(), Words{});  // that was the lost session's
    source->stored(source.tickets[1]);
    EXPECT_EQ(source.heard(), Words{"PUBACK 7"});
}

TEST(SourceSession, TakesAMessageAgainThatTheStoreRefused) {
    Source source;
    source.up();
    ASSERT_TRUE(source.say_all({Source::publication(7), Source::publication(8)}));
    EXPECT_TRUE(source->not_stored(source.tickets[0]));
    source->stored(source.tickets[1]);
    EXPECT_EQ(source.heard(), Words{});
    source.up(true);
    ASSERT_TRUE(source.say_all(
        {Source::publication(7, QoS::at_least_once, true), Source::publication(8, QoS::at_least_once, true)}));
    ASSERT_EQ(source.tickets.size(), 3U);  // 8 is stored already
    source->stored(source.tickets[2]);
    EXPECT_EQ(source.heard(), (Words{"PUBACK 7", "PUBACK 8"}));
}

TEST(SourceSession, ReadsNoFurtherThanItsWindow) {
    Source source;
    source.up();
    std::vector<AnyPacket> many;
    for (mqtt::PacketId id = 1; id <= SourceSession::kWindow + 1; ++id) many.push_back(Source::publication(id));
    ASSERT_TRUE(source.say_all(many));
    EXPECT_EQ(source.tickets.size(), SourceSession::kWindow);
    EXPECT_TRUE(source->full());
    source->stored(source.tickets[0]);
    EXPECT_FALSE(source->full());
    ASSERT_TRUE(source->receive({}, source.now));
    EXPECT_EQ(source.tickets.size(), SourceSession::kWindow + 1);
}

TEST(SourceSession, LeavesABrokerThatSendsMoreThanTheReceiveMaximum) {
    Source source(ProtocolVersion::v5);
    source.up();
    // What is stored is still unanswered, for the first of them is not.
    ASSERT_TRUE(source.publish(1));
    for (mqtt::PacketId id = 2; id <= SourceSession::kWindow; ++id) {
        ASSERT_TRUE(source.publish(id));
        source->stored(source.tickets.back());
    }
    EXPECT_FALSE(source.publish(SourceSession::kWindow + 1));
    EXPECT_EQ(source.heard(), Words{"DISCONNECT: receive maximum exceeded"});
}

TEST(SourceSession, PingsWithinTheKeepAliveAndMissesTheAnswer) {
    Source source;
    source.up();
    for (int i = 0; i < 20; ++i) {
        source.now += SourceSession::kAnswerWithin;
        ASSERT_TRUE(source->tick(source.now));
        ASSERT_EQ(source.heard(), Words{"PINGREQ"});
        ASSERT_TRUE(source.say({PacketType::pingresp, {}}));
    }
    source.now = source->due();
    ASSERT_TRUE(source->tick(source.now));
    source.now += SourceSession::kAnswerWithin;
    const auto silent = source->tick(source.now);
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().message(), "no answer: to PINGREQ");
}

TEST(SourceSession, UsesTheServersKeepAlive) {
    Source source(ProtocolVersion::v5);
    mqtt::Properties properties;
    properties.number(PropertyId::server_keep_alive, 4);
    source.up(false, properties);
    EXPECT_EQ(source->due(), source.now + seconds(2));
}

// A broker that is not read cannot be heard: that is not its silence.
TEST(SourceSession, DoesNotMissTheAnswerWhileItIsFull) {
    Source source;
    source.up();
    std::vector<AnyPacket> many;
    for (mqtt::PacketId id = 1; id <= SourceSession::kWindow; ++id) many.push_back(Source::publication(id));
    ASSERT_TRUE(source.say_all(many));
    for (int i = 0; i < 10; ++i) {
        source.now = source->due();
        ASSERT_TRUE(source->tick(source.now));
    }
    for (const auto ticket : source.tickets) source->stored(ticket);
    source.heard();
    ASSERT_TRUE(source.say({PacketType::pingresp, {}}));
    source.now = source->due();
    EXPECT_TRUE(source->tick(source.now));
}

TEST(SourceSession, MissesAnswersToConnectAndSubscribe) {
    Source source;
    source->connect(source.now);
    EXPECT_EQ(source->due(), source.now + SourceSession::kAnswerWithin);
    EXPECT_EQ(source->tick(source->due()).error().message(), "no answer: to CONNECT");
    source->connect(source.now);
    ASSERT_TRUE(source.say({PacketType::connack, mqtt::ConnackView{}}));
    EXPECT_EQ(source->tick(source->due()).error().message(), "no answer: to SUBSCRIBE");
}

TEST(SourceSession, SaysWhyItWasRefused) {
    Source source;
    source->connect(source.now);
    const auto refused =
        source.say({PacketType::connack, mqtt::ConnackView{.reason = ReasonCode::bad_user_name_or_password}});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(SourceError::refused)) << refused.error().message();
    source->connect(source.now);
    ASSERT_TRUE(source.say({PacketType::connack, mqtt::ConnackView{}}));
    source.heard();
    const std::uint8_t failure = 0x80;
    const auto filter = source.say({PacketType::suback, mqtt::SubackView{.packet_id = 1, .reasons = {&failure, 1}}});
    ASSERT_FALSE(filter);
    EXPECT_TRUE(filter.error().is(SourceError::refused));
    EXPECT_NE(filter.error().message().find("filter a/#"), std::string::npos);
    EXPECT_EQ(source.heard(), Words{"DISCONNECT: success"});
    Source newer(ProtocolVersion::v5);
    newer.up();
    const auto told = newer.say({PacketType::disconnect, mqtt::DisconnectView{.reason = ReasonCode::server_busy}});
    EXPECT_TRUE(told.error().is(SourceError::ended)) << told.error().message();
    EXPECT_EQ(newer.heard(), Words{});  // none in return
}

TEST(SourceSession, SendsNothingLongerThanTheOtherBrokerTakes) {
    Source source(ProtocolVersion::v5);
    source->connect(source.now);
    source.heard();
    mqtt::Properties properties;
    properties.number(PropertyId::maximum_packet_size, 8);
    const auto refused = source.say({PacketType::connack, mqtt::ConnackView{.properties = properties}});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(SourceError::refused));
    EXPECT_EQ(source.heard(), Words{"DISCONNECT: success"});
}

// One row for each thing that a server must not send; of 3.1.1 the connection just closes, of 5 it is told why.
TEST(SourceSession, LeavesABrokerThatBreaksTheProtocol) {
    mqtt::Properties alias;
    alias.number(PropertyId::topic_alias, 1);
    const std::uint8_t granted = 1;
    struct Row {
        const char* name;
        AnyPacket packet;
        const char* reason = "protocol error";
        bool only_5 = false;
    };
    const std::vector<Row> rows{
        {"second CONNACK", {PacketType::connack, mqtt::ConnackView{}}},
        {"CONNECT", {PacketType::connect, mqtt::ConnectView{.client_id = "x"}}},
        {"PINGREQ", {PacketType::pingreq, {}}},
        {"PUBACK", {PacketType::puback, mqtt::AckView{.packet_id = 1}}},
        {"PUBREC", {PacketType::pubrec, mqtt::AckView{.packet_id = 1}}},
        {"PUBCOMP", {PacketType::pubcomp, mqtt::AckView{.packet_id = 1}}},
        {"SUBACK for nothing", {PacketType::suback, mqtt::SubackView{.packet_id = 2, .reasons = {&granted, 1}}}},
        {"the id of 5 at another QoS", Source::publication(5, QoS::exactly_once)},
        {"PUBREL before PUBREC", {PacketType::pubrel, mqtt::AckView{.packet_id = 6}}},
        {"AUTH", {PacketType::auth, mqtt::AuthView{}}, "protocol error", true},
        {"a topic alias",
         {PacketType::publish, mqtt::PublishView{.topic = "a/b", .properties = alias}},
         "topic alias invalid",
         true}};
    for (const auto version : {ProtocolVersion::v311, ProtocolVersion::v5}) {
        for (const auto& row : rows) {
            if (row.only_5 && version != ProtocolVersion::v5) continue;
            SCOPED_TRACE(row.name);
            Source source(version);
            source.up();
            ASSERT_TRUE(source.publish(5));
            ASSERT_TRUE(source.publish(6, QoS::exactly_once));
            const auto left = source.say(row.packet);
            ASSERT_FALSE(left);
            EXPECT_TRUE(left.error().is(SourceError::protocol)) << left.error().message();
            EXPECT_EQ(source.heard(),
                      version == ProtocolVersion::v5 ? Words{std::string("DISCONNECT: ") + row.reason} : Words{});
        }
    }
    Source early;
    early->connect(early.now);
    EXPECT_TRUE(early.publish(1).error().is(SourceError::protocol));  // before CONNACK
    Source torn(ProtocolVersion::v5);
    torn.up();
    const Bytes type_0{0x00, 0x00};
    EXPECT_TRUE(torn->receive(type_0, torn.now).error().is(SourceError::protocol));
    EXPECT_EQ(torn.heard(), Words{"DISCONNECT: malformed packet"});
    const Bytes after{0x30, 0x00};
    EXPECT_TRUE(torn->receive(after, torn.now));  // and nothing is said or heard any more
    EXPECT_EQ(torn.heard(), Words{});
}

TEST(SourceSession, FindsPacketsHoweverTheBytesAreCut) {
    Bytes bytes;
    for (const auto& packet : {Source::publication(7), Source::publication(8, QoS::exactly_once)})
        ASSERT_TRUE(mqtt::encode_any(packet, ProtocolVersion::v311, bytes));
    esl::testing::for_every_split(bytes, [](BytesView a, BytesView b) {
        Source source;
        source.up();
        ASSERT_TRUE(source->receive(a, source.now));
        ASSERT_TRUE(source->receive(b, source.now));
        EXPECT_EQ(source.topics, (Words{"a/b", "a/b"}));
    });
}

}  // namespace
}  // namespace esl::broker
