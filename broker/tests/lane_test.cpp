#include "broker/core/lane.hpp"

#include <gtest/gtest.h>

namespace esl::broker {
namespace {

LaneEntry entry(mqtt::QoS qos) {
    LaneEntry e;
    e.message = std::make_shared<const Message>();
    e.qos = qos;
    return e;
}

constexpr auto kQos1 = mqtt::QoS::at_least_once;

TEST(Lane, SendsUpToItsWindowAndGoesOnAsAcknowledgementsCome) {
    Lane lane(LaneKind::ordinary);
    for (int i = 0; i < 3; ++i) lane.push(entry(kQos1));
    auto* first = lane.next_to_send(2);
    ASSERT_NE(first, nullptr);
    const auto first_id = packet_id_of(LaneKind::ordinary, first->sequence);
    lane.mark_sent();
    ASSERT_NE(lane.next_to_send(2), nullptr);
    lane.mark_sent();
    EXPECT_EQ(lane.next_to_send(2), nullptr);
    LaneEntry* acked = lane.find_sent(first_id);
    ASSERT_NE(acked, nullptr);
    lane.finish(*acked);
    EXPECT_NE(lane.next_to_send(2), nullptr);
    EXPECT_EQ(lane.live(), 2U);
}

TEST(Lane, FindsOnlyWhatWasSentOnThisConnection) {
    Lane lane(LaneKind::ordinary);
    const auto id = packet_id_of(LaneKind::ordinary, lane.push(entry(kQos1)).sequence);
    EXPECT_EQ(lane.find_sent(id), nullptr);
    static_cast<void>(lane.next_to_send(10));
    lane.mark_sent();
    EXPECT_NE(lane.find_sent(id), nullptr);
    EXPECT_EQ(lane.find_sent(static_cast<mqtt::PacketId>(id + 1)), nullptr);
    lane.rewind();
    EXPECT_EQ(lane.find_sent(id), nullptr);
    EXPECT_EQ(lane.in_flight(), 0);
}

TEST(Lane, FindsByNumberAlsoBehindQos0AndGaps) {
    Lane lane(LaneKind::ordinary);
    std::vector<std::uint32_t> numbers;
    for (const std::uint32_t restored : {3U, 4U, 9U}) {
        auto e = entry(kQos1);
        e.sequence = restored;
        numbers.push_back(lane.push(std::move(e)).sequence);
        lane.push(entry(mqtt::QoS::at_most_once));
    }
    for (int i = 0; i < 3; ++i) numbers.push_back(lane.push(entry(kQos1)).sequence);
    for (const auto number : numbers) {
        LaneEntry* found = lane.find(number);
        ASSERT_NE(found, nullptr) << number;
        EXPECT_EQ(found->sequence, number);
        EXPECT_EQ(found->qos, kQos1);
    }
    for (const std::uint32_t nobody : {0U, 2U, 5U, 8U, 13U}) EXPECT_EQ(lane.find(nobody), nullptr) << nobody;
    lane.finish(*lane.find(numbers[1]));
    EXPECT_EQ(lane.find(numbers[1]), nullptr);
    EXPECT_NE(lane.find(numbers[2]), nullptr);
}

TEST(Lane, GivesTheSamePacketIdAgainAfterAReconnect) {
    Lane lane(LaneKind::p2p);
    lane.push(entry(kQos1));
    lane.push(entry(kQos1));
    const auto before = lane.next_to_send(10)->sequence;
    lane.mark_sent();
    lane.rewind();
    auto* again = lane.next_to_send(10);
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(again->sequence, before);
    EXPECT_TRUE(again->sent_before);
    EXPECT_FALSE(lane.next_to_send(10) == nullptr);
}

TEST(Lane, KeepsTheOrderOfWhatIsAcknowledgedOutOfOrder) {
    Lane lane(LaneKind::ordinary);
    std::vector<mqtt::PacketId> ids;
    for (int i = 0; i < 4; ++i) {
        lane.push(entry(kQos1));
        ids.push_back(packet_id_of(LaneKind::ordinary, lane.next_to_send(10)->sequence));
        lane.mark_sent();
    }
    lane.finish(*lane.find_sent(ids[2]));
    lane.finish(*lane.find_sent(ids[0]));
    EXPECT_EQ(lane.live(), 2U);
    EXPECT_EQ(lane.in_flight(), 2);
    EXPECT_EQ(lane.find_sent(ids[2]), nullptr);
    lane.rewind();
    EXPECT_EQ(packet_id_of(LaneKind::ordinary, lane.next_to_send(10)->sequence), ids[1]);
    lane.mark_sent();
    EXPECT_EQ(packet_id_of(LaneKind::ordinary, lane.next_to_send(10)->sequence), ids[3]);
}

TEST(Lane, NeverHasTwoMessagesInFlightUnderOneIdThroughManyTurnsOfTheRange) {
    for (const auto kind : {LaneKind::ordinary, LaneKind::p2p}) {
        Lane lane(kind);
        lane.push(entry(kQos1));
        const auto stuck = lane.next_to_send(10)->sequence;  // never acknowledged
        lane.mark_sent();
        std::uint32_t sent = 0;
        for (int i = 0; i < 120'000; ++i) {
            lane.push(entry(kQos1));
            auto* next = lane.next_to_send(10);
            if (next == nullptr) break;
            const auto id = packet_id_of(kind, next->sequence);
            ASSERT_EQ(lane_of(id), kind);
            ASSERT_NE(id, packet_id_of(kind, stuck));
            lane.mark_sent();
            auto* found = lane.find_sent(id);
            ASSERT_NE(found, nullptr);
            lane.finish(*found);
            ++sent;
        }
        EXPECT_EQ(sent, kind == LaneKind::ordinary ? 49'150U : 16'383U);  // the range but for the stuck one
    }
}

TEST(Lane, HoldsBackWhatIsNotCommittedAndWhatStandsBehindIt) {
    Lane lane(LaneKind::ordinary);
    auto held = entry(mqtt::QoS::exactly_once);
    held.held = true;
    const auto sequence = lane.push(std::move(held)).sequence;
    lane.push(entry(kQos1));
    EXPECT_EQ(lane.next_to_send(10), nullptr);
    lane.find(sequence)->held = false;
    ASSERT_NE(lane.next_to_send(10), nullptr);
    EXPECT_EQ(lane.next_to_send(10)->sequence, sequence);
}

TEST(Lane, CountsQos0AsOverWhenItIsSent) {
    Lane lane(LaneKind::ordinary);
    lane.push(entry(mqtt::QoS::at_most_once));
    ASSERT_NE(lane.next_to_send(0), nullptr);  // no window is needed
    lane.mark_sent();
    EXPECT_EQ(lane.live(), 0U);
    EXPECT_EQ(lane.bytes(), 0U);
}

}  // namespace
}  // namespace esl::broker
