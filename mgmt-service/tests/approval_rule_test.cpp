#include "mgmt-service/core/approval_rule.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt {
namespace {

ChangeItem priced(std::optional<std::int64_t> before, std::optional<std::int64_t> after) {
    ChangeItem item;
    item.before = PriceAndPromotion{before, {}};
    item.after = {after, {}};
    item.sets_price = true;
    return item;
}
ChangeItem promoted(std::int64_t regular, std::int64_t price) {
    ChangeItem item;
    item.before = PriceAndPromotion{regular, {}};
    item.after = {regular, Promotion{price, {}, from_millis(1), from_millis(2)}};
    item.sets_promotion = true;
    return item;
}
ApprovalRule rule(std::optional<std::uint32_t> up, std::optional<std::uint32_t> down,
                  std::optional<std::uint32_t> items = {}) {
    ApprovalRule out;
    out.max_up_percent = up;
    out.max_down_percent = down;
    out.max_items = items;
    return out;
}

TEST(ApprovalRule, LimitsAreExactToTheCentInBothDirections) {
    EXPECT_TRUE(trips_of(rule(20, 30), priced(1000, 1200)).empty()) << "20 % is not more than 20 %";
    EXPECT_EQ(trips_of(rule(20, 30), priced(1000, 1201)), (std::vector<Trip>{{TripKind::price, 201}}));
    EXPECT_TRUE(trips_of(rule(20, 30), priced(1000, 700)).empty());
    EXPECT_EQ(trips_of(rule(20, 30), priced(1000, 699)), (std::vector<Trip>{{TripKind::price, -301}}));
    EXPECT_TRUE(trips_of(rule(20, {}), priced(1000, 1)).empty()) << "no limit downwards";
    EXPECT_TRUE(trips_of(rule({}, 30), priced(1000, 9000)).empty()) << "no limit upwards";
    EXPECT_EQ(trips_of(rule(0, 0), priced(1000, 1001)).size(), 1U) << "0 %: every change";
    EXPECT_TRUE(trips_of(rule(0, 0), priced(1000, 1000)).empty());
}

TEST(ApprovalRule, LargeAmountsDoNotOverflow) {
    EXPECT_EQ(trips_of(rule(1000, 10), priced(1, 999'999'999'999'999)),
              (std::vector<Trip>{{TripKind::price, 1'000'000}}));
    EXPECT_TRUE(trips_of(rule(1000, 10), priced(999'999'999'999'999, 999'999'999'999'998)).empty());
}

TEST(ApprovalRule, APriceOutOfNothingHasNothingToBeHeldAgainst) {
    EXPECT_TRUE(trips_of(rule(10, 10), priced({}, 1000)).empty());
    EXPECT_EQ(trips_of(rule(10, {}), priced(0, 5)), (std::vector<Trip>{{TripKind::price, 1'000'000}}));
}

TEST(ApprovalRule, ATakenAwayPriceGoesBeyondEitherLimit) {
    EXPECT_EQ(trips_of(rule({}, 90), priced(100, {})), (std::vector<Trip>{{TripKind::price, -1'000}}));
    EXPECT_EQ(trips_of(rule(90, {}), priced(100, {})), (std::vector<Trip>{{TripKind::price, -1'000}}));
    EXPECT_TRUE(trips_of(rule({}, {}, 5), priced(100, {})).empty());
}

TEST(ApprovalRule, APromotionIsHeldAgainstTheRegularPriceAndItsEndAgainstNothing) {
    EXPECT_EQ(trips_of(rule({}, 30), promoted(1000, 500)), (std::vector<Trip>{{TripKind::promotion, -500}}));
    EXPECT_TRUE(trips_of(rule({}, 50), promoted(1000, 500)).empty());
    auto ends = promoted(1000, 500);
    std::swap(ends.before->promotion, ends.after.promotion);
    EXPECT_TRUE(trips_of(rule(1, 1), ends).empty());
}

TEST(ApprovalRule, JudgesByItemAndByTheirNumber) {
    std::vector<ChangeItem> items{priced(100, 130), priced(100, 101), priced(100, 60)};
    const auto need = judge(rule(20, 20, 5), items);
    ASSERT_TRUE(need);
    EXPECT_EQ(need->tripped, 2U);
    EXPECT_FALSE(need->too_many);
    EXPECT_FALSE(items[0].trips.empty());
    EXPECT_TRUE(items[1].trips.empty());
    const auto many = judge(rule({}, {}, 2), items);
    ASSERT_TRUE(many);
    EXPECT_TRUE(many->too_many);
    EXPECT_EQ(many->tripped, 0U);
    EXPECT_TRUE(items[0].trips.empty()) << "reasons of an earlier rule do not stay";
    EXPECT_FALSE(judge(rule(50, 50, 3), items));
    EXPECT_FALSE(judge(ApprovalRule{}, items)) << "off by default";
}

}  // namespace
}  // namespace esl::mgmt
