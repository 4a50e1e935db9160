// Money: whole minor units and an ISO 4217 currency; no floating point anywhere.
// Everything here is pure; call it from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/result.hpp"

namespace esl::mgmt {

enum class MoneyError { empty, malformed, negative, too_many_decimals, too_large, unknown_currency };
constexpr std::string_view describe(MoneyError e) {
    switch (e) {
        case MoneyError::empty:
            return "no amount";
        case MoneyError::malformed:
            return "not an amount";
        case MoneyError::negative:
            return "amount below zero";
        case MoneyError::too_many_decimals:
            return "more decimals than the currency has";
        case MoneyError::too_large:
            return "amount too large";
        case MoneyError::unknown_currency:
            return "unknown currency";
    }
    return "money error";
}

// One of the currencies of ISO 4217 that shops use; three letters and the number of decimals.
class Currency {
public:
    // Upper-case letters. Errors: unknown_currency.
    [[nodiscard]] static Result<Currency> parse(std::string_view code);
    static constexpr Currency eur() { return Currency({'E', 'U', 'R'}, 2); }

    [[nodiscard]] std::string_view code() const { return {code_.data(), code_.size()}; }
    // Decimals: 0 for JPY, 2 for EUR, 3 for KWD.
    [[nodiscard]] int exponent() const { return exponent_; }
    // 10 to the power of exponent(): minor units in one major unit.
    [[nodiscard]] std::int64_t minor_per_major() const;
    // "€", "¥", "Kč", …; the code itself where no sign is customary.
    [[nodiscard]] std::string_view symbol() const;

    bool operator==(const Currency&) const = default;

private:
    constexpr Currency(std::array<char, 3> code, std::uint8_t exponent) : code_(code), exponent_(exponent) {}
    std::array<char, 3> code_;
    std::uint8_t exponent_;
};

struct Money {
    std::int64_t minor = 0;
    Currency currency = Currency::eur();
    bool operator==(const Money&) const = default;
};

// Twelve digits before the decimals are enough for any shelf, and keep every product of two amounts within 128 bits.
inline constexpr std::int64_t kMaxMinor = 999'999'999'999'999;

// "1,99", "1.99", "5", ".50"; one decimal sign and no grouping, because "1.299" would be read in two ways: with three
// decimals it is refused for a currency of two. Fewer decimals than the currency has are filled with zeros.
[[nodiscard]] Result<Money> parse_money(std::string_view text, Currency currency);
// "1.99", always with '.', as files and APIs write it.
[[nodiscard]] std::string plain(Money money);

// What a price tag needs to set a price: whole units large, the fraction raised and small.
struct PriceParts {
    std::string whole;      // with grouping: "1.299"
    std::string separator;  // "," or "."; empty without fraction
    std::string fraction;   // "99"; empty for currencies without decimals
    std::string symbol;     // "€"
    bool symbol_first = false;
    bool spaced = true;  // a space between amount and symbol

    [[nodiscard]] std::string amount() const { return whole + separator + fraction; }
    // "1.299,99 €", "$1,299.99"; spaces are no-break spaces (U+00A0).
    [[nodiscard]] std::string text() const;
};

// `locale` is a BCP 47 tag of which the language (and for some, the region: "de-CH", "es-MX") counts; an unknown one
// is written as English. Known: en de fr it es pt nl pl cs sk hu hr sl sr ro bg da sv nb fi el he ja zh ko tr ru uk.
[[nodiscard]] PriceParts price_parts(Money money, std::string_view locale);
[[nodiscard]] std::string format_money(Money money, std::string_view locale);
// The decimal sign of a locale, for quantities: ',' or '.'.
[[nodiscard]] char decimal_sign(std::string_view locale);

}  // namespace esl::mgmt
