#include "common/core/bytes.hpp"

#include <gtest/gtest.h>

#include "common/testing/testing.hpp"

namespace esl {
namespace {

TEST(Hex, GoesBothWaysAndNamesTheBadDigit) {
    const Bytes raw{0x00, 0x5A, 0xFF};
    EXPECT_EQ(to_hex(raw), "005AFF");
    EXPECT_EQ(from_hex("005aFF").value(), raw);
    EXPECT_EQ(from_hex("00zz").error().message(), "malformed: not a hex digit at 2");
    EXPECT_TRUE(from_hex("0").error().is(ParseError::malformed));
}

TEST(ByteReader, ReadsWhatByteWriterWrote) {
    Bytes wire;
    ByteWriter(wire).u8(1).u16le(0x0203).u32le(0x04050607).u64le(0x08090A0B0C0D0E0F).u16be(0x1011).u32be(0x12131415);
    ByteReader in{wire};
    EXPECT_EQ(in.u8(), 1);
    EXPECT_EQ(in.u16le(), 0x0203);
    EXPECT_EQ(in.u32le(), 0x04050607U);
    EXPECT_EQ(in.u64le(), 0x08090A0B0C0D0E0FU);
    EXPECT_EQ(in.u16be(), 0x1011);
    EXPECT_EQ(in.u32be(), 0x12131415U);
    EXPECT_TRUE(in.exhausted());
}

TEST(ByteReader, StaysFailedAfterOneReadPastTheEnd) {
    const Bytes wire{1, 2, 3, 4, 5, 6};
    testing::for_every_truncation(wire, [](BytesView cut) {
        ByteReader in{cut};
        (void)in.u16le();
        (void)in.u32le();
        EXPECT_TRUE(in.failed()) << cut.size();
        EXPECT_EQ(in.u8(), 0);
        EXPECT_TRUE(in.failed());
    });
}

}  // namespace
}  // namespace esl
