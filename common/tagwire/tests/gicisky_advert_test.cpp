#include <gtest/gtest.h>

#include "common/tagwire/gicisky.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::gicisky {
namespace {

struct Sample {
    const char* name;
    Bytes wire;
    Advert advert;
};

// Captured from real tags: type low, battery x10, software, hardware, type high.
const Sample kSamples[] = {
    {"2.1 inch", {0x0B, 0x1D, 0x81, 0x01, 0x41}, {0x010B, true, false, 29, 0x8101}},
    {"2.9 inch", {0x33, 0x1D, 0x81, 0x01, 0x40}, {0x0033, true, false, 29, 0x8101}},
    {"3.7 inch", {0x2B, 0x1E, 0x81, 0x01, 0x02}, {0x022B, false, false, 30, 0x8101}},
    {"4.2 inch", {0x4B, 0x1E, 0x81, 0x01, 0x40}, {0x004B, true, false, 30, 0x8101}},
    {"7.5 inch", {0x2B, 0x1E, 0x01, 0x01, 0x01}, {0x012B, false, false, 30, 0x0101}},
    {"10.2 inch", {0x8B, 0x1F, 0x01, 0x01, 0x00}, {0x008B, false, false, 31, 0x0101}},
};

TEST(GiciskyAdvert, ReadsAndWritesTheBytesOfRealTags) {
    for (const auto& s : kSamples) {
        const auto decoded = decode_advert(s.wire);
        ASSERT_TRUE(decoded) << s.name;
        EXPECT_EQ(*decoded, s.advert) << s.name;
        EXPECT_EQ(encode_advert(s.advert), s.wire) << s.name;
        EXPECT_NE(find_model(decoded->model), nullptr) << s.name;
    }
}

TEST(GiciskyAdvert, RefusesEveryOtherLength) {
    testing::for_every_truncation(kSamples[0].wire, [](BytesView cut) {
        ASSERT_FALSE(decode_advert(cut));
        EXPECT_TRUE(decode_advert(cut).error().is(WireError::truncated));
    });
    auto longer = kSamples[0].wire;
    longer.push_back(0);
    ASSERT_FALSE(decode_advert(longer));
    EXPECT_TRUE(decode_advert(longer).error().is(WireError::trailing));
}

TEST(GiciskyModel, SaysWhatFirmwareTakesWhichCoding) {
    const auto* big = find_model(0x012B);
    ASSERT_NE(big, nullptr);
    EXPECT_EQ(coding_of(*big, 0x0101), Coding::chunked);
    EXPECT_EQ(coding_of(*big, 0x8101), Coding::framed);
    EXPECT_EQ(model_name(0x0033), "gicisky-0033");
    EXPECT_EQ(find_model(0x3FFF), nullptr);
}

TEST(GiciskyModel, CountsTheBatteryLinearlyAndClamps) {
    const auto* tag = find_model(0x0033);
    ASSERT_NE(tag, nullptr);
    EXPECT_EQ(battery_percent(*tag, 2200), 0);
    EXPECT_EQ(battery_percent(*tag, 1000), 0);
    EXPECT_EQ(battery_percent(*tag, 2600), 50);
    EXPECT_EQ(battery_percent(*tag, 3000), 100);
    EXPECT_EQ(battery_percent(*tag, 3600), 100);
}

}  // namespace
}  // namespace esl::tagwire::gicisky
