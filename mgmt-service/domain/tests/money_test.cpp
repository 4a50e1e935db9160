#include "mgmt-service/domain/money.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt {
namespace {

Currency currency(std::string_view code) {
    return Currency::parse(code).value();
}

TEST(Currency, KnowsItsDecimals) {
    EXPECT_EQ(currency("JPY").exponent(), 0);
    EXPECT_EQ(currency("EUR").exponent(), 2);
    EXPECT_EQ(currency("KWD").exponent(), 3);
    EXPECT_EQ(currency("EUR"), Currency::eur());
    EXPECT_EQ(currency("CZK").symbol(), "Kč");
    EXPECT_TRUE(Currency::parse("eur").error().is(MoneyError::unknown_currency));
    EXPECT_EQ(Currency::parse("EU").error().message(), "unknown currency: 'EU'");
    EXPECT_FALSE(Currency::parse("ZZZ"));
}

TEST(ParseMoney, TakesEitherDecimalSign) {
    const std::pair<std::string_view, std::int64_t> rows[] = {
        {"1,99", 199},   {"1.99", 199}, {"5", 500},
        {"0.5", 50},     {",50", 50},   {"12.", 1200},
        {" 3,00 ", 300}, {"0", 0},      {"9999999999999.99", 999'999'999'999'999},
    };
    for (const auto& [text, minor] : rows) EXPECT_EQ(parse_money(text, Currency::eur()).value().minor, minor) << text;
    EXPECT_EQ(parse_money("129", currency("JPY")).value().minor, 129);
    EXPECT_EQ(parse_money("1.234", currency("KWD")).value().minor, 1234);
}

TEST(ParseMoney, SaysWhatIsWrong) {
    const std::pair<std::string_view, MoneyError> rows[] = {
        {"", MoneyError::empty},
        {"  ", MoneyError::empty},
        {"-1", MoneyError::negative},
        {"1.2.3", MoneyError::malformed},
        {"1,29.00", MoneyError::malformed},
        {"abc", MoneyError::malformed},
        {".", MoneyError::malformed},
        {"1e3", MoneyError::malformed},
        {"1.299", MoneyError::too_many_decimals},
        {"99999999999999", MoneyError::too_large},
        {"1000000000000000000000000000", MoneyError::too_large},
    };
    for (const auto& [text, reason] : rows) {
        const auto money = parse_money(text, Currency::eur());
        ASSERT_FALSE(money) << text;
        EXPECT_TRUE(money.error().is(reason)) << text << ": " << money.error().message();
    }
    EXPECT_EQ(parse_money("1.5", currency("JPY")).error().message(),
              "more decimals than the currency has: '1.5', and JPY has 0");
}

TEST(FormatMoney, FollowsTheLocale) {
    const Money price{129'999, Currency::eur()};
    EXPECT_EQ(format_money(price, "de"), "1.299,99\u00A0€");
    EXPECT_EQ(format_money(price, "hr"), "1.299,99\u00A0€");
    EXPECT_EQ(format_money(price, "de-DE"), "1.299,99\u00A0€");
    EXPECT_EQ(format_money(price, "de-AT"), "€\u00A01.299,99");
    EXPECT_EQ(format_money(price, "fr"), "1\u00A0299,99\u00A0€");
    EXPECT_EQ(format_money(price, "en"), "€1,299.99");
    EXPECT_EQ(format_money({129'999, currency("USD")}, "en"), "$1,299.99");
    EXPECT_EQ(format_money({129'999, currency("CHF")}, "de-CH"), "CHF\u00A01’299.99");
    EXPECT_EQ(format_money({129'999, currency("CHF")}, "en"), "CHF\u00A01,299.99");
    EXPECT_EQ(format_money({990, currency("CNY")}, "zh"), "¥9.90");
    EXPECT_EQ(format_money({1299, currency("JPY")}, "ja"), "¥1,299");
    EXPECT_EQ(format_money({5, currency("KWD")}, "en"), "KWD\u00A00.005");
    EXPECT_EQ(format_money(price, "xx"), "€1,299.99");
}

TEST(PriceParts, SplitTheCentsOff) {
    const auto parts = price_parts({199, Currency::eur()}, "hr");
    EXPECT_EQ(parts.whole, "1");
    EXPECT_EQ(parts.separator, ",");
    EXPECT_EQ(parts.fraction, "99");
    EXPECT_EQ(parts.symbol, "€");
    EXPECT_FALSE(parts.symbol_first);
    EXPECT_EQ(price_parts({1299, currency("JPY")}, "ja").fraction, "");
    EXPECT_EQ(price_parts({5, Currency::eur()}, "de").amount(), "0,05");
}

TEST(PlainMoney, IsReadBackAsItWas) {
    for (const auto code : {"EUR", "JPY", "KWD"}) {
        for (const std::int64_t minor : {0L, 5L, 99L, 100L, 123'456'789L}) {
            const Money money{minor, currency(code)};
            EXPECT_EQ(parse_money(plain(money), money.currency).value(), money) << plain(money);
        }
    }
}

}  // namespace
}  // namespace esl::mgmt
