#include "mgmt-service/domain/csv_reader.hpp"

#include <algorithm>

namespace esl::mgmt {

void CsvReader::begin_row() {
    row_.text_.clear();
    row_.ends_.clear();
    state_ = State::cell_start;
    fault_ = CsvFault::none;
    fresh_ = false;
    pending_ = false;
}

void CsvReader::end_cell() {
    if (row_.ends_.size() < kMaxCells) {
        row_.ends_.push_back(row_.text_.size());
    } else {
        fault_ = CsvFault::too_long;
        state_ = State::skip;
    }
}

void CsvReader::put(char c) {
    put(std::string_view(&c, 1));
}

void CsvReader::put(std::string_view text) {
    if (row_.text_.size() + text.size() > max_row_) {
        fault_ = CsvFault::too_long;
        state_ = State::skip;
    } else {
        row_.text_.append(text);
    }
}

bool CsvReader::complete() {
    if (state_ != State::skip) {
        // The CR of a CRLF; a quoted cell has dropped it already.
        const bool bare = state_ == State::unquoted || state_ == State::cell_start;
        const auto from = row_.ends_.empty() ? 0 : row_.ends_.back();
        if (bare && row_.text_.size() > from && row_.text_.back() == '\r') row_.text_.pop_back();
        end_cell();
    }
    fresh_ = true;
    return true;
}

bool CsvReader::take(char c) {
    switch (state_) {
        case State::cell_start:
        case State::unquoted:
            if (c == '\n') return false;
            if (c == delimiter_) {
                state_ = State::cell_start;
                end_cell();
            } else if (c == '"' && state_ == State::cell_start) {
                state_ = State::quoted;
            } else {
                state_ = State::unquoted;
                put(c);
            }
            return true;
        case State::quoted:
            if (c == '"') {
                state_ = State::quote_in_quoted;
            } else {
                put(c);
            }
            return true;
        case State::quote_in_quoted:
            if (c == '"') {
                state_ = State::quoted;
                put(c);
                return true;
            }
            [[fallthrough]];
        case State::after_quote:
            if (c == '\n') return false;
            if (c == delimiter_) {
                state_ = State::cell_start;
                end_cell();
            } else if (c == '\r' || c == ' ') {
                state_ = State::after_quote;
            } else {
                fault_ = CsvFault::text_after_quote;
                state_ = State::skip;
            }
            return true;
        case State::skip:
            return c != '\n';
    }
    return true;
}

bool CsvReader::next(std::string_view& in) {
    while (!in.empty()) {
        if (fresh_) begin_row();
        pending_ = true;
        // The plain part of a cell in one piece.
        if (state_ == State::unquoted || state_ == State::quoted || state_ == State::skip) {
            const auto stop = std::ranges::find_if(
                in, [&](char c) { return c == '\n' || c == '"' || (c == delimiter_ && state_ == State::unquoted); });
            const auto plain = static_cast<std::size_t>(stop - in.begin());
            if (plain > 0) {
                if (state_ != State::skip) put(in.substr(0, plain));
                in.remove_prefix(plain);
                continue;
            }
        }
        const char c = in.front();
        in.remove_prefix(1);
        if (!take(c)) return complete();
    }
    return false;
}

bool CsvReader::finish() {
    if (fresh_ || !pending_) return false;
    if (state_ == State::quoted) {
        fault_ = CsvFault::open_quote;
        state_ = State::skip;
    }
    return complete();
}

}  // namespace esl::mgmt
