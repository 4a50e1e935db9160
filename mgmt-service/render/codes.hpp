// Bar codes and QR codes as modules (libzint). Thread-confined: a generator keeps its zint symbol.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mgmt-service/render/fields.hpp"

struct zint_symbol;

namespace esl::mgmt::render {

struct Modules {
    int width = 0;                   // modules; an EAN-13 has 95, an EAN-8 67, a QR code 21 to 177
    int height = 0;                  // 1 for an EAN
    std::vector<std::uint8_t> dark;  // width * height, 0 or 1
};

class CodeMaker {
public:
    CodeMaker();
    ~CodeMaker();
    CodeMaker(const CodeMaker&) = delete;
    CodeMaker& operator=(const CodeMaker&) = delete;

    // 13 digits for an EAN-13, 8 for an EAN-8; the check digit must be right. Errors: bad_field with zint's words.
    [[nodiscard]] Result<Modules> ean(std::string_view digits);
    // Error correction level L: a tag is clean, and modules should be large. Errors: bad_field.
    [[nodiscard]] Result<Modules> qr(std::string_view text);

private:
    [[nodiscard]] Result<Modules> encode(int symbology, std::string_view text);
    zint_symbol* symbol_;
};

}  // namespace esl::mgmt::render
