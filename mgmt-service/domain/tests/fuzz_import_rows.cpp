// Rows from outside, as CSV and as JSON lines: no input may crash, and cutting it elsewhere changes no verdict. The
// first byte chooses the format and the size of the pieces.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "mgmt-service/domain/import_parser.hpp"

namespace {

using namespace esl::mgmt;

std::string verdicts(ImportFormat format, std::string_view text, std::size_t piece) {
    std::string out;
    ImportParser parser(format, Currency::eur(), [&](ParsedRow&& row) {
        out += std::to_string(row.row) + (row.product ? "+" + row.product->code.id + row.product->name.value_or("")
                                                      : "-" + row.product.error().detail);
    });
    bool good = true;
    while (good && !text.empty()) {
        const auto part = text.substr(0, piece);
        text.remove_prefix(part.size());
        const auto ok = parser.feed(part);
        good = ok.has_value();
        if (!good) out += ok.error().message();
    }
    if (good) {
        if (const auto ok = parser.finish(); !ok) out += ok.error().message();
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto format = (data[0] & 1) != 0 ? ImportFormat::json_lines : ImportFormat::csv;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t piece = 1 + data[0] / 2U;
    if (verdicts(format, text, piece) != verdicts(format, text, size)) std::abort();
    return 0;
}
