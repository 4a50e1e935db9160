// Article codes: GTINs (GS1 General Specifications, section 7.9 for the check digit) and a shop's own item codes.
// Everything here is pure; call it from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace esl::mgmt {

enum class CodeVerdict : std::uint8_t {
    gtin,       // a GTIN-8, -12, -13 or -14 whose check digit holds
    in_store,   // as long as a GTIN, but with a prefix that GS1 leaves to the shop (02, 04, 2x): no world-wide article
    item_code,  // a shop's own code with at least one letter, '-', '_', '.' or '/'
    empty,
    short_code,    // digits only and fewer than a GTIN-8 has: a PLU or another in-store number
    wrong_length,  // digits only, 9 to 11 or more than 14, and no GTIN that merely lost its leading zeros
    bad_check_digit,
    bad_character,
    too_long,  // longer than kMaxItemCode
};
// The names that an import verdict carries: "gtin", "in_store", …, "bad_check_digit".
[[nodiscard]] std::string_view name(CodeVerdict verdict);

inline constexpr std::size_t kMaxItemCode = 64;

struct ProductCode {
    CodeVerdict verdict = CodeVerdict::empty;
    // gtin and in_store: 14 digits, padded with zeros on the left. item_code: as given. Otherwise empty.
    std::string id;
    // True for a GTIN-12 that came with 9 to 11 digits, as spreadsheets leave it, and whose check digit holds.
    bool zeros_restored = false;
    // What is wrong and why, for a person; empty when accepted.
    std::string detail;

    // A product may be stored under `id`.
    [[nodiscard]] bool accepted() const {
        return verdict == CodeVerdict::gtin || verdict == CodeVerdict::in_store || verdict == CodeVerdict::item_code;
    }
};

// Judges one code as a person, a till or a file gives it; spaces around it are ignored.
[[nodiscard]] ProductCode read_product_code(std::string_view text);

// The digit that belongs after `data`: weights 3, 1, 3, … beginning at the rightmost digit. `data` is digits only.
[[nodiscard]] char check_digit(std::string_view data);

// True for 14 digits with a right check digit and no in-store prefix.
[[nodiscard]] bool is_gtin14(std::string_view text);

// The 13 digits of an EAN-13 bar code for a GTIN-14 or in-store id; empty when it does not fit (a packaging
// indicator other than 0) or `id` is not 14 digits.
[[nodiscard]] std::string_view ean13_of(std::string_view id);

}  // namespace esl::mgmt
