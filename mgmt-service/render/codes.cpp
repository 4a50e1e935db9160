#include "mgmt-service/render/codes.hpp"

#include <zint.h>

#include <new>
#include <string>

namespace esl::mgmt::render {
namespace {
constexpr int kLevelL = 1;
}

CodeMaker::CodeMaker() : symbol_(ZBarcode_Create()) {
    if (symbol_ == nullptr) throw std::bad_alloc();
}
CodeMaker::~CodeMaker() {
    ZBarcode_Delete(symbol_);
}

Result<Modules> CodeMaker::ean(std::string_view digits) {
    if (digits.size() != 13 && digits.size() != 8) return fail(RenderError::bad_field, "an EAN has 13 or 8 digits");
    // Plain EANX would take eight digits for the beginning of thirteen.
    return encode(BARCODE_EANX_CHK, digits);
}

Result<Modules> CodeMaker::qr(std::string_view text) {
    return encode(BARCODE_QRCODE, text);
}

Result<Modules> CodeMaker::encode(int symbology, std::string_view text) {
    ZBarcode_Clear(symbol_);
    symbol_->symbology = symbology;
    symbol_->input_mode = UNICODE_MODE;
    symbol_->option_1 = symbology == BARCODE_QRCODE ? kLevelL : -1;
    symbol_->option_2 = 0;
    symbol_->option_3 = 0;
    symbol_->eci = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const int outcome = ZBarcode_Encode(symbol_, bytes, static_cast<int>(text.size()));
    if (outcome >= ZINT_ERROR) return fail(RenderError::bad_field, std::string("zint: ") + symbol_->errtxt);
    Modules out{symbol_->width, symbology == BARCODE_QRCODE ? symbol_->rows : 1, {}};
    out.dark.reserve(static_cast<std::size_t>(out.width * out.height));
    for (int y = 0; y < out.height; ++y) {
        for (int x = 0; x < out.width; ++x) {
            out.dark.push_back(static_cast<std::uint8_t>(symbol_->encoded_data[y][x / 8] >> (x % 8) & 1));
        }
    }
    return out;
}

}  // namespace esl::mgmt::render
