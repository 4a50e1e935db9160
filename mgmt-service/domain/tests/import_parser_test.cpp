#include "mgmt-service/domain/import_parser.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace esl::mgmt {
namespace {

// "1:04006381333931 2:!short_code " and the error of the whole, if any. `piece` bytes at a time.
std::string verdicts(ImportFormat format, std::string_view text, std::size_t piece = 4096) {
    std::string out;
    ImportParser parser(format, Currency::eur(), [&](ParsedRow&& row) {
        out += std::to_string(row.row) + ":";
        out += row.product ? row.product->code.id : "!" + std::string(name(row.product.error().problem));
        out += " ";
    });
    while (!text.empty()) {
        const auto part = text.substr(0, piece);
        text.remove_prefix(part.size());
        if (const auto ok = parser.feed(part); !ok) return out + ok.error().message();
    }
    if (const auto ok = parser.finish(); !ok) return out + ok.error().message();
    return out;
}
std::string csv(std::string_view text, std::size_t piece = 4096) {
    return verdicts(ImportFormat::csv, text, piece);
}
std::string json(std::string_view text, std::size_t piece = 4096) {
    return verdicts(ImportFormat::json_lines, text, piece);
}

TEST(ImportParser, FindsColumnsByNameAndDelimiterByCount) {
    const std::string expected = "1:04006381333931 2:!short_code ";
    EXPECT_EQ(csv("barcode,name\n4006381333931,Pen\n123,Pen\n"), expected);
    EXPECT_EQ(csv("name;price;barcode\nPen;1,99;4006381333931\nPen;1,99;123\n"), expected);
    EXPECT_EQ(csv("Name\tGTIN \r\nPen\t4006381333931\r\nPen\t123\r\n"), expected);
    EXPECT_EQ(csv("\xEF\xBB\xBF\"barcode\",\"name\"\n\"4006381333931\",\"Pen, red\"\n\n123,Pen"), expected);
    EXPECT_EQ(csv("barcode,colour,name\n4006381333931,red,Pen\n123,,\n"), expected) << "other columns are ignored";
}

TEST(ImportParser, AnswersTheSameHoweverTheBytesAreCut) {
    const std::string text =
        "\xEF\xBB\xBF"
        "barcode;name;price\r\n4006381333931;\"Nektar \"\"Naranča\"\"\";2,49\r\n\r\n9008700124196;x;1\r\n"
        "12;x;1\r\n4006381333931;x\r\n4006381333931;\xFF;1\r\n4006381333931;\"open;1\r\n";
    const std::string expected = "1:04006381333931 2:!bad_check_digit 3:!short_code 4:!bad_row 5:!bad_utf8 6:!bad_row ";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) EXPECT_EQ(csv(text, piece), expected) << piece;
    const std::string lines =
        "\xEF\xBB\xBF{\"barcode\":\"4006381333931\",\"price\":2.49}\r\n\n{\"barcode\":4006381333931}\n[]\n{\"barcode\n"
        "{\"barcode\":{}}\n{\"gtin\":\"12\"}\n{\"barcode\":\"\xFF\"}\n{}";
    const std::string verdict =
        "1:04006381333931 2:04006381333931 3:!bad_row 4:!bad_row 5:!bad_row 6:!short_code 7:!bad_utf8 8:!bad_code ";
    for (std::size_t piece = 1; piece <= lines.size(); ++piece) EXPECT_EQ(json(lines, piece), verdict) << piece;
}

TEST(ImportParser, SaysWhyAHeaderLineIsOfNoUse) {
    EXPECT_EQ(csv(""), "no header line");
    EXPECT_EQ(csv("barcode,price\n"), "a column is missing: name (the header line has 2 columns)");
    EXPECT_EQ(csv("name\n"), "a column is missing: barcode (the header line has 1 columns)");
    EXPECT_EQ(csv("barcode,name,ean\n"), "a column is there twice: barcode");
    EXPECT_EQ(csv("barcode,n\xE4me\n"), "not UTF-8: byte 10 of the header line");
    EXPECT_EQ(csv("\xFF\xFE"
                  "b"),
              "not UTF-8: the file is UTF-16; save it as UTF-8");
    EXPECT_EQ(csv(std::string(40'000, 'x'), 1000), "header line too long: more than 16384 bytes");
}

TEST(ImportParser, HoldsNoMoreThanOneRow) {
    const std::string row = "4006381333931,Pen\n";
    EXPECT_EQ(csv("barcode,name\n" + row + "1," + std::string(100'000, 'x') + "\n" + row, 777),
              "1:04006381333931 2:!too_long 3:04006381333931 ");
    EXPECT_EQ(json("{\"barcode\":\"" + std::string(100'000, 'x') + "\"}\n{\"barcode\":\"4006381333931\"}", 777),
              "1:!too_long 2:04006381333931 ");
    std::string many = "barcode,name\n4006381333931,\"Pen\n";
    for (int i = 0; i < 3000; ++i) many += row;
    const auto verdict = csv(many);
    EXPECT_TRUE(verdict.starts_with("1:!too_long 2:04006381333931")) << verdict.substr(0, 60);
    EXPECT_NE(verdict.find(" 2000:04006381333931"), std::string::npos) << "an open quote costs 16 KiB, not the file";
}

TEST(ImportParser, TakesNestedJsonWithoutHarm) {
    EXPECT_EQ(json(std::string(16'000, '[') + "\n"), "1:!bad_row ");
    EXPECT_EQ(json("{\"barcode\":" + std::string(5'000, '[') + std::string(5'000, ']') + "}\n"), "1:!bad_row ");
    EXPECT_EQ(json("{\"barcode\":\"4006381333931\",\"price\":1e999}\n"), "1:!bad_row ");
    EXPECT_EQ(json("{\"barcode\":\"4006381333931\",\"price\":1e30}\n"), "1:!bad_price ");
}

struct Verdicts {
    std::map<std::string, unsigned> counts;
    std::uint64_t rows = 0;
};

// Parts of an odd size cut rows and characters of several bytes anywhere.
Verdicts verdicts_of(std::istream& in, std::size_t part_size) {
    Verdicts out;
    ImportParser parser(ImportFormat::csv, Currency::eur(), [&](ParsedRow&& row) {
        out.counts[row.product ? std::string(name(row.product->code.verdict))
                               : std::string(name(row.product.error().problem))] += 1;
    });
    std::vector<char> part(part_size);
    while (in.read(part.data(), static_cast<std::streamsize>(part.size())) || in.gcount() > 0) {
        EXPECT_TRUE(parser.feed({part.data(), static_cast<std::size_t>(in.gcount())}));
    }
    EXPECT_TRUE(parser.finish());
    out.rows = parser.rows();
    return out;
}

TEST(ImportParser, GivesEveryRowOfTheSampleCatalogueAVerdict) {
    std::ifstream in("deploy/catalogue/products.csv", std::ios::binary);
    ASSERT_TRUE(in) << "tests run in the source tree";
    std::stringstream text;
    text << in.rdbuf();
    // Rows as they come from shops: a code of the shop's own, a wrong check digit, a quantity that is none.
    text << "4711,,Rolls,1,kg,1.99\n9501100010378,,Milk,1,L,3.49\n9501100010377,,Milk,much,L,3.49\n";
    for (const std::size_t part : {7U, 10'007U}) {
        text.clear();
        text.seekg(0);
        auto got = verdicts_of(text, part);
        EXPECT_EQ(got.rows, 243U);
        EXPECT_EQ(got.counts["gtin"], 240U);
        EXPECT_EQ(got.counts["short_code"], 1U);
        EXPECT_EQ(got.counts["bad_check_digit"], 1U);
        EXPECT_EQ(got.counts["bad_quantity"], 1U);
    }
}

// The catalogue of 29,684 real rows is not part of the source tree; where it lies beside it, it is read as well.
TEST(ImportParser, GivesARealCatalogueAVerdictForEachRowWhereThereIsOne) {
    std::ifstream in("../shared/data/products-hr.csv", std::ios::binary);
    if (!in) return;
    auto got = verdicts_of(in, 10'007);
    EXPECT_EQ(got.rows, 29'684U);
    EXPECT_EQ(got.counts["short_code"], 39U);
    EXPECT_EQ(got.counts["bad_check_digit"], 1U);
    for (const auto& [verdict, count] : got.counts) RecordProperty(verdict, static_cast<int>(count));
    EXPECT_EQ(
        got.counts["gtin"] + got.counts["short_code"] + got.counts["bad_check_digit"] + got.counts["bad_quantity"],
        29'684U);
}

}  // namespace
}  // namespace esl::mgmt
