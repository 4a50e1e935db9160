#include "common/mqtt/unframer.hpp"

#include <gtest/gtest.h>

#include "common/mqtt/varint.hpp"
#include "common/testing/testing.hpp"

namespace esl::mqtt {
namespace {

constexpr std::size_t kMax = 65'536;

// Feeds the bytes in the given pieces and takes off what is complete, as a connection does.
std::vector<Bytes> bodies_of(std::initializer_list<BytesView> pieces) {
    std::vector<Bytes> bodies;
    Bytes buffer;
    for (const auto piece : pieces) {
        buffer.insert(buffer.end(), piece.begin(), piece.end());
        for (;;) {
            const auto unframed = unframe(buffer, kMax);
            EXPECT_TRUE(unframed);
            if (!unframed || !unframed->complete()) break;
            bodies.emplace_back(unframed->frame.body.begin(), unframed->frame.body.end());
            buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(unframed->frame.size));
        }
    }
    EXPECT_TRUE(buffer.empty());
    return bodies;
}

TEST(Unframer, FindsPacketsHoweverTheBytesAreCut) {
    Bytes wire{0xC0, 0x00,              // PINGREQ
               0x40, 0x02, 0x00, 0x01,  // PUBACK
               0x30, 0x83, 0x01};       // PUBLISH with a length of two bytes: 131
    const Bytes body(131, 0x07);
    wire.insert(wire.end(), body.begin(), body.end());
    esl::testing::for_every_split(wire, [&](BytesView a, BytesView b) {
        EXPECT_EQ(bodies_of({a, b}), (std::vector<Bytes>{{}, {0x00, 0x01}, body}));
    });
}

TEST(Unframer, SaysHowManyBytesItNeeds) {
    EXPECT_EQ(unframe({}, kMax)->need, 2U);
    EXPECT_EQ(unframe(Bytes{0x30}, kMax)->need, 2U);
    EXPECT_EQ(unframe(Bytes{0x30, 0x80}, kMax)->need, 3U);
    EXPECT_EQ(unframe(Bytes{0x30, 0x80, 0x02}, kMax)->need, 3U + 256U);
    EXPECT_EQ(unframe(Bytes{0x30, 0x05, 1, 2}, kMax)->need, 7U);
}

TEST(Unframer, ShowsTheTypeFromTheFirstByteOn) {
    const auto unframed = unframe(Bytes{0x3D}, kMax);
    EXPECT_EQ(unframed->frame.type, PacketType::publish);
    EXPECT_EQ(unframed->frame.flags, 0x0D);
}

TEST(Unframer, JudgesTheLengthBeforeTheBodyIsThere) {
    EXPECT_TRUE(unframe(Bytes{0x30, 0x62}, 100));  // 98 and two of header
    const auto refused = unframe(Bytes{0x30, 0x63}, 100);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(DecodeError::packet_too_large));
    EXPECT_EQ(refused.error().about(), "PUBLISH of 101 bytes, at most 100 are taken");
    EXPECT_EQ(reason_code_for(refused.error()), ReasonCode::packet_too_large);
    EXPECT_FALSE(unframe(Bytes{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, kMax));
}

TEST(Unframer, RefusesALengthOfFiveBytesWhateverTheyHold) {
    for (const auto& wire : {Bytes{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, Bytes{0x30, 0xFF, 0xFF, 0xFF, 0xFF},
                             Bytes{0x10, 0x80, 0x80, 0x80, 0x80, 0x00}}) {
        const auto unframed = unframe(wire, kMax);
        ASSERT_FALSE(unframed) << to_hex(wire);
        EXPECT_TRUE(unframed.error().is(DecodeError::malformed));
    }
}

TEST(Unframer, RefusesALengthWrittenLongerThanNeeded) {
    EXPECT_FALSE(unframe(Bytes{0xC0, 0x80, 0x00}, kMax));
    EXPECT_FALSE(unframe(Bytes{0x30, 0x81, 0x80, 0x00}, kMax));
}

TEST(Unframer, RefusesTypeZeroAndForeignFlagsFromTheFirstByte) {
    EXPECT_FALSE(unframe(Bytes{0x00}, kMax));
    int refused = 0;
    for (unsigned first = 0x10; first <= 0xFF; ++first) {
        const auto unframed = unframe(Bytes{static_cast<std::uint8_t>(first)}, kMax);
        if (!unframed) {
            EXPECT_TRUE(unframed.error().is(DecodeError::malformed));
            ++refused;
        }
    }
    // PUBLISH takes all 16; PUBREL, SUBSCRIBE and UNSUBSCRIBE two each (DUP of MQTT 3.1); the other eleven one each.
    EXPECT_EQ(refused, 15 * 16 - 16 - 3 * 2 - 11);
}

TEST(Varint, GoesBothWaysAtEveryBoundary) {
    const std::pair<std::uint32_t, const char*> rows[] = {
        {0, "00"},          {127, "7F"},           {128, "8001"},           {16'383, "FF7F"},
        {16'384, "808001"}, {2'097'151, "FFFF7F"}, {2'097'152, "80808001"}, {268'435'455, "FFFFFF7F"},
    };
    for (const auto& [value, hex] : rows) {
        Bytes out;
        append_varint(out, value);
        EXPECT_EQ(to_hex(out), hex);
        EXPECT_EQ(varint_size(value), out.size());
        const auto read = read_varint(out);
        EXPECT_EQ(read.status, Varint::Status::complete);
        EXPECT_EQ(read.value, value);
        EXPECT_EQ(read.size, out.size());
        esl::testing::for_every_truncation(
            out, [](BytesView part) { EXPECT_EQ(read_varint(part).status, Varint::Status::need_more); });
    }
}

}  // namespace
}  // namespace esl::mqtt
