// What the parts of TextPainter share: the grid of a line, glyphs on their way into a box, and Pango's objects.
#pragma once

#include <pango/pangocairo.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "mgmt-service/render/glyphs.hpp"
#include "mgmt-service/render/lru.hpp"
#include "mgmt-service/render/text.hpp"

namespace esl::mgmt::render {

struct FreeObject {
    void operator()(void* o) const { g_object_unref(o); }
};
struct FreeDescription {
    void operator()(PangoFontDescription* d) const { pango_font_description_free(d); }
};
using Description = std::unique_ptr<PangoFontDescription, FreeDescription>;

inline int rounded(double value) {
    return static_cast<int>(std::lround(value));
}

// Parts of an em of DejaVu Sans, which sets the grid for all fonts of a tag: the height of capitals and digits, the
// room above and below the baseline, and the distance of baselines (Noto's own 1.36 would cost a line).
inline int cap_height(int size) {
    return rounded(0.729 * size);
}
inline int ascent(int size) {
    return rounded(0.93 * size);
}
inline int descent(int size) {
    return rounded(0.24 * size);
}
inline int line_height(int size) {
    return rounded(1.17 * size);
}

inline int first_baseline(const TextStyle& style, const Box& box, int size, int lines) {
    const int more = (lines - 1) * line_height(size);
    switch (style.vertical) {
        case VerticalAlign::top:
            return ascent(size);
        case VerticalAlign::bottom:
            return box.height - descent(size) - more;
        case VerticalAlign::middle:
            break;
    }
    const int cap = cap_height(size);
    return (box.height - more - cap) / 2 + cap;
}

inline int aligned(Align align, int room, int width) {
    switch (align) {
        case Align::start:
            return 0;
        case Align::middle:
            return (room - width) / 2;
        case Align::end:
            return room - width;
    }
    return 0;
}

// Calls put(x, y, length) for each span of a line whose pen starts at 0, 0.
template <class Put>
void walk(GlyphStore& glyphs, PangoLayoutLine* line, Put put) {
    int pen = 0;
    for (const GSList* at = line->runs; at != nullptr; at = at->next) {
        const auto* run = static_cast<const PangoGlyphItem*>(at->data);
        for (int i = 0; i < run->glyphs->num_glyphs; ++i) {
            const auto& info = run->glyphs->glyphs[i];
            const int left = PANGO_PIXELS(pen + info.geometry.x_offset);
            const int up = PANGO_PIXELS(info.geometry.y_offset);
            for (const auto& span : glyphs.get(run->item->analysis.font, info.glyph)) {
                put(left + span.x, up + span.y, span.length);
            }
            pen += info.geometry.width;
        }
    }
}

// Ink on its way into a box: spans relative to the box, clipped to it when it is finished.
class Pen {
public:
    Pen(GlyphStore& glyphs, const Box& box) : glyphs_(glyphs), box_(box) {}

    void line(PangoLayoutLine* line, int x, int baseline) {
        walk(glyphs_, line, [&](int dx, int dy, int length) { add(x + dx, baseline + dy, length); });
    }
    void run(const GlyphSpans& spans, int x, int baseline) {
        for (const auto& span : spans) add(x + span.x, baseline + span.y, span.length);
    }
    void add(int x, int y, int length) {
        if (y < 0 || y >= box_.height) return;
        const int from = std::max(x, 0), to = std::min(x + length, box_.width);
        if (from >= to) return;
        out_.push_back({static_cast<std::uint16_t>(box_.x + from), static_cast<std::uint16_t>(box_.y + y),
                        static_cast<std::uint16_t>(to - from)});
    }
    [[nodiscard]] Spans take() { return std::move(out_); }

private:
    GlyphStore& glyphs_;
    Box box_;
    Spans out_;
};

// A piece of a price: whole units, fraction or sign.
struct Piece {
    GlyphSpans spans;
    int width = 0;
};
using SharedPiece = std::shared_ptr<const Piece>;

// Prices are made of few pieces (a hundred fractions, a few signs), each needed again at once.
constexpr std::size_t kPieceBytes = 2U << 20;

struct TextPainter::Impl {
    std::unique_ptr<PangoFontMap, FreeObject> map;
    std::unique_ptr<PangoContext, FreeObject> context;
    std::unique_ptr<PangoLayout, FreeObject> layout;
    GlyphStore glyphs;
    Lru<SharedPiece> pieces{kPieceBytes};
    std::string key;  // scratch
    std::string locale;
    std::map<std::tuple<std::string, int, bool>, Description> descriptions;

    explicit Impl(const FontSet& fonts);
    void use_locale(std::string_view wanted);
    PangoFontDescription* description(const TextStyle& style, int size);

    // One line at one size without wrapping; answers its width. Afterwards `layout` holds it.
    int set_line(const TextStyle& style, int size, std::string_view text);
    [[nodiscard]] SharedPiece piece(const TextStyle& style, int size, std::string_view text);
    // The largest size between min_size and size at which the paragraph fits; `layout` then holds it.
    int set_paragraph(const TextStyle& style, const Box& box, std::string_view text);
};

}  // namespace esl::mgmt::render
