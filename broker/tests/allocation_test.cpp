// Counts every allocation of this test program: what a QoS 0 message costs inside a shard is copying, nothing else; one
// that may wait is one block.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "broker/tests/fake_client.hpp"

namespace {
std::atomic<long> allocations{0};
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* at = std::malloc(size > 0 ? size : 1)) return at;  // NOLINT
    throw std::bad_alloc();
}
void operator delete(void* at) noexcept {
    std::free(at);
}  // NOLINT
void operator delete(void* at, std::size_t) noexcept {
    std::free(at);
}  // NOLINT

namespace esl::broker {
namespace {

using namespace testing;  // NOLINT: the rig

Bytes qos0(const std::string& topic) {
    const Bytes payload(200, 1);
    Bytes bytes;
    EXPECT_TRUE(mqtt::encode_publish({.topic = topic, .payload = payload}, ProtocolVersion::v311, bytes));
    return bytes;
}

// Allocations of 1,000 publishes after one that fills what is kept. `receivers` get every message.
long count(Rig& rig, FakeClient& publisher, const Bytes& packet, std::span<FakeClient* const> receivers) {
    const auto one = [&] {
        publisher.feed(packet);
        rig.turn();
        for (auto* receiver : receivers) {
            EXPECT_GE(receiver->link.out.size(), 200U);
            receiver->link.out.clear();
        }
    };
    one();
    const auto before = allocations.load();
    for (int i = 0; i < 1'000; ++i) one();
    return allocations.load() - before;
}

TEST(BrokerAllocation, Qos0DeliveryInsideAShardTakesNone) {
    Rig rig(standard());
    FakeClient exact(rig, "exact");
    exact.subscribe("shop/prices", QoS::at_least_once);
    FakeClient wildcard(rig, "wildcard");
    wildcard.subscribe("shop/+", QoS::at_most_once);
    FakeClient away(rig, "away", false);
    away.subscribe("other/#", QoS::at_least_once);
    FakeClient publisher(rig, "publisher");
    FakeClient* const receivers[] = {&exact, &wildcard};
    EXPECT_EQ(count(rig, publisher, qos0("shop/prices"), receivers), 0);
    EXPECT_NE(std::make_unique<int>(1), nullptr);
    EXPECT_GT(allocations.load(), 0);  // it does count
}

TEST(BrokerAllocation, Qos0P2PDeliveryInsideAShardTakesNone) {
    auto settings = standard();
    settings.p2p = true;
    Rig rig(settings);
    FakeClient receiver(rig, "GID_shop@@@ap");
    FakeClient publisher(rig, "GID_shop@@@service");
    FakeClient* const receivers[] = {&receiver};
    EXPECT_EQ(count(rig, publisher, qos0("task/p2p/GID_shop@@@ap"), receivers), 0);
}

TEST(BrokerAllocation, AMessageThatMayWaitIsOneBlockAtMost) {
    const Bytes payload(200, 1);
    const Bytes properties{0x01, 0x01};
    const auto before = allocations.load();
    const auto message = make_message({.topic = "shop/prices", .payload = payload, .properties = properties});
    EXPECT_LE(allocations.load() - before, 1) << "none when its block was another's before";
    EXPECT_EQ(message->topic, "shop/prices");
    EXPECT_NE(message->payload.data(), payload.data());
    EXPECT_EQ(message->payload.size(), 200U);
}

}  // namespace
}  // namespace esl::broker
