// Counts every allocation of this test program, to hold the decoders to their word.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "common/mqtt/tests/golden.hpp"
#include "common/mqtt/topic_filter.hpp"

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

namespace esl::mqtt::testing {
namespace {

TEST(Allocation, DecodingTheEverydayPacketsTakesNone) {
    const Bytes publish{0x32, 0x0F, 0, 3, 'a', '/', 'b', 0, 7, 5, 0x02, 0, 0, 0, 60, 1, 2};
    const Bytes subscribe{0x82, 0x07, 0, 1, 0, 0, 1, '#', 1};
    const Bytes puback{0x40, 0x02, 0, 1};
    const auto before = allocations.load();
    bool good = true;
    for (const BytesView wire : {BytesView(publish), BytesView(subscribe), BytesView(puback)}) {
        const auto unframed = unframe(wire, 1'000);
        const auto decoded = decode_any(unframed->frame, ProtocolVersion::v5);
        good = good && decoded.has_value();
        if (const auto* view = std::get_if<PublishView>(&decoded->packet)) {
            good = good && view->properties.number(PropertyId::message_expiry_interval) == 60U;
            good = good && matches("a/+", view->topic);
        }
        if (const auto* view = std::get_if<SubscribeView>(&decoded->packet)) {
            for (const auto& entry : view->filters) good = good && entry.filter == "#";
        }
    }
    EXPECT_EQ(allocations.load() - before, 0);
    EXPECT_TRUE(good);
    EXPECT_NE(std::make_unique<int>(1), nullptr);
    EXPECT_GT(allocations.load(), before);  // it does count
}

TEST(Allocation, EncodingIntoABufferWithRoomTakesNone) {
    Bytes out;
    out.reserve(1'000);
    const Bytes payload(200, 1);
    const PublishView packet{.topic = "a/b", .payload = payload, .packet_id = 1, .qos = QoS::at_least_once};
    const auto before = allocations.load();
    const bool good = encode_publish(packet, ProtocolVersion::v5, out).has_value() &&
                      encode_connack({}, ProtocolVersion::v5, out).has_value();
    encode_ack(PacketType::puback, 1, out);
    EXPECT_EQ(allocations.load() - before, 0);
    EXPECT_TRUE(good);
}

}  // namespace
}  // namespace esl::mqtt::testing
