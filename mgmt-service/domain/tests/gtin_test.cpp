#include "mgmt-service/domain/gtin.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt {
namespace {

TEST(CheckDigit, IsWeighedFromTheRight) {
    EXPECT_EQ(check_digit("400638133393"), '1');
    EXPECT_EQ(check_digit("950600013435"), '2');   // weights from the left would give 4
    EXPECT_EQ(check_digit("9638507"), '4');        // GTIN-8
    EXPECT_EQ(check_digit("03600029145"), '2');    // UPC-A
    EXPECT_EQ(check_digit("1950600013435"), '9');  // GTIN-14
}

TEST(ProductCode, PadsEveryGtinToFourteenDigits) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"96385074", "00000096385074"},        {"036000291452", "00036000291452"},
        {"4006381333931", "04006381333931"},   {"19506000134359", "19506000134359"},
        {" 4006381333931 ", "04006381333931"},
    };
    for (const auto& [text, id] : rows) {
        const auto code = read_product_code(text);
        EXPECT_EQ(code.verdict, CodeVerdict::gtin) << text;
        EXPECT_EQ(code.id, id);
        EXPECT_FALSE(code.zeros_restored);
        EXPECT_TRUE(is_gtin14(code.id));
    }
}

TEST(ProductCode, NamesTheRightCheckDigitWhenItIsWrong) {
    const auto code = read_product_code("9008700124196");
    EXPECT_EQ(code.verdict, CodeVerdict::bad_check_digit);
    EXPECT_EQ(code.detail, "'9008700124196': check digit is 6, should be 5");
    EXPECT_FALSE(code.accepted());
    EXPECT_TRUE(code.id.empty());
}

TEST(ProductCode, TellsShortInStoreCodesFromBadCheckDigits) {
    for (const auto* text : {"7", "4011", "123", "1234567"}) {
        EXPECT_EQ(read_product_code(text).verdict, CodeVerdict::short_code) << text;
    }
    EXPECT_EQ(read_product_code("4011").detail, "'4011' has 4 digits: an in-store code, no GTIN (8, 12, 13 or 14)");
}

TEST(ProductCode, KnowsThePrefixesThatBelongToTheShop) {
    for (std::string data : {"210000001234", "020000001234", "040000001234", "299999999999"}) {
        data += check_digit(data);
        const auto code = read_product_code(data);
        EXPECT_EQ(code.verdict, CodeVerdict::in_store) << data;
        EXPECT_EQ(code.id, "0" + data);
        EXPECT_TRUE(code.accepted());
        EXPECT_FALSE(is_gtin14(code.id));
    }
    std::string eight = "2012345";
    eight += check_digit(eight);
    EXPECT_EQ(read_product_code(eight).verdict, CodeVerdict::in_store);
    EXPECT_EQ(read_product_code("2100000012340").verdict, CodeVerdict::bad_check_digit);
}

TEST(ProductCode, RestoresZerosThatASpreadsheetDropped) {
    const auto code = read_product_code("36000291452");  // UPC-A 036000291452
    EXPECT_EQ(code.verdict, CodeVerdict::gtin);
    EXPECT_EQ(code.id, "00036000291452");
    EXPECT_TRUE(code.zeros_restored);
    EXPECT_EQ(read_product_code("36000291453").verdict, CodeVerdict::wrong_length);
    EXPECT_EQ(read_product_code("123456789012345").verdict, CodeVerdict::wrong_length);
    EXPECT_EQ(read_product_code("00000000").verdict, CodeVerdict::wrong_length);
}

TEST(ProductCode, TakesItemCodesAndRefusesOtherCharacters) {
    EXPECT_EQ(read_product_code("00-307054").id, "00-307054");
    EXPECT_EQ(read_product_code("00-307054").verdict, CodeVerdict::item_code);
    EXPECT_EQ(read_product_code("a b").detail, "character 2 is neither a letter of A-Z, a digit nor one of -_./");
    EXPECT_EQ(read_product_code("a\nb").verdict, CodeVerdict::bad_character);
    EXPECT_EQ(read_product_code("").verdict, CodeVerdict::empty);
    EXPECT_EQ(read_product_code("  ").verdict, CodeVerdict::empty);
    EXPECT_EQ(read_product_code(std::string(64, 'x')).verdict, CodeVerdict::item_code);
    EXPECT_EQ(read_product_code(std::string(65, 'x')).verdict, CodeVerdict::too_long);
}

TEST(Ean13, IsThereForAnIndicatorOfZeroOnly) {
    EXPECT_EQ(ean13_of("04006381333931"), "4006381333931");
    EXPECT_EQ(ean13_of("19506000134359"), "");
    EXPECT_EQ(ean13_of("4006381333931"), "");
    EXPECT_EQ(ean13_of("00-30705400000"), "");
}

}  // namespace
}  // namespace esl::mgmt
