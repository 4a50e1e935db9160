#include "common/core/ids.hpp"

#include <gtest/gtest.h>

#include "common/testing/testing.hpp"

namespace esl {
namespace {

TEST(TagId, KeepsItsWidthInText) {
    EXPECT_EQ(TagId::parse("ff:ff:92:10:3a:07").value().text(), "FFFF92103A07");
    EXPECT_EQ(TagId::parse("00124B0001020304").value().text(), "00124B0001020304");
    EXPECT_TRUE(TagId::parse("FFFF92103A07").value().is_eui48());
    EXPECT_NE(TagId::eui48(7), TagId::eui64(7));
}

TEST(TagId, RefusesOtherTextAndSaysWhy) {
    EXPECT_EQ(TagId::parse("123").error().about(), "tag id '123' has 3 digits, not 12 or 16");
    EXPECT_EQ(TagId::parse("FFFF92103A0G").error().about(), "tag id 'FFFF92103A0G' is not hex");
}

TEST(Uuid7, SortsInTheOrderOfMakingAndCarriesTheTime) {
    testing::ManualClock clock(0x0123'4567'89AB);
    std::string last;
    for (int i = 0; i < 5000; ++i) {
        const auto id = new_uuid7(clock);
        ASSERT_TRUE(is_uuid(id)) << id;
        ASSERT_EQ(id[14], '7');
        ASSERT_LT(last, id);
        last = id;
    }
    EXPECT_TRUE(last.starts_with("01234567-89")) << last;
}

TEST(Uuid7, IsRecognisedByItsForm) {
    EXPECT_FALSE(is_uuid("01234567-89ab-7000-8000-0123456789a"));
    EXPECT_FALSE(is_uuid("01234567-89AB-7000-8000-0123456789ab"));
    EXPECT_FALSE(is_uuid("01234567089ab-7000-8000-0123456789ab"));
}

}  // namespace
}  // namespace esl
