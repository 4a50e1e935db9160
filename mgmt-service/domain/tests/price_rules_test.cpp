#include "mgmt-service/domain/price_rules.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt {
namespace {

using std::chrono::days;
constexpr UnixMillis kDay0{days{20'000}};
constexpr UnixMillis day(int n) {
    return kDay0 + days{n};
}
constexpr Money eur(std::int64_t minor) {
    return {minor, Currency::eur()};
}

TEST(PriorPrice, IsTheLowestOfThirtyDays) {
    const PriceStep history[] = {{day(0), eur(199)}, {day(50), eur(299)}, {day(80), eur(249)}, {day(90), eur(279)}};
    EXPECT_EQ(prior_price(history, day(100)), eur(249));
    EXPECT_EQ(prior_price(history, day(81)), eur(249));
    EXPECT_EQ(prior_price(history, day(79)), eur(199)) << "was still in force when the window opened";
    EXPECT_EQ(prior_price(history, day(80)), eur(299)) << "stopped exactly as the window opened";
    EXPECT_EQ(prior_price(history, day(0)), std::nullopt);
    EXPECT_EQ(prior_price({}, day(0)), std::nullopt);
}

TEST(PriorPrice, LeavesOutThePromotionItselfAndCountsOthers) {
    const PriceStep history[] = {
        {day(0), eur(299)}, {day(10), eur(199), "spring"}, {day(20), eur(299)}, {day(30), eur(149), "summer"}};
    EXPECT_EQ(prior_price(history, day(35), "summer"), eur(199));
    EXPECT_EQ(prior_price(history, day(35), "autumn"), eur(149));
    EXPECT_EQ(prior_price(history, day(30), "summer"), eur(199));
}

TEST(CheckReduction, AnswersThePriceToPrint) {
    const PriceStep history[] = {{day(0), eur(249)}, {day(90), eur(279)}};
    const auto with = [&](Money price, std::optional<Money> announced) {
        return check_reduction(history, {price, announced, day(100), day(107), "x"});
    };
    EXPECT_EQ(with(eur(199), std::nullopt).value(), eur(249));
    EXPECT_EQ(with(eur(199), eur(239)).value(), eur(239));
    EXPECT_EQ(with(eur(199), eur(279)).error().message(),
              "prior price above the lowest of the 30 days before: 2.79 announced, 2.49 was offered");
    EXPECT_TRUE(with(eur(249), std::nullopt).error().is(PriceRuleError::not_a_reduction));
    EXPECT_TRUE(with(eur(-1), std::nullopt).error().is(PriceRuleError::negative_price));
    EXPECT_TRUE(with({199, Currency::parse("USD").value()}, std::nullopt).error().is(PriceRuleError::currency_differs));
    EXPECT_TRUE(check_reduction({}, {eur(1), {}, day(1), day(2), "x"}).error().is(PriceRuleError::no_prior_price));
    EXPECT_TRUE(check_reduction(history, {eur(1), {}, day(2), day(2), "x"}).error().is(PriceRuleError::bad_period));
}

TEST(CheckChange, StopsAtTheLimit) {
    EXPECT_TRUE(check_change(eur(200), eur(100), 50));
    EXPECT_EQ(check_change(eur(200), eur(99), 50).error().message(),
              "price change above the limit: 2.00 to 0.99 is more than 50 %");
    EXPECT_TRUE(check_change(eur(200), eur(300), 50));
    EXPECT_FALSE(check_change(eur(200), eur(301), 50));
    EXPECT_TRUE(check_change(eur(200), eur(99'999), 0)) << "no limit";
    EXPECT_TRUE(check_change(std::nullopt, eur(99'999), 50)) << "first price";
    EXPECT_FALSE(check_change(eur(200), eur(-1), 0));
}

TEST(DiscountPercent, NeverPromisesMoreThanThereIs) {
    EXPECT_EQ(discount_percent(eur(249), eur(199)), 20);
    EXPECT_EQ(discount_percent(eur(300), eur(200)), 33);
    EXPECT_EQ(discount_percent(eur(200), eur(200)), 0);
    EXPECT_EQ(discount_percent(eur(200), eur(201)), 0);
    EXPECT_EQ(discount_percent(eur(0), eur(0)), 0);
}

}  // namespace
}  // namespace esl::mgmt
