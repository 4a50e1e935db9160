// Field text as one-bit pixels: shaped by Pango, drawn by Cairo without antialiasing and with full hinting.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mgmt-service/domain/money.hpp"
#include "mgmt-service/render/fonts.hpp"
#include "mgmt-service/render/layout.hpp"

namespace esl::mgmt::render {

// A horizontal run of inked pixels, in pixels of the tag.
struct Span {
    std::uint16_t x, y, length;
};
using Spans = std::vector<Span>;

struct Drawn {
    Spans text;
    Spans strike;  // to be drawn over the text
    bool fits = true;
};

// Thread-confined, like the font map inside. Every text must be valid UTF-8. Ink never leaves the box.
class TextPainter {
public:
    explicit TextPainter(const FontSet& fonts);
    ~TextPainter();
    TextPainter(const TextPainter&) = delete;
    TextPainter& operator=(const TextPainter&) = delete;

    // Wraps to style.lines lines, shrinks to style.min_size, then cuts with an ellipsis (fits is false). Right-to-left
    // paragraphs start at the right.
    [[nodiscard]] Drawn text(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale);
    // Whole units at style.size, the fraction raised at half of it, the currency sign under or beside the fraction;
    // shrinks to style.min_size. When fits is false, a part of it is missing: show nothing of it.
    [[nodiscard]] Drawn price(const TextStyle& style, const Box& box, const PriceParts& parts, CurrencyPlace currency,
                              std::string_view locale);
    // One line with a strike that rises from left to right and stays clear of the decimal comma. As for price().
    [[nodiscard]] Drawn struck(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt::render
