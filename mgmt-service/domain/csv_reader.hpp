// CSV (RFC 4180) cut into rows of cells, from chunks of any size. No I/O; thread-confined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace esl::mgmt {

// One row's cells, unquoted. Views point into the reader until it is fed again or the next row begins.
class CsvRow {
public:
    [[nodiscard]] std::size_t size() const { return ends_.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t i) const {
        const auto from = i == 0 ? 0 : ends_[i - 1];
        return std::string_view(text_).substr(from, ends_[i] - from);
    }
    [[nodiscard]] bool blank() const { return ends_.size() == 1 && text_.empty(); }

private:
    friend class CsvReader;
    std::string text_;               // cells one after the other
    std::vector<std::size_t> ends_;  // where each ends
};

enum class CsvFault : std::uint8_t { none, too_long, text_after_quote, open_quote };

// Bounded: a row holds at most max_row bytes of cells and kMaxCells cells; of a longer one the rest of the line is
// skipped and the row has the fault too_long. A quote inside an unquoted cell stands for itself.
class CsvReader {
public:
    static constexpr std::size_t kMaxCells = 256;

    explicit CsvReader(std::size_t max_row) : max_row_(max_row) {}
    void set_delimiter(char delimiter) { delimiter_ = delimiter; }

    // Consumes bytes of `in` up to the end of a row. True: a row is complete (row(), fault()); call again with what is
    // left. False: all was consumed.
    bool next(std::string_view& in);
    // The row that has no line end, if there is one.
    bool finish();

    [[nodiscard]] const CsvRow& row() const { return row_; }
    [[nodiscard]] CsvFault fault() const { return fault_; }

private:
    enum class State : std::uint8_t { cell_start, unquoted, quoted, quote_in_quoted, after_quote, skip };
    void begin_row();
    void end_cell();
    void put(char c);
    void put(std::string_view text);
    // False when `c` ends the row.
    bool take(char c);
    bool complete();

    std::size_t max_row_;
    char delimiter_ = ',';
    State state_ = State::cell_start;
    CsvFault fault_ = CsvFault::none;
    bool fresh_ = true;     // the next byte begins a row
    bool pending_ = false;  // the row has bytes
    CsvRow row_;
};

}  // namespace esl::mgmt
