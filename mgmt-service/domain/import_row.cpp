#include "mgmt-service/domain/import_row.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace esl::mgmt {
namespace {

constexpr std::string_view kColumnNames[kColumns] = {"barcode",     "name",       "brand",    "unit",
                                                     "quantity",    "price",      "currency", "prior_price",
                                                     "promo_price", "promo_from", "promo_to", "url"};

using Judged = std::expected<ProductRow, RowError>;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & '\xC0') != '\x80'; }));
}

RowProblem problem_of(CodeVerdict verdict) {
    switch (verdict) {
        case CodeVerdict::short_code:
            return RowProblem::short_code;
        case CodeVerdict::bad_check_digit:
            return RowProblem::bad_check_digit;
        default:
            return RowProblem::bad_code;
    }
}

// Reads the cells of one row in order; the first thing that is wrong is kept.
class Judge {
public:
    Judge(const Cells& cells, Currency currency) : cells_(cells), currency_(currency) {}

    Judged run() {
        if (check_bytes() && read_code() && check_currency()) {
            text(Column::name, kMaxName, row_.name);
            text(Column::brand, kMaxBrand, row_.brand);
            text(Column::unit, kMaxUnit, row_.unit);
            text(Column::url, kMaxUrl, row_.url);
            read_quantity();
            row_.price = money(Column::price);
            read_promotion();
        }
        if (error_) {
            error_->id = row_.code.id;
            return std::unexpected(std::move(*error_));
        }
        return std::move(row_);
    }

private:
    [[nodiscard]] std::string_view cell(Column column) const {
        return trimmed(cells_[static_cast<std::size_t>(column)]);
    }

    void complain(RowProblem problem, Column column, std::string detail) {
        if (error_) return;
        error_ = RowError{problem, column, std::string(name(column)) + " " + std::move(detail), {}};
    }

    bool check_bytes() {
        for (std::size_t i = 0; i < kColumns && !error_; ++i) {
            const auto column = static_cast<Column>(i);
            if (const auto bad = find_bad_utf8(cells_[i])) {
                complain(RowProblem::bad_utf8, column, "byte " + std::to_string(*bad + 1) + " is not UTF-8");
            }
            const auto control = std::ranges::find_if(cells_[i], [](char c) {
                return (c >= 0 && c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == '\x7F';
            });
            if (control != cells_[i].end()) {
                const auto at = std::to_string(control - cells_[i].begin() + 1);
                complain(RowProblem::bad_row, column, "byte " + at + " is a control character");
            }
        }
        return !error_;
    }

    bool read_code() {
        row_.code = read_product_code(cell(Column::barcode));
        if (!row_.code.accepted()) complain(problem_of(row_.code.verdict), Column::barcode, row_.code.detail);
        return !error_;
    }

    bool check_currency() {
        const auto named = cell(Column::currency);
        if (!named.empty() && named != currency_.code()) {
            complain(RowProblem::bad_price, Column::currency,
                     "is '" + std::string(named.substr(0, 10)) + "', and the store sells in " +
                         std::string(currency_.code()));
        }
        return !error_;
    }

    void text(Column column, std::size_t most, std::optional<std::string>& out) {
        const auto found = cell(column);
        if (found.empty()) return;
        if (const auto count = characters(found); count > most) {
            return complain(
                RowProblem::too_long, column,
                "has " + std::to_string(count) + " characters, at most " + std::to_string(most) + " are taken");
        }
        out = std::string(found);
        for (auto& c : *out) c = c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    }

    void read_quantity() {
        const auto found = cell(Column::quantity);
        if (found.empty()) return;
        const auto quantity = Quantity::parse(found);
        if (!quantity) return complain(RowProblem::bad_quantity, Column::quantity, "is " + quantity.error().message());
        row_.quantity = *quantity;
        row_.quantity_text = found;
        std::ranges::replace(row_.quantity_text, ',', '.');
    }

    std::optional<Money> money(Column column) {
        const auto found = cell(column);
        if (found.empty()) return std::nullopt;
        const auto read = parse_money(found, currency_);
        if (read) return *read;
        const bool exponent = read.error().is(MoneyError::too_many_decimals);
        complain(exponent ? RowProblem::price_exponent : RowProblem::bad_price, column, "is " + read.error().message());
        return std::nullopt;
    }

    std::optional<UnixMillis> moment(Column column) {
        const auto found = cell(column);
        if (found.empty()) {
            complain(RowProblem::bad_promotion, column, "is missing");
            return std::nullopt;
        }
        const auto read = parse_moment(found);
        if (!read) {
            complain(RowProblem::bad_promotion, column,
                     "'" + std::string(found.substr(0, 40)) + "' is neither a date, a date-time nor Unix milliseconds");
        }
        return read;
    }

    void read_promotion() {
        const auto price = money(Column::promo_price);
        const auto prior = money(Column::prior_price);
        if (error_) return;
        if (!price) {
            for (const auto column : {Column::prior_price, Column::promo_from, Column::promo_to}) {
                if (!cell(column).empty())
                    complain(RowProblem::bad_promotion, column, "is there without a promo_price");
            }
            return;
        }
        const auto from = moment(Column::promo_from);
        const auto to = moment(Column::promo_to);
        if (error_) return;
        if (*to <= *from) return complain(RowProblem::bad_promotion, Column::promo_to, "is not after promo_from");
        if (row_.price && price->minor >= row_.price->minor) {
            return complain(RowProblem::bad_promotion, Column::promo_price, "is not below price");
        }
        if (prior && price->minor >= prior->minor) {
            return complain(RowProblem::bad_promotion, Column::promo_price, "is not below prior_price");
        }
        row_.promotion = ImportPromotion{*price, prior, *from, *to};
    }

    const Cells& cells_;
    Currency currency_;
    ProductRow row_;
    std::optional<RowError> error_;
};

// Takes `width` digits off the front.
std::optional<int> digits(std::string_view& text, std::size_t width) {
    if (text.size() < width) return std::nullopt;
    int value = 0;
    const auto* end = text.data() + width;
    if (text[0] == '-' || text[0] == '+') return std::nullopt;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    text.remove_prefix(width);
    return value;
}

bool skip(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// ":SS", ".fff"; false when something else than these two follows wrongly.
bool read_seconds(std::string_view& text, std::chrono::milliseconds& out) {
    if (!skip(text, ':')) return true;
    const auto seconds = digits(text, 2);
    if (!seconds || *seconds > 59) return false;
    out += std::chrono::seconds(*seconds);
    if (!skip(text, '.')) return true;
    int scale = 100;
    bool any = false;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        out += std::chrono::milliseconds((text.front() - '0') * scale);
        scale /= 10;
        any = true;
        text.remove_prefix(1);
    }
    return any;
}

// "", "Z" or "+01:00".
bool read_zone(std::string_view text, std::chrono::milliseconds& out) {
    if (text.empty() || text == "Z" || text == "z") return true;
    const bool east = text.front() == '+';
    if (!east && text.front() != '-') return false;
    text.remove_prefix(1);
    const auto hours = digits(text, 2);
    skip(text, ':');
    const auto minutes = digits(text, 2);
    if (!hours || !minutes || *hours > 14 || *minutes > 59 || !text.empty()) return false;
    const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    out += east ? -offset : offset;
    return true;
}

std::optional<UnixMillis> in_range(std::int64_t ms) {
    constexpr std::int64_t kYear2000 = 946'684'800'000, kYear2200 = 7'258'118'400'000;
    if (ms < kYear2000 || ms >= kYear2200) return std::nullopt;
    return from_millis(ms);
}

}  // namespace

std::string_view name(Column column) {
    return kColumnNames[static_cast<std::size_t>(column)];
}

std::optional<Column> column_of(std::string_view text) {
    for (const auto* alias : {"gtin", "ean", "code", "id"}) {
        if (text == alias) return Column::barcode;
    }
    const auto found = std::ranges::find(kColumnNames, text);
    if (found == std::end(kColumnNames)) return std::nullopt;
    return static_cast<Column>(found - std::begin(kColumnNames));
}

std::string_view name(RowProblem problem) {
    switch (problem) {
        case RowProblem::short_code:
            return "short_code";
        case RowProblem::bad_check_digit:
            return "bad_check_digit";
        case RowProblem::bad_code:
            return "bad_code";
        case RowProblem::no_name:
            return "no_name";
        case RowProblem::bad_quantity:
            return "bad_quantity";
        case RowProblem::bad_price:
            return "bad_price";
        case RowProblem::price_exponent:
            return "price_exponent";
        case RowProblem::bad_promotion:
            return "bad_promotion";
        case RowProblem::bad_row:
            return "bad_row";
        case RowProblem::bad_utf8:
            return "bad_utf8";
        case RowProblem::too_long:
            return "too_long";
        case RowProblem::duplicate:
            return "duplicate";
    }
    return "bad_row";
}

Judged judge_row(const Cells& cells, Currency currency) {
    return Judge(cells, currency).run();
}

std::optional<UnixMillis> parse_moment(std::string_view text) {
    if (text.size() >= 11 && text.size() <= 13 && text.find_first_not_of("0123456789") == std::string_view::npos) {
        std::int64_t ms = 0;
        std::from_chars(text.data(), text.data() + text.size(), ms);
        return in_range(ms);
    }
    const auto year = digits(text, 4);
    if (!year || !skip(text, '-')) return std::nullopt;
    const auto month = digits(text, 2);
    if (!month || !skip(text, '-')) return std::nullopt;
    const auto day = digits(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    auto time = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::sys_days(date).time_since_epoch());
    if (text.empty()) return in_range(time.count());
    if (!skip(text, 'T') && !skip(text, ' ')) return std::nullopt;
    const auto hours = digits(text, 2);
    if (!hours || *hours > 23 || !skip(text, ':')) return std::nullopt;
    const auto minutes = digits(text, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    time += std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    if (!read_seconds(text, time) || !read_zone(text, time)) return std::nullopt;
    return in_range(time.count());
}

std::optional<std::size_t> find_bad_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    std::size_t i = 0;
    while (i < text.size()) {
        if (i + 8 <= text.size()) {  // eight ASCII bytes at once
            std::uint64_t word = 0;
            std::memcpy(&word, text.data() + i, 8);
            if ((word & 0x8080'8080'8080'8080) == 0) {
                i += 8;
                continue;
            }
        }
        const unsigned first = byte(i);
        if (first < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        if (first < 0xC2 || first > 0xF4 || i + length > text.size()) return i;
        const unsigned second = byte(i + 1);
        // Overlong forms, surrogates and beyond U+10FFFF all show in the second byte.
        const unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        const unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (second < least || second > most) return i;
        for (std::size_t k = 2; k < length; ++k) {
            if ((byte(i + k) & 0xC0) != 0x80) return i;
        }
        i += length;
    }
    return std::nullopt;
}

}  // namespace esl::mgmt
