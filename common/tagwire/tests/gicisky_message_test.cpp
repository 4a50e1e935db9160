#include <gtest/gtest.h>

#include "common/tagwire/gicisky/message.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::gicisky {
namespace {

struct CommandRow {
    const char* name;
    Bytes wire;
    Command command;
};
const CommandRow kCommands[] = {
    {"ask for the block size", {0x01}, AskBlockSize{}},
    {"announce 9472 bytes", {0x02, 0x00, 0x25, 0x00, 0x00, 0x00, 0x00, 0x00}, Announce{9472, false}},
    {"announce 76363 chunked bytes", {0x02, 0x4B, 0x2A, 0x01, 0x00, 0x01}, Announce{76363, true}},
    {"begin", {0x03}, Begin{}},
    {"cancel", {0x04}, Cancel{}},
};

struct NoticeRow {
    const char* name;
    Bytes wire;
    Notice notice;
};
const NoticeRow kNotices[] = {
    {"244 bytes a block", {0x01, 0xF4, 0x00}, BlockSize{244}},
    {"announced", {0x02, 0x00}, Announced{}},
    {"cancelled", {0x04, 0x00}, Cancelled{}},
    {"wants part 258", {0x05, 0x00, 0x02, 0x01, 0x00, 0x00}, PartWanted{258}},
    {"has all", {0x05, 0x08}, AllReceived{}},
    {"failed with 3", {0x05, 0x03}, TransferFailed{3}},
};

TEST(GiciskyMessage, CommandsAreTheseBytesBothWays) {
    for (const auto& row : kCommands) {
        EXPECT_EQ(encode(row.command), row.wire) << row.name;
        const auto decoded = decode_command(row.wire);
        ASSERT_TRUE(decoded) << row.name;
        EXPECT_EQ(*decoded, row.command) << row.name;
    }
}

TEST(GiciskyMessage, CommandsCutShortOrTooLongAreRefused) {
    for (const auto& row : kCommands) {
        testing::for_every_truncation(row.wire, [&](BytesView cut) {
            EXPECT_FALSE(decode_command(cut)) << row.name << " cut to " << cut.size();
        });
        auto longer = row.wire;
        longer.push_back(0xAA);
        EXPECT_FALSE(decode_command(longer)) << row.name;
    }
    EXPECT_TRUE(decode_command(Bytes{0x40}).error().is(WireError::unknown_command));
}

TEST(GiciskyMessage, NoticesAreTheseBytesBothWays) {
    for (const auto& row : kNotices) {
        EXPECT_EQ(encode(row.notice), row.wire) << row.name;
        const auto decoded = decode_notice(row.wire);
        ASSERT_TRUE(decoded) << row.name;
        EXPECT_EQ(*decoded, row.notice) << row.name;
    }
}

TEST(GiciskyMessage, NoticesCutShortAreTruncatedAndUnknownOnesNamed) {
    for (const auto& wire :
         {Bytes{}, Bytes{0x01}, Bytes{0x01, 0xF4}, Bytes{0x05}, Bytes{0x05, 0x00, 0x02, 0x01, 0x00}}) {
        const auto decoded = decode_notice(wire);
        ASSERT_FALSE(decoded) << to_hex(wire);
        EXPECT_TRUE(decoded.error().is(WireError::truncated)) << to_hex(wire);
    }
    EXPECT_EQ(decode_notice(Bytes{0x77, 0x01}).error().message(), "unknown command: notification 77");
}

TEST(GiciskyMessage, APartIsItsNumberAndUpTo240Bytes) {
    Bytes image(500);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i);
    EXPECT_EQ(part_count(image.size()), 3U);
    const auto first = encode_part(image, 0);
    EXPECT_EQ(first.size(), 244U);
    EXPECT_EQ(Bytes(first.begin(), first.begin() + 6), (Bytes{0x00, 0x00, 0x00, 0x00,  // part 0
                                                              0x00, 0x01}));           // the image's first bytes
    const auto last = encode_part(image, 2);
    EXPECT_EQ(last.size(), 4U + 20U);
    const auto decoded = decode_part(last);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->part, 2U);
    EXPECT_TRUE(std::ranges::equal(decoded->data, BytesView{image}.subspan(480)));
    EXPECT_TRUE(encode_part(image, 3).empty());
    EXPECT_TRUE(encode_part(image, 0xFFFFFFFF).empty());
}

TEST(GiciskyMessage, APartWithoutDataOrWithTooMuchIsRefused) {
    testing::for_every_truncation(Bytes{1, 0, 0, 0, 9}, [](BytesView cut) { EXPECT_FALSE(decode_part(cut)); });
    EXPECT_TRUE(decode_part(Bytes(245)).error().is(WireError::too_long));
    EXPECT_TRUE(decode_part(Bytes(244)));
}

}  // namespace
}  // namespace esl::tagwire::gicisky
