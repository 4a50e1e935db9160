#include "mgmt-service/domain/import_row.hpp"

#include <gtest/gtest.h>

#include <map>

namespace esl::mgmt {
namespace {

std::expected<ProductRow, RowError> judged(const std::map<Column, std::string_view>& values) {
    Cells cells;
    cells[0] = "4006381333931";
    for (const auto& [column, text] : values) cells[static_cast<std::size_t>(column)] = text;
    return judge_row(cells, Currency::eur());
}

TEST(JudgeRow, ReadsEveryColumn) {
    const auto row = judged({{Column::name, " Nektar Jabuka "},
                             {Column::brand, "Bravo"},
                             {Column::unit, "L"},
                             {Column::quantity, "2,00"},
                             {Column::price, "2,49"},
                             {Column::currency, "EUR"},
                             {Column::prior_price, "2.49"},
                             {Column::promo_price, "1.99"},
                             {Column::promo_from, "2026-11-23"},
                             {Column::promo_to, "2026-11-30T08:00+01:00"},
                             {Column::url, "https://example.com/a"}});
    ASSERT_TRUE(row) << row.error().detail;
    EXPECT_EQ(row->code.id, "04006381333931");
    EXPECT_EQ(row->name, "Nektar Jabuka");
    EXPECT_EQ(row->brand, "Bravo");
    EXPECT_EQ(row->unit, "L");
    EXPECT_EQ(row->quantity->text(), "2");
    EXPECT_EQ(row->quantity_text, "2.00");
    EXPECT_EQ(row->price->minor, 249);
    ASSERT_TRUE(row->promotion);
    EXPECT_EQ(row->promotion->price.minor, 199);
    EXPECT_EQ(row->promotion->prior_price->minor, 249);
    EXPECT_EQ(to_millis(row->promotion->from), 1'795'392'000'000);
    EXPECT_EQ(to_millis(row->promotion->to), 1'796'022'000'000);
    EXPECT_EQ(row->url, "https://example.com/a");
}

TEST(JudgeRow, LeavesEmptyCellsAbsent) {
    const auto row = judged({});
    ASSERT_TRUE(row);
    EXPECT_FALSE(row->name || row->brand || row->unit || row->quantity || row->price || row->promotion || row->url);
}

TEST(JudgeRow, NamesColumnAndReason) {
    const std::string long_name(201, 'x');
    std::string accents;
    for (int i = 0; i < 200; ++i) accents += "č";
    EXPECT_TRUE(judged({{Column::name, accents}})) << "200 characters, 400 bytes";
    const std::tuple<Column, std::string_view, RowProblem, std::string_view> table[] = {
        {Column::barcode, "9008700124196", RowProblem::bad_check_digit,
         "barcode '9008700124196': check digit is 6, should be 5"},
        {Column::barcode, "4011", RowProblem::short_code,
         "barcode '4011' has 4 digits: an in-store code, no GTIN (8, 12, 13 or 14)"},
        {Column::barcode, "", RowProblem::bad_code, "barcode no code"},
        {Column::barcode, "a b", RowProblem::bad_code,
         "barcode character 2 is neither a letter of A-Z, a digit nor one of -_./"},
        {Column::name, long_name, RowProblem::too_long, "name has 201 characters, at most 200 are taken"},
        {Column::name, "a\xC3(", RowProblem::bad_utf8, "name byte 2 is not UTF-8"},
        {Column::name, "a\x01z", RowProblem::bad_row, "name byte 2 is a control character"},
        {Column::quantity, "6x330", RowProblem::bad_quantity, "quantity is not a quantity: '6x330'"},
        {Column::quantity, "0", RowProblem::bad_quantity, "quantity is quantity is zero: '0'"},
        {Column::price, "1.999", RowProblem::price_exponent,
         "price is more decimals than the currency has: '1.999', and EUR has 2"},
        {Column::price, "-1", RowProblem::bad_price, "price is amount below zero: '-1'"},
        {Column::currency, "USD", RowProblem::bad_price, "currency is 'USD', and the store sells in EUR"},
        {Column::promo_price, "1.00", RowProblem::bad_promotion, "promo_from is missing"},
        {Column::promo_to, "2026-11-30", RowProblem::bad_promotion, "promo_to is there without a promo_price"},
    };
    for (const auto& [column, text, problem, detail] : table) {
        const auto row = judged({{column, text}});
        ASSERT_FALSE(row) << text;
        EXPECT_EQ(row.error().problem, problem) << text;
        EXPECT_EQ(row.error().column.value_or(column),
                  problem == RowProblem::bad_promotion ? *row.error().column : column);
        EXPECT_EQ(row.error().detail, detail);
    }
    EXPECT_EQ(judged({{Column::price, "x"}}).error().id, "04006381333931") << "the product is known";
}

TEST(JudgeRow, ChecksAPromotionInItself) {
    const auto with = [](std::string_view price, std::string_view promo, std::string_view from, std::string_view to) {
        const auto row = judged(
            {{Column::price, price}, {Column::promo_price, promo}, {Column::promo_from, from}, {Column::promo_to, to}});
        return row ? std::string("good") : row.error().detail;
    };
    EXPECT_EQ(with("2", "1", "2026-11-01", "2026-11-08"), "good");
    EXPECT_EQ(with("2", "2", "2026-11-01", "2026-11-08"), "promo_price is not below price");
    EXPECT_EQ(with("2", "1", "2026-11-08", "2026-11-08"), "promo_to is not after promo_from");
    EXPECT_EQ(with("2", "1", "soon", "2026-11-08"),
              "promo_from 'soon' is neither a date, a date-time nor Unix milliseconds");
}

TEST(ParseMoment, TakesDatesTimesAndMilliseconds) {
    const std::pair<std::string_view, std::int64_t> good[] = {
        {"2026-11-22", 1'795'305'600'000},
        {"2026-11-22T14:30", 1'795'357'800'000},
        {"2026-11-22T14:30Z", 1'795'357'800'000},
        {"2026-11-22 14:30:05", 1'795'357'805'000},
        {"2026-11-22T14:30:05.25Z", 1'795'357'805'250},
        {"2026-11-22T15:30+01:00", 1'795'357'800'000},
        {"2026-11-22T09:30-0500", 1'795'357'800'000},
        {"1795357800000", 1'795'357'800'000},
        {"2024-02-29", 1'709'164'800'000},
    };
    for (const auto& [text, ms] : good) {
        const auto moment = parse_moment(text);
        ASSERT_TRUE(moment) << text;
        EXPECT_EQ(to_millis(*moment), ms) << text;
    }
    for (const auto* bad : {"", "2026", "2026-13-01", "2025-02-29", "2026-11-31", "22.11.2026", "2026-11-22T",
                            "2026-11-22T25:00", "2026-11-22T14:30:61", "2026-11-22T14:30+99:00", "2026-11-22T14:30Zx",
                            "1795357800", "1999-12-31", "2200-01-01", "-026-11-22", "2026-11-22T14:30:05."}) {
        EXPECT_FALSE(parse_moment(bad)) << bad;
    }
}

TEST(FindBadUtf8, KnowsTheWellFormedRangesOfRfc3629) {
    for (const std::string_view good :
         {"", "abc", "Naranča", "中文 tea tea tea", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_EQ(find_bad_utf8(good), std::nullopt) << good;
    }
    const std::pair<std::string_view, std::size_t> bad[] = {
        {"\x80", 0},         {"a\xC0\x80", 1}, {"\xE0\x80\x80", 0}, {"\xED\xA0\x80", 0},     {"\xF4\x90\x80\x80", 0},
        {"abcdefgh\xFF", 8}, {"ab\xC4", 2},    {"\xE4\xB8", 0},     {"\xF5\x80\x80\x80", 0},
    };
    for (const auto& [text, at] : bad) EXPECT_EQ(find_bad_utf8(text), at);
}

}  // namespace
}  // namespace esl::mgmt
