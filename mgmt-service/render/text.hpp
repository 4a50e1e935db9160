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

// Thread-confined, like the font map inside. Every text must be valid UTF-8. Ink never leaves the box.
class TextPainter {
public:
    explicit TextPainter(const FontSet& fonts);
    ~TextPainter();
    TextPainter(const TextPainter&) = delete;
    TextPainter& operator=(const TextPainter&) = delete;

    // Wraps to style.lines lines, shrinks to style.min_size, then cuts with an ellipsis. Right-to-left paragraphs start
    // at the right.
    [[nodiscard]] Spans text(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale);
    // Whole units at style.size, the fraction raised at half of it, the currency sign under or beside the fraction;
    // shrinks until it fits (to style.min_size at least).
    [[nodiscard]] Spans price(const TextStyle& style, const Box& box, const PriceParts& parts, CurrencyPlace currency,
                              std::string_view locale);
    struct Struck {
        Spans text;
        Spans strike;  // to be drawn over the text; rises from left to right and stays clear of the decimal comma
    };
    [[nodiscard]] Struck struck(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt::render
