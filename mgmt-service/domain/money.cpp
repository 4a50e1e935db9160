#include "mgmt-service/domain/money.hpp"

#include <algorithm>

namespace esl::mgmt {
namespace {

struct CurrencyRow {
    std::string_view code;
    std::uint8_t exponent;
    std::string_view symbol;
};

// ISO 4217 list one (2024), without funds codes and metals. Symbols where a tag in that country shows one.
constexpr CurrencyRow kCurrencies[] = {
    {"AED", 2, "AED"},  {"ALL", 2, "L"},    {"AMD", 2, "֏"},   {"ARS", 2, "$"},   {"AUD", 2, "$"},    {"AZN", 2, "₼"},
    {"BAM", 2, "KM"},   {"BDT", 2, "৳"},    {"BGN", 2, "лв."}, {"BHD", 3, "BHD"}, {"BRL", 2, "R$"},   {"BYN", 2, "Br"},
    {"CAD", 2, "$"},    {"CHF", 2, "CHF"},  {"CLP", 0, "$"},   {"CNY", 2, "¥"},   {"COP", 2, "$"},    {"CZK", 2, "Kč"},
    {"DKK", 2, "kr."},  {"EGP", 2, "E£"},   {"EUR", 2, "€"},   {"GBP", 2, "£"},   {"GEL", 2, "₾"},    {"HKD", 2, "HK$"},
    {"HUF", 2, "Ft"},   {"IDR", 2, "Rp"},   {"ILS", 2, "₪"},   {"INR", 2, "₹"},   {"IQD", 3, "IQD"},  {"ISK", 0, "kr"},
    {"JOD", 3, "JOD"},  {"JPY", 0, "¥"},    {"KES", 2, "KSh"}, {"KRW", 0, "₩"},   {"KWD", 3, "KWD"},  {"KZT", 2, "₸"},
    {"LYD", 3, "LYD"},  {"MAD", 2, "DH"},   {"MDL", 2, "L"},   {"MKD", 2, "ден"}, {"MOP", 2, "MOP$"}, {"MXN", 2, "$"},
    {"MYR", 2, "RM"},   {"NGN", 2, "₦"},    {"NOK", 2, "kr"},  {"NZD", 2, "$"},   {"OMR", 3, "OMR"},  {"PEN", 2, "S/"},
    {"PHP", 2, "₱"},    {"PKR", 2, "Rs"},   {"PLN", 2, "zł"},  {"PYG", 0, "₲"},   {"QAR", 2, "QAR"},  {"RON", 2, "lei"},
    {"RSD", 2, "din."}, {"RUB", 2, "₽"},    {"SAR", 2, "SAR"}, {"SEK", 2, "kr"},  {"SGD", 2, "$"},    {"THB", 2, "฿"},
    {"TND", 3, "DT"},   {"TRY", 2, "₺"},    {"TWD", 2, "NT$"}, {"UAH", 2, "₴"},   {"UGX", 0, "USh"},  {"USD", 2, "$"},
    {"UYU", 2, "$"},    {"UZS", 2, "soʻm"}, {"VND", 0, "₫"},   {"ZAR", 2, "R"},
};
static_assert(std::ranges::is_sorted(kCurrencies, {}, &CurrencyRow::code), "looked up by bisection");

const CurrencyRow* find_currency(std::string_view code) {
    const auto* row = std::ranges::lower_bound(kCurrencies, code, {}, &CurrencyRow::code);
    return row != std::end(kCurrencies) && row->code == code ? row : nullptr;
}

constexpr std::string_view kNoBreakSpace = "\u00A0";
constexpr std::string_view kThinGroup = "\u00A0";

struct LocaleRow {
    std::string_view tag;  // language, or language-REGION
    char decimal;
    std::string_view group;
    bool symbol_first;
    bool spaced;
};

// From CLDR's number patterns; group signs that a bitmap font lacks (U+202F) are written as U+00A0.
constexpr LocaleRow kLocales[] = {
    {"en", '.', ",", true, false},        {"de", ',', ".", false, true},        {"de-AT", ',', ".", true, true},
    {"de-CH", '.', "\u2019", true, true}, {"fr", ',', kThinGroup, false, true}, {"fr-CH", ',', kThinGroup, false, true},
    {"it", ',', ".", false, true},        {"it-CH", '.', "\u2019", true, true}, {"es", ',', ".", false, true},
    {"es-MX", '.', ",", true, false},     {"pt", ',', kThinGroup, false, true}, {"pt-BR", ',', ".", true, true},
    {"nl", ',', ".", true, true},         {"pl", ',', kThinGroup, false, true}, {"cs", ',', kThinGroup, false, true},
    {"sk", ',', kThinGroup, false, true}, {"hu", ',', kThinGroup, false, true}, {"hr", ',', ".", false, true},
    {"sl", ',', ".", false, true},        {"sr", ',', ".", false, true},        {"ro", ',', ".", false, true},
    {"bg", ',', kThinGroup, false, true}, {"da", ',', ".", false, true},        {"sv", ',', kThinGroup, false, true},
    {"nb", ',', kThinGroup, false, true}, {"fi", ',', kThinGroup, false, true}, {"el", ',', ".", false, true},
    {"he", '.', ",", false, true},        {"ja", '.', ",", true, false},        {"zh", '.', ",", true, false},
    {"ko", '.', ",", true, false},        {"tr", ',', ".", true, false},        {"ru", ',', kThinGroup, false, true},
    {"uk", ',', kThinGroup, false, true},
};

const LocaleRow& find_locale(std::string_view tag) {
    const auto exact = std::ranges::find(kLocales, tag, &LocaleRow::tag);
    if (exact != std::end(kLocales)) return *exact;
    const auto language = tag.substr(0, tag.find_first_of("-_"));
    const auto row = std::ranges::find(kLocales, language, &LocaleRow::tag);
    return row != std::end(kLocales) ? *row : kLocales[0];
}

std::string grouped(const std::string& digits, std::string_view group) {
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) out += group;
        out += digits[i];
    }
    return out;
}

std::string padded(std::int64_t value, int width) {
    auto text = std::to_string(value);
    if (text.size() < static_cast<std::size_t>(width))
        text.insert(0, static_cast<std::size_t>(width) - text.size(), '0');
    return text;
}

std::string quoted(std::string_view text) {
    return "'" + std::string(text.substr(0, 40)) + "'";
}

}  // namespace

Result<Currency> Currency::parse(std::string_view code) {
    const auto* row = find_currency(code);
    if (row == nullptr) return fail(MoneyError::unknown_currency, quoted(code));
    return Currency({code[0], code[1], code[2]}, row->exponent);
}

std::int64_t Currency::minor_per_major() const {
    std::int64_t power = 1;
    for (int i = 0; i < exponent_; ++i) power *= 10;
    return power;
}

std::string_view Currency::symbol() const {
    return find_currency(code())->symbol;
}

Result<Money> parse_money(std::string_view text, Currency currency) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    if (text.empty()) return fail(MoneyError::empty);
    if (text.front() == '-') return fail(MoneyError::negative, quoted(text));
    std::int64_t minor = 0;
    int decimals = -1;
    bool any_digit = false;
    for (const char c : text) {
        if ((c == '.' || c == ',') && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9') return fail(MoneyError::malformed, quoted(text));
        any_digit = true;
        if (decimals >= 0 && ++decimals > currency.exponent()) {
            return fail(MoneyError::too_many_decimals, quoted(text) + ", and " + std::string(currency.code()) +
                                                           " has " + std::to_string(currency.exponent()));
        }
        minor = minor * 10 + (c - '0');
        if (minor > kMaxMinor) return fail(MoneyError::too_large, quoted(text));
    }
    if (!any_digit) return fail(MoneyError::malformed, quoted(text));
    for (int i = std::max(decimals, 0); i < currency.exponent(); ++i) {
        minor *= 10;
        if (minor > kMaxMinor) return fail(MoneyError::too_large, quoted(text));
    }
    return Money{minor, currency};
}

std::string plain(Money money) {
    const auto major = money.currency.minor_per_major();
    const std::string sign = money.minor < 0 ? "-" : "";
    const auto amount = money.minor < 0 ? -money.minor : money.minor;
    const auto text = sign + std::to_string(amount / major);
    if (major == 1) return text;
    return text + "." + padded(amount % major, money.currency.exponent());
}

std::string PriceParts::text() const {
    const std::string_view gap = spaced ? kNoBreakSpace : std::string_view{};
    std::string out = symbol_first ? symbol : amount();
    out += gap;
    return out + (symbol_first ? amount() : symbol);
}

PriceParts price_parts(Money money, std::string_view locale) {
    const auto& row = find_locale(locale);
    const auto major = money.currency.minor_per_major();
    const auto amount = money.minor < 0 ? -money.minor : money.minor;
    PriceParts parts;
    parts.whole = (money.minor < 0 ? "-" : "") + grouped(std::to_string(amount / major), row.group);
    if (major > 1) {
        parts.separator = row.decimal;
        parts.fraction = padded(amount % major, money.currency.exponent());
    }
    parts.symbol = money.currency.symbol();
    parts.symbol_first = row.symbol_first;
    // A sign of letters needs its space: "CHF 1.20" in English too.
    const char first = parts.symbol.front();
    parts.spaced = row.spaced || (first >= 'A' && first <= 'Z' && parts.symbol.back() != '$');
    return parts;
}

std::string format_money(Money money, std::string_view locale) {
    return price_parts(money, locale).text();
}

char decimal_sign(std::string_view locale) {
    return find_locale(locale).decimal;
}

}  // namespace esl::mgmt
