// One row of an import, judged: named cells → a product row, or what is wrong with which of them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/clock.hpp"
#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/domain/money.hpp"
#include "mgmt-service/domain/unit_price.hpp"

namespace esl::mgmt {

enum class Column : std::uint8_t {
    barcode,
    name,
    brand,
    unit,
    quantity,
    price,
    currency,
    prior_price,
    promo_price,
    promo_from,
    promo_to,
    url,
};
inline constexpr std::size_t kColumns = 12;
[[nodiscard]] std::string_view name(Column column);
// By the name in a header line or a JSON member: lower case; `gtin`, `ean`, `code` and `id` mean barcode.
[[nodiscard]] std::optional<Column> column_of(std::string_view name);

// As the REST interface names them. `no_name` and `duplicate` are for who knows the catalogue; the parser never says
// them.
enum class RowProblem : std::uint8_t {
    short_code,
    bad_check_digit,
    bad_code,
    no_name,
    bad_quantity,
    bad_price,
    price_exponent,
    bad_promotion,
    bad_row,
    bad_utf8,
    too_long,
    duplicate,
};
[[nodiscard]] std::string_view name(RowProblem problem);

struct ImportPromotion {
    Money price;
    std::optional<Money> prior_price;
    UnixMillis from;
    UnixMillis to;  // first moment at which it no longer holds
};

// Absent: the cell was empty, and the product keeps what it has.
struct ProductRow {
    ProductCode code;  // accepted(): a GTIN-14, an in-store or an item code
    std::optional<std::string> name;
    std::optional<std::string> brand;
    std::optional<std::string> unit;
    std::optional<Quantity> quantity;
    std::string quantity_text;  // as given, with '.'
    std::optional<Money> price;
    std::optional<ImportPromotion> promotion;
    std::optional<std::string> url;
};

struct RowError {
    RowProblem problem = RowProblem::bad_row;
    std::optional<Column> column;  // absent: the row as a whole
    std::string detail;            // "barcode '9008700124196': check digit is 6, should be 5"
    std::string id;                // of the product, when its code could be read
};

// Most characters (not bytes) of the texts.
inline constexpr std::size_t kMaxName = 200, kMaxBrand = 100, kMaxUnit = 16, kMaxUrl = 500;

using Cells = std::array<std::string_view, kColumns>;  // by Column; empty when absent

// `currency` is the store's; a row that names another one is refused. Line ends and tabs inside a cell become spaces.
[[nodiscard]] std::expected<ProductRow, RowError> judge_row(const Cells& cells, Currency currency);

// "2026-11-30" (midnight UTC), "2026-11-30T08:00", with seconds, fraction, "Z" or "+01:00" (UTC without), or Unix
// milliseconds. nullopt when it is none of these or not in the years 2000 to 2199.
[[nodiscard]] std::optional<UnixMillis> parse_moment(std::string_view text);

// The position of the first byte that is not part of a well-formed UTF-8 character (RFC 3629), if there is one.
[[nodiscard]] std::optional<std::size_t> find_bad_utf8(std::string_view text);

}  // namespace esl::mgmt
