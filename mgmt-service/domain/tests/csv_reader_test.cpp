#include "mgmt-service/domain/csv_reader.hpp"

#include <gtest/gtest.h>

#include <string>

namespace esl::mgmt {
namespace {

// "[a|b][c]" for two rows; a fault is named after its row. `piece` bytes at a time.
std::string rows_of(std::string_view text, std::size_t piece, std::size_t max_row = 1000) {
    CsvReader reader(max_row);
    std::string out;
    const auto show = [&] {
        if (reader.fault() != CsvFault::none) {
            out += "!" + std::to_string(static_cast<int>(reader.fault()));
            return;
        }
        out += "[";
        for (std::size_t i = 0; i < reader.row().size(); ++i) out += (i > 0 ? "|" : "") + std::string(reader.row()[i]);
        out += "]";
    };
    while (!text.empty()) {
        auto part = text.substr(0, piece);
        text.remove_prefix(part.size());
        while (reader.next(part)) show();
    }
    if (reader.finish()) show();
    return out;
}

TEST(CsvReader, ReadsTheSameRowsHoweverTheBytesAreCut) {
    const std::pair<std::string_view, std::string_view> table[] = {
        {"a,b\nc,d\n", "[a|b][c|d]"},
        {"a,b\r\nc,d", "[a|b][c|d]"},
        {"a,,\n", "[a||]"},
        {"\"a,b\",\"c\nd\",\"e\"\"f\"\n", "[a,b|c\nd|e\"f]"},
        {"\"a\"\r\n\"b\" ,c\r\n", "[a][b|c]"},
        {"5\" pizza,x\n", "[5\" pizza|x]"},
        {"\"\",x\n", "[|x]"},
        {"a\n\nb\n", "[a][][b]"},
        {"\"a\"b,c\nd\n", "!2[d]"},
        {"a\n\"b", "[a]!3"},
        {"a", "[a]"},
        {"", ""},
        {"a\rb,c\n", "[a\rb|c]"},
    };
    for (const auto& [text, rows] : table) {
        for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) EXPECT_EQ(rows_of(text, piece), rows) << text;
    }
}

TEST(CsvReader, SkipsTheRestOfARowThatIsTooLong) {
    const std::string text = "abc\n" + std::string(50, 'x') + "\nabc\n\"" + std::string(50, '\n') + "\nabc\n";
    for (std::size_t piece = 1; piece < 60; ++piece) {
        // A quote that is not closed costs the row until the bound, and no more than the line in which that is.
        const auto rows = rows_of(text, piece, 20);
        EXPECT_TRUE(rows.starts_with("[abc]!1[abc]!1")) << rows;
        EXPECT_TRUE(rows.ends_with("[abc]")) << rows;
    }
    EXPECT_EQ(rows_of(std::string(300, ',') + "\nb\n", 7), "!1[b]");
}

}  // namespace
}  // namespace esl::mgmt
