#include "mgmt-service/domain/unit_price.hpp"

#include <algorithm>
#include <cassert>

namespace esl::mgmt {
namespace {

struct UnitRow {
    std::string_view name;
    std::string_view per;          // one base unit
    std::string_view per_hundred;  // a tenth of it, where the law knows that
    // The unit in millionths of its base: 1 g is 1000 millionths of a kilogram, and 1 mg is one.
    std::int64_t in_base;
};

const UnitRow& row(Unit unit) {
    static constexpr UnitRow kRows[] = {
        {"mg", "1 kg", "100 g", 1},        {"g", "1 kg", "100 g", 1'000},   {"kg", "1 kg", "100 g", 1'000'000},
        {"ml", "1 l", "100 ml", 1'000},    {"cl", "1 l", "100 ml", 10'000}, {"dl", "1 l", "100 ml", 100'000},
        {"l", "1 l", "100 ml", 1'000'000}, {"mm", "1 m", "", 1'000},        {"cm", "1 m", "", 10'000},
        {"m", "1 m", "", 1'000'000},       {"m²", "1 m²", "", 1'000'000},   {"pcs", "1 pcs", "", 1'000'000},
    };
    return kRows[static_cast<std::size_t>(unit)];
}

struct UnitWord {
    std::string_view word;
    Unit unit;
};
constexpr UnitWord kWords[] = {
    {"mg", Unit::mg},     {"g", Unit::g},       {"gr", Unit::g},        {"kg", Unit::kg},       {"ml", Unit::ml},
    {"cl", Unit::cl},     {"dl", Unit::dl},     {"l", Unit::l},         {"lt", Unit::l},        {"mm", Unit::mm},
    {"cm", Unit::cm},     {"m", Unit::m},       {"m2", Unit::m2},       {"m²", Unit::m2},       {"qm", Unit::m2},
    {"pcs", Unit::piece}, {"pc", Unit::piece},  {"ea", Unit::piece},    {"kom", Unit::piece},   {"st", Unit::piece},
    {"st.", Unit::piece}, {"stk", Unit::piece}, {"stk.", Unit::piece},  {"stück", Unit::piece}, {"ks", Unit::piece},
    {"db", Unit::piece},  {"szt", Unit::piece}, {"szt.", Unit::piece},  {"buc", Unit::piece},   {"pz", Unit::piece},
    {"个", Unit::piece},  {"件", Unit::piece},  {"piece", Unit::piece}, {"克", Unit::g},        {"千克", Unit::kg},
    {"毫升", Unit::ml},   {"升", Unit::l},
};

std::string lower_trimmed(std::string_view text) {
    std::string out;
    for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.erase(0, out.find_first_not_of(' '));
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
}

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kMaxMillionths = 999'999'999'999'999;

}  // namespace

std::string_view name(Unit unit) {
    return row(unit).name;
}

std::optional<Unit> parse_unit(std::string_view text) {
    const auto found = std::ranges::find(kWords, lower_trimmed(text), &UnitWord::word);
    if (found == std::end(kWords)) return std::nullopt;
    return found->unit;
}

Result<Quantity> Quantity::parse(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    if (text.empty()) return fail(QuantityError::empty);
    const auto quoted = [&] { return "'" + std::string(text.substr(0, 40)) + "'"; };
    std::int64_t value = 0;
    int decimals = -1;
    bool any_digit = false;
    for (const char c : text) {
        if ((c == '.' || c == ',') && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9') return fail(QuantityError::malformed, quoted());
        any_digit = true;
        if (decimals >= 0 && ++decimals > 6) {
            if (c != '0') return fail(QuantityError::too_many_decimals, quoted());
            decimals = 6;
            continue;
        }
        value = value * 10 + (c - '0');
        if (value > kMaxMillionths) return fail(QuantityError::too_large, quoted());
    }
    if (!any_digit) return fail(QuantityError::malformed, quoted());
    for (int i = std::max(decimals, 0); i < 6; ++i) {
        value *= 10;
        if (value > kMaxMillionths) return fail(QuantityError::too_large, quoted());
    }
    if (value == 0) return fail(QuantityError::zero, quoted());
    return from_millionths(value);
}

Quantity Quantity::from_millionths(std::int64_t millionths) {
    assert(millionths > 0);
    Quantity out;
    out.millionths_ = millionths;
    return out;
}

std::string Quantity::text(char decimal) const {
    auto out = std::to_string(millionths_ / kMillion);
    if (const auto rest = millionths_ % kMillion; rest != 0) {
        auto digits = std::to_string(kMillion + rest).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        out += decimal + digits;
    }
    return out;
}

std::optional<UnitPrice> unit_price(Money price, Quantity quantity, Unit unit, UnitPriceRules rules) {
    if (price.minor < 0) return std::nullopt;
    const auto& r = row(unit);
    // The pack in millionths of millionths of the base unit: at most 10^15 * 10^6.
    const auto pack = static_cast<__int128>(quantity.millionths()) * r.in_base;
    const auto one_base = static_cast<__int128>(kMillion) * kMillion;
    const bool hundred = !r.per_hundred.empty() && pack * 1000 <= one_base * rules.per_hundred_up_to;
    const auto wanted = hundred ? one_base / 10 : one_base;
    const auto minor = (2 * static_cast<__int128>(price.minor) * wanted + pack) / (2 * pack);
    if (minor > kMaxMinor) return std::nullopt;
    return UnitPrice{{static_cast<std::int64_t>(minor), price.currency},
                     std::string(hundred ? r.per_hundred : r.per),
                     pack == wanted};
}

}  // namespace esl::mgmt
