#include "mgmt-service/domain/gtin.hpp"

#include <algorithm>

namespace esl::mgmt {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, is_digit);
}

bool is_item_code_character(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.' ||
           c == '/';
}

std::string_view trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

bool check_digit_holds(std::string_view digits) {
    return check_digit(digits.substr(0, digits.size() - 1)) == digits.back();
}

// GS1 prefixes for restricted circulation: 020–029, 040–049 and 200–299 of the 13-digit form, 0 and 2 of GTIN-8.
bool has_in_store_prefix(std::string_view padded) {
    if (padded[0] != '0') return false;
    if (padded.substr(0, 6) == "000000") return padded[6] == '0' || padded[6] == '2';
    return padded[1] == '2' || (padded[1] == '0' && (padded[2] == '2' || padded[2] == '4'));
}

ProductCode refused(CodeVerdict verdict, std::string detail) {
    return {verdict, {}, false, std::move(detail)};
}

ProductCode read_digits(std::string_view digits) {
    const std::string quoted = "'" + std::string(digits) + "'";
    const auto size = digits.size();
    if (size < 8) {
        return refused(CodeVerdict::short_code, quoted + " has " + std::to_string(size) +
                                                    " digits: an in-store code, no GTIN (8, 12, 13 or 14)");
    }
    const bool usual = size == 8 || (size >= 12 && size <= 14);
    const bool holds = size <= 14 && check_digit_holds(digits);
    if (!usual && !holds) {
        return refused(CodeVerdict::wrong_length,
                       quoted + " has " + std::to_string(size) + " digits, and a GTIN has 8, 12, 13 or 14");
    }
    if (!holds) {
        const char right = check_digit(digits.substr(0, size - 1));
        return refused(CodeVerdict::bad_check_digit,
                       quoted + ": check digit is " + digits.back() + ", should be " + right);
    }
    std::string id(14 - size, '0');
    id += digits;
    if (id == std::string(14, '0')) return refused(CodeVerdict::wrong_length, "all digits are zero");
    const auto verdict = has_in_store_prefix(id) ? CodeVerdict::in_store : CodeVerdict::gtin;
    return {verdict, std::move(id), !usual, {}};
}

}  // namespace

std::string_view name(CodeVerdict verdict) {
    switch (verdict) {
        case CodeVerdict::gtin:
            return "gtin";
        case CodeVerdict::in_store:
            return "in_store";
        case CodeVerdict::item_code:
            return "item_code";
        case CodeVerdict::empty:
            return "empty";
        case CodeVerdict::short_code:
            return "short_code";
        case CodeVerdict::wrong_length:
            return "wrong_length";
        case CodeVerdict::bad_check_digit:
            return "bad_check_digit";
        case CodeVerdict::bad_character:
            return "bad_character";
        case CodeVerdict::too_long:
            return "too_long";
    }
    return "unknown";
}

ProductCode read_product_code(std::string_view text) {
    text = trimmed(text);
    if (text.empty()) return refused(CodeVerdict::empty, "no code");
    if (text.size() > kMaxItemCode) {
        return refused(CodeVerdict::too_long, std::to_string(text.size()) + " characters, at most " +
                                                  std::to_string(kMaxItemCode) + " are taken");
    }
    if (all_digits(text)) return read_digits(text);
    const auto bad = std::ranges::find_if_not(text, is_item_code_character);
    if (bad != text.end()) {
        return refused(CodeVerdict::bad_character, "character " + std::to_string(bad - text.begin() + 1) +
                                                       " is neither a letter of A-Z, a digit nor one of -_./");
    }
    return {CodeVerdict::item_code, std::string(text), false, {}};
}

char check_digit(std::string_view data) {
    int sum = 0;
    int weight = 3;
    for (auto it = data.rbegin(); it != data.rend(); ++it, weight = 4 - weight) sum += (*it - '0') * weight;
    return static_cast<char>('0' + (10 - sum % 10) % 10);
}

bool is_gtin14(std::string_view text) {
    return text.size() == 14 && all_digits(text) && check_digit_holds(text) && !has_in_store_prefix(text);
}

std::string_view ean13_of(std::string_view id) {
    if (id.size() != 14 || !all_digits(id) || id[0] != '0') return {};
    return id.substr(1);
}

}  // namespace esl::mgmt
