#include "mgmt-service/domain/import_parser.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "mgmt-service/domain/csv_reader.hpp"

namespace esl::mgmt {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

RowError row_error(RowProblem problem, std::string detail) {
    return {problem, std::nullopt, std::move(detail), {}};
}

std::string lower_trimmed(std::string_view text) {
    std::string out;
    for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.erase(0, out.find_first_not_of(" \t\r"));
    out.erase(out.find_last_not_of(" \t\r") + 1);
    return out;
}

// The one that occurs most outside quotes; a header of one column has none, and then it does not matter.
char delimiter_of(std::string_view header) {
    std::array<std::size_t, 3> counts{};
    bool quoted = false;
    for (const char c : header) {
        quoted = c == '"' ? !quoted : quoted;
        if (quoted) continue;
        counts[0] += c == ',' ? 1 : 0;
        counts[1] += c == ';' ? 1 : 0;
        counts[2] += c == '\t' ? 1 : 0;
    }
    const auto most = std::ranges::max_element(counts) - counts.begin();
    return ",;\t"[most];
}

std::optional<RowError> fault_of(CsvFault fault) {
    switch (fault) {
        case CsvFault::none:
            return std::nullopt;
        case CsvFault::too_long:
            return row_error(RowProblem::too_long, "the row has more than " + std::to_string(kMaxImportRow) +
                                                       " bytes or too many cells (a quote that is not closed?)");
        case CsvFault::text_after_quote:
            return row_error(RowProblem::bad_row, "text follows a closing quote");
        case CsvFault::open_quote:
            return row_error(RowProblem::bad_row, "a quote is not closed");
    }
    return std::nullopt;
}

// Owns the texts that the cells of a JSON row point to.
struct JsonRow {
    std::array<std::string, kColumns> texts;
    Cells cells() const {
        Cells out;
        std::ranges::copy(texts, out.begin());
        return out;
    }
};

std::expected<JsonRow, RowError> read_json(std::string_view line) {
    if (const auto bad = find_bad_utf8(line)) {
        return std::unexpected(row_error(RowProblem::bad_utf8, "byte " + std::to_string(*bad + 1) + " is not UTF-8"));
    }
    nlohmann::json object;
    try {
        object = nlohmann::json::parse(line);
    } catch (const nlohmann::json::parse_error& e) {
        return std::unexpected(row_error(RowProblem::bad_row, "not JSON at byte " + std::to_string(e.byte)));
    } catch (const nlohmann::json::out_of_range&) {
        return std::unexpected(row_error(RowProblem::bad_row, "a number is out of range"));
    }
    if (!object.is_object()) return std::unexpected(row_error(RowProblem::bad_row, "not a JSON object"));
    JsonRow out;
    for (const auto& [key, value] : object.items()) {
        const auto column = column_of(key);
        if (!column || value.is_null()) continue;
        auto& text = out.texts[static_cast<std::size_t>(*column)];
        if (value.is_string()) {
            text = value.get<std::string>();
        } else if (value.is_number()) {
            text = value.dump();
        } else {
            return std::unexpected(RowError{
                RowProblem::bad_row, *column, std::string(name(*column)) + " is neither text nor a number", {}});
        }
    }
    return out;
}

}  // namespace

struct ImportParser::Impl {
    ImportFormat format;
    Currency currency;
    Sink sink;
    CsvReader csv{kMaxImportRow};
    std::string line;  // the header, or a JSON line, as far as it has come
    bool line_too_long = false;
    bool begun = false;                          // past the byte order mark and, in CSV, the header line
    std::vector<std::optional<Column>> columns;  // of a CSV file, in its order
    std::uint64_t rows = 0;
    std::optional<Error> broken;

    Impl(ImportFormat f, Currency c, Sink s) : format(f), currency(c), sink(std::move(s)) {}

    void give(std::expected<ProductRow, RowError> product) { sink(ParsedRow{++rows, std::move(product)}); }

    // Moves bytes up to a line end into `line`; true when there was one.
    bool gather(std::string_view& in) {
        const auto end = std::min(in.find('\n'), in.size());
        if (line.size() + end > kMaxImportRow) {
            line_too_long = true;
            line.clear();
        } else if (!line_too_long) {
            line.append(in.substr(0, end));
        }
        const bool complete = end < in.size();
        in.remove_prefix(complete ? end + 1 : end);
        return complete;
    }

    Result<> header();
    void csv_row();
    void csv_rows(std::string_view in) {
        while (csv.next(in)) csv_row();
    }
    void json_line();
    void json_lines(std::string_view in) {
        while (!in.empty()) {
            if (gather(in)) json_line();
        }
    }
    Result<> stop(Error error) {
        broken = error;
        return fail(std::move(error));
    }
};

Result<> ImportParser::Impl::header() {
    if (line_too_long)
        return stop(Error(ImportError::header_too_long, "more than " + std::to_string(kMaxImportRow) + " bytes"));
    if (line.starts_with("\xFF\xFE") || line.starts_with("\xFE\xFF")) {
        return stop(Error(ImportError::not_utf8, "the file is UTF-16; save it as UTF-8"));
    }
    std::string_view text = line;
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    if (const auto bad = find_bad_utf8(text)) {
        return stop(Error(ImportError::not_utf8, "byte " + std::to_string(*bad + 1) + " of the header line"));
    }
    csv.set_delimiter(delimiter_of(text));
    CsvReader reader(kMaxImportRow);
    reader.set_delimiter(delimiter_of(text));
    if (!reader.next(text) && !reader.finish()) return stop(Error(ImportError::no_header));
    for (std::size_t i = 0; i < reader.row().size(); ++i) {
        const auto column = column_of(lower_trimmed(reader.row()[i]));
        if (column && std::ranges::find(columns, column) != columns.end()) {
            return stop(Error(ImportError::repeated_column, std::string(name(*column))));
        }
        columns.push_back(column);
    }
    for (const auto needed : {Column::barcode, Column::name}) {
        if (std::ranges::find(columns, std::optional(needed)) == columns.end()) {
            return stop(Error(ImportError::missing_column, std::string(name(needed)) + " (the header line has " +
                                                               std::to_string(columns.size()) + " columns)"));
        }
    }
    line.clear();
    begun = true;
    return {};
}

void ImportParser::Impl::csv_row() {
    const auto& row = csv.row();
    if (auto fault = fault_of(csv.fault())) return give(std::unexpected(std::move(*fault)));
    if (row.blank()) return;
    if (row.size() != columns.size()) {
        return give(std::unexpected(row_error(
            RowProblem::bad_row,
            "the row has " + std::to_string(row.size()) + " cells, the header " + std::to_string(columns.size()))));
    }
    Cells cells;
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (columns[i]) cells[static_cast<std::size_t>(*columns[i])] = row[i];
    }
    give(judge_row(cells, currency));
}

void ImportParser::Impl::json_line() {
    if (line_too_long) {
        line_too_long = false;
        line.clear();
        return give(std::unexpected(
            row_error(RowProblem::too_long, "the line has more than " + std::to_string(kMaxImportRow) + " bytes")));
    }
    std::string_view text = line;
    if (!begun && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    begun = true;
    if (text.find_first_not_of(" \t\r") != std::string_view::npos) {
        const auto row = read_json(text);
        if (row) {
            give(judge_row(row->cells(), currency));
        } else {
            give(std::unexpected(row.error()));
        }
    }
    line.clear();
}

ImportParser::ImportParser(ImportFormat format, Currency currency, Sink sink)
    : impl_(std::make_unique<Impl>(format, currency, std::move(sink))) {}
ImportParser::~ImportParser() = default;

std::uint64_t ImportParser::rows() const {
    return impl_->rows;
}

Result<> ImportParser::feed(std::string_view chunk) {
    if (impl_->broken) return fail(*impl_->broken);
    if (impl_->format == ImportFormat::json_lines) {
        impl_->json_lines(chunk);
        return {};
    }
    if (!impl_->begun) {
        const bool whole = impl_->gather(chunk);
        if (!whole && !impl_->line_too_long) return {};
        if (const auto ok = impl_->header(); !ok) return ok;
    }
    impl_->csv_rows(chunk);
    return {};
}

Result<> ImportParser::finish() {
    if (impl_->broken) return fail(*impl_->broken);
    if (impl_->format == ImportFormat::json_lines) {
        if (!impl_->line.empty() || impl_->line_too_long) impl_->json_line();
        return {};
    }
    if (!impl_->begun) return impl_->header();
    if (impl_->csv.finish()) impl_->csv_row();
    return {};
}

}  // namespace esl::mgmt
