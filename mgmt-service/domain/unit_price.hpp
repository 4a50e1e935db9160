// Price per measuring unit (Directive 98/6/EC): what a kilogram, litre, metre, square metre or piece costs.
// Everything here is pure; call it from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/result.hpp"
#include "mgmt-service/domain/money.hpp"

namespace esl::mgmt {

enum class Unit : std::uint8_t { mg, g, kg, ml, cl, dl, l, mm, cm, m, m2, piece };
// "g", "kg", "l", "m²", "pcs", …
[[nodiscard]] std::string_view name(Unit unit);
// Upper or lower case, and the words shops use: "L", "KG", "kom", "Stk", "St.", "pcs", "ks", "db", "szt", "m2", "m²",
// "个". nullopt: a word that gives no unit price and is only shown ("par", "pack").
[[nodiscard]] std::optional<Unit> parse_unit(std::string_view text);

enum class QuantityError { empty, malformed, zero, too_many_decimals, too_large };
constexpr std::string_view describe(QuantityError e) {
    switch (e) {
        case QuantityError::empty:
            return "no quantity";
        case QuantityError::malformed:
            return "not a quantity";
        case QuantityError::zero:
            return "quantity is zero";
        case QuantityError::too_many_decimals:
            return "quantity with more than six decimals";
        case QuantityError::too_large:
            return "quantity too large";
    }
    return "quantity error";
}

// A positive decimal with up to nine digits before and six after the sign, kept in millionths.
class Quantity {
public:
    // "0.75", "0,75", "500". Errors: QuantityError.
    [[nodiscard]] static Result<Quantity> parse(std::string_view text);
    // Asserted: millionths > 0.
    [[nodiscard]] static Quantity from_millionths(std::int64_t millionths);
    [[nodiscard]] std::int64_t millionths() const { return millionths_; }
    // Without zeros at the end: "0.75", "500".
    [[nodiscard]] std::string text(char decimal = '.') const;
    bool operator==(const Quantity&) const = default;

private:
    std::int64_t millionths_ = 1'000'000;
};

struct UnitPriceRules {
    // National rules let packs up to this many grams or millilitres be priced per 100 g or 100 ml (250, say); 0: never.
    std::int64_t per_hundred_up_to = 0;
};

struct UnitPrice {
    Money price;
    std::string per;  // "1 kg", "100 ml", "1 m²", "1 pcs"
    // The pack is exactly one base unit: the law lets the unit price be left out.
    bool same_as_price = false;
    bool operator==(const UnitPrice&) const = default;
};

// Rounded half up to the currency's minor unit after one division. nullopt when it would not fit kMaxMinor (a tiny
// quantity of something dear) or the price is below zero.
[[nodiscard]] std::optional<UnitPrice> unit_price(Money price, Quantity quantity, Unit unit, UnitPriceRules rules = {});

}  // namespace esl::mgmt
