#include "mgmt-service/domain/unit_price.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt {
namespace {

UnitPrice of(std::int64_t minor, std::string_view quantity, Unit unit, UnitPriceRules rules = {}) {
    return unit_price({minor, Currency::eur()}, Quantity::parse(quantity).value(), unit, rules).value();
}

TEST(Unit, IsReadInTheWordsOfShops) {
    EXPECT_EQ(parse_unit("L"), Unit::l);
    EXPECT_EQ(parse_unit("KG"), Unit::kg);
    EXPECT_EQ(parse_unit("kom"), Unit::piece);
    EXPECT_EQ(parse_unit("m²"), Unit::m2);
    EXPECT_EQ(parse_unit(" ml "), Unit::ml);
    EXPECT_EQ(parse_unit("par"), std::nullopt);
    EXPECT_EQ(parse_unit(""), std::nullopt);
}

TEST(Quantity, KeepsSixDecimals) {
    EXPECT_EQ(Quantity::parse("0.75").value().millionths(), 750'000);
    EXPECT_EQ(Quantity::parse("0,75").value().text(), "0.75");
    EXPECT_EQ(Quantity::parse("2.00").value().text(','), "2");
    EXPECT_EQ(Quantity::parse("1.5").value().text(','), "1,5");
    EXPECT_EQ(Quantity::parse("0.000001").value().millionths(), 1);
    EXPECT_EQ(Quantity::parse("1.2500000000").value().text(), "1.25");
    EXPECT_EQ(Quantity::parse("999999999").value().text(), "999999999");
}

TEST(Quantity, SaysWhatIsWrong) {
    EXPECT_TRUE(Quantity::parse("").error().is(QuantityError::empty));
    EXPECT_TRUE(Quantity::parse("0.00").error().is(QuantityError::zero));
    EXPECT_TRUE(Quantity::parse("-1").error().is(QuantityError::malformed));
    EXPECT_TRUE(Quantity::parse("6x330").error().is(QuantityError::malformed));
    EXPECT_TRUE(Quantity::parse("0.0000001").error().is(QuantityError::too_many_decimals));
    EXPECT_TRUE(Quantity::parse("1000000000").error().is(QuantityError::too_large));
    EXPECT_EQ(Quantity::parse("1.2.3").error().message(), "not a quantity: '1.2.3'");
}

TEST(UnitPrice, IsPerBaseUnit) {
    EXPECT_EQ(of(249, "2.00", Unit::l), (UnitPrice{{125, Currency::eur()}, "1 l", false}));  // 124.5 goes up
    EXPECT_EQ(of(199, "250", Unit::g), (UnitPrice{{796, Currency::eur()}, "1 kg", false}));
    EXPECT_EQ(of(99, "33", Unit::cl).price.minor, 300);
    EXPECT_EQ(of(499, "10", Unit::piece), (UnitPrice{{50, Currency::eur()}, "1 pcs", false}));
    EXPECT_EQ(of(1999, "2.5", Unit::m2).per, "1 m²");
    EXPECT_EQ(of(300, "50", Unit::cm).price.minor, 600);
    EXPECT_EQ(of(1, "1", Unit::mg).price.minor, 1'000'000);
}

TEST(UnitPrice, RoundsHalfUpOnceAfterTheDivision) {
    EXPECT_EQ(of(1, "2", Unit::kg).price.minor, 1);  // 0.5
    EXPECT_EQ(of(1, "3", Unit::kg).price.minor, 0);  // 0.33
    EXPECT_EQ(of(100, "3", Unit::kg).price.minor, 33);
    EXPECT_EQ(of(200, "3", Unit::kg).price.minor, 67);
}

TEST(UnitPrice, MayBePerHundredForSmallPacks) {
    const UnitPriceRules rules{250};
    EXPECT_EQ(of(199, "250", Unit::g, rules), (UnitPrice{{80, Currency::eur()}, "100 g", false}));
    EXPECT_EQ(of(199, "0.25", Unit::l, rules).per, "100 ml");
    EXPECT_EQ(of(199, "251", Unit::g, rules).per, "1 kg");
    EXPECT_EQ(of(199, "5", Unit::piece, rules).per, "1 pcs");
    EXPECT_TRUE(of(199, "100", Unit::g, rules).same_as_price);
}

TEST(UnitPrice, SaysWhenItEqualsThePrice) {
    EXPECT_TRUE(of(199, "1000", Unit::g).same_as_price);
    EXPECT_TRUE(of(199, "1.000", Unit::kg).same_as_price);
    EXPECT_FALSE(of(199, "999", Unit::g).same_as_price);
}

TEST(UnitPrice, IsLeftOutWhenItWouldNotFit) {
    const Money dear{kMaxMinor, Currency::eur()};
    EXPECT_FALSE(unit_price(dear, Quantity::from_millionths(1), Unit::mg));
    EXPECT_FALSE(unit_price({-1, Currency::eur()}, Quantity::parse("1").value(), Unit::kg));
}

}  // namespace
}  // namespace esl::mgmt
