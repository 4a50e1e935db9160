// Shared subscriptions, on one shard and on three.
#include "broker/core/shared_groups.hpp"

#include <gtest/gtest.h>

#include <map>

#include "broker/tests/fake_client.hpp"

namespace esl::broker::testing {
namespace {

class Shared : public ::testing::TestWithParam<ShardId> {
protected:
    // A client id lives on the shard that its first digit names.
    static std::string id(unsigned i) { return std::to_string(i % 3) + "m" + std::to_string(i); }
    FakeClient& member(const std::string& name, bool clean = true, QoS qos = QoS::at_least_once) {
        auto& client = clients_.emplace_back(rig_, name, clean, version_);
        client.subscribe("$share/g/t/+", qos);
        return client;
    }
    // What each client has been sent since the last look.
    std::vector<std::string> payloads(FakeClient& client) {
        std::vector<std::string> out;
        for (const auto& packet : client.link.look()) {
            if (packet.type == PacketType::publish) out.push_back(packet.payload);
        }
        return out;
    }
    std::size_t count_all() {
        std::size_t total = 0;
        for (auto& client : clients_) total += payloads(client).size();
        return total;
    }

    ProtocolVersion version_ = ProtocolVersion::v5;
    Rig rig_{standard(), GetParam()};
    std::deque<FakeClient> clients_;
};

TEST_P(Shared, GivesEachMessageToOneMemberInTurn) {
    for (unsigned i = 0; i < 6; ++i) member(id(i));
    FakeClient pub(rig_, "1pub");
    for (int i = 0; i < 60; ++i) {
        pub.publish("t/x", std::to_string(i), i % 2 == 0 ? QoS::at_most_once : QoS::at_least_once,
                    static_cast<mqtt::PacketId>(i + 1));
    }
    rig_.settle();
    for (auto& client : clients_) EXPECT_EQ(payloads(client).size(), 10U);
    EXPECT_EQ(pub.link.look().size(), 30U);  // PUBACK
}

TEST_P(Shared, IsApartFromOtherGroupsAndFromOrdinarySubscriptions) {
    auto& a = member("0a");
    auto& other = clients_.emplace_back(rig_, "1b");
    other.subscribe("$share/h/t/#", QoS::at_least_once);
    auto& plain = clients_.emplace_back(rig_, "2c");
    plain.subscribe("t/x", QoS::at_least_once);
    a.subscribe("t/x", QoS::at_least_once);
    FakeClient pub(rig_, "0pub");
    pub.publish("t/x", "m", QoS::at_least_once);
    rig_.settle();
    EXPECT_EQ(payloads(a).size(), 2U);  // one by each of its subscriptions
    EXPECT_EQ(payloads(other).size(), 1U);
    EXPECT_EQ(payloads(plain).size(), 1U);
    a.unsubscribe("$share/g/t/+");
    pub.publish("t/x", "m", QoS::at_least_once, 2);
    rig_.settle();
    EXPECT_EQ(payloads(a).size(), 1U);
}

TEST_P(Shared, QueuesForAMemberThatIsAwayOnlyWhileNobodyIsConnected) {
    member("0a", false).lose();
    auto& here = member("1b");
    FakeClient pub(rig_, "2pub");
    for (mqtt::PacketId i = 1; i <= 4; ++i) pub.publish("t/x", "live", QoS::at_least_once, i);
    rig_.settle();
    for (const auto& packet : here.link.look()) here.ack(PacketType::puback, packet.id);
    EXPECT_EQ(pub.link.look().size(), 4U);
    EXPECT_EQ(rig_.counter(&Counters::queued_messages), 0U);
    here.lose();
    rig_.turn();
    pub.publish("t/x", "kept", QoS::at_least_once, 5);
    rig_.turn();
    EXPECT_TRUE(pub.link.look().empty());  // owed: after the commit
    rig_.settle();
    EXPECT_EQ(pub.link.look().size(), 1U);
    FakeClient back(rig_, "0a", false, version_);
    ASSERT_EQ(back.early.size(), 1U);
    EXPECT_EQ(back.early[0].payload, "kept");
}

TEST_P(Shared, SendsWhatAnEndedSessionDidNotAcknowledgeToAnotherMember) {
    auto& leaves = member("0a");
    auto& stays = member("1b");
    FakeClient pub(rig_, "2pub");
    for (mqtt::PacketId i = 1; i <= 4; ++i) pub.publish("t/x", std::to_string(i), QoS::at_least_once, i);
    rig_.settle();
    EXPECT_EQ(payloads(leaves).size(), 2U);
    EXPECT_EQ(payloads(stays).size(), 2U);
    leaves.lose();
    EXPECT_EQ(payloads(stays).size(), 2U);
    EXPECT_EQ(rig_.counter(&Counters::queued_messages), 4U);  // nothing twice
}

TEST_P(Shared, DoesNotSendAQos2MessageThatIsUnderWayToAnybodyElse) {
    auto& leaves = member("0a", true, QoS::exactly_once);
    auto& stays = member("1b", true, QoS::exactly_once);
    FakeClient pub(rig_, "2pub");
    for (mqtt::PacketId i = 1; i <= 2; ++i) pub.publish("t/x", std::to_string(i), QoS::exactly_once, i);
    rig_.settle();
    EXPECT_EQ(payloads(leaves).size(), 1U);
    EXPECT_EQ(payloads(stays).size(), 1U);
    leaves.lose();
    EXPECT_TRUE(payloads(stays).empty());  // [MQTT-4.8.2-5]
}

// [MQTT-4.8.2-4]
TEST_P(Shared, FinishesAQos2MessageThatIsUnderWayWithWhoeverBeganItWhenItIsBack) {
    auto& leaves = member("0a", false, QoS::exactly_once);
    auto& stays = member("1b", false, QoS::exactly_once);
    FakeClient pub(rig_, "2pub");
    for (mqtt::PacketId i = 1; i <= 2; ++i) pub.publish("t/x", std::to_string(i), QoS::exactly_once, i);
    rig_.settle();
    const auto begun = leaves.link.look();
    ASSERT_EQ(begun.size(), 1U);
    EXPECT_EQ(payloads(stays).size(), 1U);
    leaves.lose();
    rig_.settle();
    EXPECT_TRUE(payloads(stays).empty());
    FakeClient back(rig_, "0a", false, version_);
    ASSERT_EQ(back.early.size(), 1U);
    EXPECT_EQ(back.early[0].id, begun[0].id);
    EXPECT_EQ(back.early[0].payload, begun[0].payload);
    EXPECT_TRUE(back.early[0].dup);
}

TEST_P(Shared, MovesADebtOnDiskInOneCommit) {
    auto& leaves = member("0a", false);
    FakeClient pub(rig_, "2pub");
    leaves.lose();
    pub.publish("t/x", "m", QoS::at_least_once);
    rig_.settle();
    member("1b", false).lose();
    // A new clean start ends the first session: its message goes to the second, which is away as well.
    FakeClient(rig_, "0a", true, version_);
    rig_.settle();
    const auto state = rig_.store.disk.state();
    ASSERT_EQ(state.messages.size(), 1U);
    EXPECT_EQ(state.messages[0].recipients.size(), 1U);
    EXPECT_EQ(state.sessions.size(), 1U);
    rig_.restart();
    FakeClient back(rig_, "1b", false, version_);
    ASSERT_EQ(back.early.size(), 1U);
    EXPECT_EQ(back.early[0].payload, "m");
}

TEST_P(Shared, FindsAnotherMemberWhenTheChosenOneLeavesMeanwhile) {
    auto& first = member("0a");
    auto& second = member("1b");
    FakeClient pub(rig_, "2pub");
    pub.publish("t/x", "m", QoS::at_least_once);  // under way to one of them
    rig_.hub("0a").lost(*first.session, CloseCause::socket_error);
    first.session = nullptr;
    pub.publish("t/x", "n", QoS::at_least_once, 2);
    rig_.settle();
    const auto got = payloads(second);
    EXPECT_EQ(got.size(), 2U);
    EXPECT_EQ(pub.link.look().size(), 2U);
}

TEST_P(Shared, OutlivesARestart) {
    member("0a", false);
    member("1b", false);
    rig_.settle();
    rig_.restart();
    FakeClient a(rig_, "0a", false, version_);
    FakeClient b(rig_, "1b", false, version_);
    FakeClient pub(rig_, "2pub");
    for (mqtt::PacketId i = 1; i <= 4; ++i) pub.publish("t/x", "m", QoS::at_least_once, i);
    rig_.settle();
    EXPECT_EQ(payloads(a).size(), 2U);
    EXPECT_EQ(payloads(b).size(), 2U);
}

TEST_P(Shared, SendsNoRetainedMessages) {
    FakeClient pub(rig_, "0pub");
    Bytes bytes;
    ASSERT_TRUE(mqtt::encode_publish(
        {.topic = "t/x", .payload = as_bytes("kept"), .properties = {}, .packet_id = 0, .retain = true},
        ProtocolVersion::v311, bytes));
    pub.feed(bytes);
    rig_.settle();
    auto& a = member("0a");
    EXPECT_TRUE(payloads(a).empty());
    FakeClient plain(rig_, "1b");
    plain.ask_for({.filter = "t/x", .qos = QoS::at_most_once});
    rig_.settle();
    EXPECT_EQ(payloads(plain).size(), 1U);
}

TEST_P(Shared, NoLocalWithItIsAProtocolError) {
    FakeClient c(rig_, "0a", true, ProtocolVersion::v5);
    c.ask_for({.filter = "$share/g/t", .qos = QoS::at_most_once, .no_local = true});
    EXPECT_EQ(c.session, nullptr);
    const auto said = c.link.look();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].type, PacketType::disconnect);
    EXPECT_EQ(said[0].reason, ReasonCode::protocol_error);
}

INSTANTIATE_TEST_SUITE_P(Shards, Shared, ::testing::Values(1U, 3U),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace esl::broker::testing
