#include <gtest/gtest.h>

#include "common/tagwire/price_display.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::price_display {
namespace {

struct Down {
    const char* name;
    Bytes wire;
    ToTag command;
};
// Every frame: control, manufacturer E51A, sequence 07, command.
const Down kDown[] = {
    {"image notify",
     {0x05, 0x1A, 0xE5, 0x07, 0x00, 0x04, 0xCA, 0x06, 0x81,  // image 8106CA04
      0x01,                                                  // slot
      0x2C, 0x01, 0x00, 0x00,                                // 300 bytes
      0x01,                                                  // zlib
      0xFF, 0xFF, 0xFF, 0xFF},                               // only by show
     ImageNotify{0x8106CA04, 1, 300, Format::zlib, kOnlyByShow}},
    {"block response",
     {0x15, 0x1A, 0xE5, 0x07, 0x01,
      0x00,                     // success
      0x04, 0xCA, 0x06, 0x81,   // image
      0x40, 0x00, 0x00, 0x00,   // offset 64
      0x03, 0xAA, 0xBB, 0xCC},  // three bytes
     BlockRsp{0, 0x8106CA04, 64, {0xAA, 0xBB, 0xCC}}},
    {"wait",
     {0x15, 0x1A, 0xE5, 0x07, 0x01, 0x97, 0x04, 0xCA, 0x06, 0x81, 0xF4, 0x01, 0x00, 0x00, 0x00},
     BlockRsp{0x97, 0x8106CA04, 500, {}}},
    {"show", {0x05, 0x1A, 0xE5, 0x07, 0x02, 0x01, 0x00, 0x00, 0x00, 0x00}, Show{1, kNow}},
    {"led", {0x05, 0x1A, 0xE5, 0x07, 0x03, 0x02, 0x64, 0x00, 0x84, 0x03, 0x3C, 0x00}, Led{2, 100, 900, 60}},
    {"refresh", {0x05, 0x1A, 0xE5, 0x07, 0x04}, Refresh{}},
};

struct Up {
    const char* name;
    Bytes wire;
    FromTag command;
};
const Up kUp[] = {
    {"block request",
     {0x1D, 0x1A, 0xE5, 0x07, 0x00, 0x04, 0xCA, 0x06, 0x81, 0x40, 0x00, 0x00, 0x00, 0x40},
     BlockReq{0x8106CA04, 64, 64}},
    {"load end", {0x1D, 0x1A, 0xE5, 0x07, 0x01, 0x00, 0x04, 0xCA, 0x06, 0x81, 0x01}, LoadEnd{0, 0x8106CA04, 1}},
    {"show response", {0x1D, 0x1A, 0xE5, 0x07, 0x02, 0x00, 0x01, 0x04, 0xCA, 0x06, 0x81}, ShowRsp{0, 1, 0x8106CA04}},
};

constexpr std::size_t kHeader = 5;

TEST(PriceDisplay, CommandsToTheTagAreTheseBytesBothWays) {
    for (const auto& row : kDown) {
        EXPECT_EQ(to_hex(encode(row.command, 7)), to_hex(row.wire)) << row.name;
        const auto decoded = decode_to_tag(zcl::decode_frame(row.wire).value());
        ASSERT_TRUE(decoded) << row.name << decoded.error().message();
        EXPECT_EQ(*decoded, row.command) << row.name;
    }
}

TEST(PriceDisplay, CommandsFromTheTagAreTheseBytesBothWays) {
    for (const auto& row : kUp) {
        EXPECT_EQ(to_hex(encode(row.command, 7)), to_hex(row.wire)) << row.name;
        const auto decoded = decode_from_tag(zcl::decode_frame(row.wire).value());
        ASSERT_TRUE(decoded) << row.name << decoded.error().message();
        EXPECT_EQ(*decoded, row.command) << row.name;
    }
}

TEST(PriceDisplay, EveryTruncationAndOneByteTooManyAreRefused) {
    for (const auto& row : kDown) {
        for (std::size_t n = kHeader; n < row.wire.size(); ++n) {
            EXPECT_FALSE(decode_to_tag(zcl::decode_frame(BytesView{row.wire}.first(n)).value())) << row.name << n;
        }
        auto longer = row.wire;
        longer.push_back(0);
        EXPECT_FALSE(decode_to_tag(zcl::decode_frame(longer).value())) << row.name;
    }
    for (const auto& row : kUp) {
        for (std::size_t n = kHeader; n < row.wire.size(); ++n) {
            EXPECT_FALSE(decode_from_tag(zcl::decode_frame(BytesView{row.wire}.first(n)).value())) << row.name << n;
        }
        auto longer = row.wire;
        longer.push_back(0);
        EXPECT_FALSE(decode_from_tag(zcl::decode_frame(longer).value())) << row.name;
    }
}

TEST(PriceDisplay, OfAnotherMakerDirectionOrScopeIsUnknown) {
    auto other_maker = kDown[3].wire;
    other_maker[1] = 0x5F;
    EXPECT_TRUE(decode_to_tag(zcl::decode_frame(other_maker).value()).error().is(WireError::unknown_command));
    EXPECT_FALSE(decode_from_tag(zcl::decode_frame(kDown[3].wire).value()));
    EXPECT_FALSE(decode_to_tag(zcl::decode_frame(kUp[0].wire).value()));
    auto unknown = kDown[5].wire;
    unknown[4] = 0x63;
    EXPECT_EQ(decode_to_tag(zcl::decode_frame(unknown).value()).error().message(),
              "unknown command: price display command 99");
}

TEST(PriceDisplay, ABlockOver64BytesOrAnUnknownFormatIsRefused) {
    auto block = kDown[1].wire;
    block[14] = 65;
    block.resize(15 + 65);
    EXPECT_TRUE(decode_to_tag(zcl::decode_frame(block).value()).error().is(WireError::too_long));
    auto notify = kDown[0].wire;
    notify[14] = 2;
    EXPECT_TRUE(decode_to_tag(zcl::decode_frame(notify).value()).error().is(WireError::out_of_range));
}

TEST(PriceDisplay, ALargestBlockFitsAnUnfragmentedZigbeeFrame) {
    constexpr std::size_t kUnfragmented = 82;
    EXPECT_LE(encode(ToTag{BlockRsp{0, 1, 0, Bytes(kMaxBlock)}}, 0).size(), kUnfragmented);
}

}  // namespace
}  // namespace esl::tagwire::price_display
