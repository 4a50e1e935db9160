#include <gtest/gtest.h>

#include "common/tagwire/znp/frame.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::znp {
namespace {

const Bytes kPing{0xFE, 0x02,  // start, length
                  0x61, 0x01,  // SRSP, SYS ping
                  0x79, 0x07,  // capabilities
                  0x1C};       // xor of everything after the start byte
const Frame kPingFrame{0x61, 0x01, {0x79, 0x07}};

std::vector<Frame> frames_from(std::initializer_list<BytesView> pieces) {
    Unframer unframer;
    std::vector<Frame> out;
    for (const auto piece : pieces) {
        for (auto& frame : unframer.push(piece)) out.push_back(std::move(frame));
    }
    return out;
}

TEST(ZnpFrame, IsTheseBytesBothWays) {
    EXPECT_EQ(encode_frame(kPingFrame), kPing);
    EXPECT_EQ(frames_from({kPing}), std::vector{kPingFrame});
}

TEST(ZnpUnframer, FindsAFrameHoweverTheBytesAreCut) {
    testing::for_every_split(kPing,
                             [](BytesView a, BytesView b) { EXPECT_EQ(frames_from({a, b}), std::vector{kPingFrame}); });
}

TEST(ZnpUnframer, WaitsForTheRestOfACutFrame) {
    testing::for_every_truncation(kPing, [](BytesView cut) {
        Unframer unframer;
        EXPECT_TRUE(unframer.push(cut).empty());
        EXPECT_EQ(unframer.mid_frame(), !cut.empty());
        EXPECT_EQ(unframer.push(BytesView{kPing}.subspan(cut.size())), std::vector{kPingFrame});
        EXPECT_EQ(unframer.dropped_bytes(), 0U);
    });
}

TEST(ZnpUnframer, DropsAndCountsJunkBeforeTheStart) {
    Unframer unframer;
    Bytes wire{0xEF, 0x00, 0x55};
    wire.insert(wire.end(), kPing.begin(), kPing.end());
    EXPECT_EQ(unframer.push(wire), std::vector{kPingFrame});
    EXPECT_EQ(unframer.dropped_bytes(), 3U);
    EXPECT_EQ(unframer.bad_frames(), 0U);
}

TEST(ZnpUnframer, ResyncsInsideAFrameWithABadChecksum) {
    // The frame that failed holds a whole good one: only its start byte is dropped.
    Bytes wire{0xFE, 0x07, 0x61, 0x01};
    wire.insert(wire.end(), kPing.begin(), kPing.end());
    wire.push_back(0x00);  // not the checksum
    Unframer unframer;
    EXPECT_EQ(unframer.push(wire), std::vector{kPingFrame});
    EXPECT_EQ(unframer.bad_frames(), 1U);
    EXPECT_EQ(unframer.dropped_bytes(), 5U);
}

TEST(ZnpUnframer, RefusesALengthOver250AtOnce) {
    Unframer unframer;
    Bytes wire{0xFE, 0xFB};
    wire.insert(wire.end(), kPing.begin(), kPing.end());
    EXPECT_EQ(unframer.push(wire), std::vector{kPingFrame});
    EXPECT_EQ(unframer.bad_frames(), 1U);
}

TEST(ZnpUnframer, GivesSeveralFramesOfOneReadInOrder) {
    Bytes wire = kPing;
    const Frame longest{0x44, 0x81, Bytes(kMaxData, 0xFE)};
    const auto second = encode_frame(longest);
    wire.insert(wire.end(), second.begin(), second.end());
    EXPECT_EQ(frames_from({wire}), (std::vector{kPingFrame, longest}));
}

TEST(ZnpUnframer, ForgetsAHalfFrameOnReset) {
    Unframer unframer;
    EXPECT_TRUE(unframer.push(Bytes{0xFE, 0x10, 0x61}).empty());
    unframer.reset();
    EXPECT_EQ(unframer.push(kPing), std::vector{kPingFrame});
    EXPECT_EQ(unframer.dropped_bytes(), 3U);
}

TEST(ZnpUnframer, FindsFramesBehindAStartByteThatWasJunkAfterASilence) {
    const Frame frame{0x61, 0x01, {0x79, 0x07}};
    Bytes wire{0xFE, 0x99, 0x00};  // promises 153 bytes that never come
    for (int i = 0; i < 2; ++i) {
        const auto whole = encode_frame(frame);
        wire.insert(wire.end(), whole.begin(), whole.end());
    }
    Unframer unframer;
    EXPECT_TRUE(unframer.push(wire).empty());
    EXPECT_TRUE(unframer.mid_frame());
    EXPECT_EQ(unframer.give_up_waiting(), (std::vector<Frame>{frame, frame}));
    EXPECT_FALSE(unframer.mid_frame());
    EXPECT_EQ(unframer.dropped_bytes(), 3U);
    EXPECT_TRUE(unframer.give_up_waiting().empty());
}

}  // namespace
}  // namespace esl::tagwire::znp
