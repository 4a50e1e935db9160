// Bulk product upsert: CSV or JSON lines in chunks of any size → one verdict a row. Holds one row at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string_view>

#include "common/core/result.hpp"
#include "mgmt-service/domain/import_row.hpp"

namespace esl::mgmt {

enum class ImportFormat : std::uint8_t { csv, json_lines };

enum class ImportError { no_header, missing_column, repeated_column, not_utf8, header_too_long };
constexpr std::string_view describe(ImportError e) {
    switch (e) {
        case ImportError::no_header:
            return "no header line";
        case ImportError::missing_column:
            return "a column is missing";
        case ImportError::repeated_column:
            return "a column is there twice";
        case ImportError::not_utf8:
            return "not UTF-8";
        case ImportError::header_too_long:
            return "header line too long";
    }
    return "import error";
}

struct ParsedRow {
    std::uint64_t row = 0;  // data rows from 1; the header and blank lines are not counted
    std::expected<ProductRow, RowError> product;
};

inline constexpr std::size_t kMaxImportRow = 16 * 1024;

// Thread-confined. CSV: `,` `;` or tab as the header line has it, quotes as in RFC 4180, LF or CRLF, with or without a
// byte order mark; columns by name in any order, others ignored; `barcode` and `name` must be there. JSON lines: one
// object a line, values text or numbers. A row longer than kMaxImportRow is refused and the rest of its line skipped;
// an opening quote that is never closed therefore costs that much of the file and no more.
class ImportParser {
public:
    using Sink = std::function<void(ParsedRow&&)>;

    // `sink` is called from feed() and finish(), once a row.
    ImportParser(ImportFormat format, Currency currency, Sink sink);
    ~ImportParser();
    ImportParser(const ImportParser&) = delete;
    ImportParser& operator=(const ImportParser&) = delete;

    // Errors: ImportError, when the header line is of no use; every later call then gives the same error.
    [[nodiscard]] Result<> feed(std::string_view chunk);
    // The last row may lack its line end. An input without even a header line is ImportError::no_header (CSV only).
    [[nodiscard]] Result<> finish();

    [[nodiscard]] std::uint64_t rows() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt
