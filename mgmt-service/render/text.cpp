#include "mgmt-service/render/text.hpp"

#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>

#include "mgmt-service/render/glyphs.hpp"
#include "mgmt-service/render/lru.hpp"

namespace esl::mgmt::render {
namespace {

struct FreeObject {
    void operator()(void* o) const { g_object_unref(o); }
};
struct FreeDescription {
    void operator()(PangoFontDescription* d) const { pango_font_description_free(d); }
};
using Description = std::unique_ptr<PangoFontDescription, FreeDescription>;

int rounded(double value) {
    return static_cast<int>(std::lround(value));
}

// Parts of an em of DejaVu Sans, which sets the grid for all fonts of a tag: the height of capitals and digits, the
// room above and below the baseline, and the distance of baselines (Noto's own 1.36 would cost a line).
int cap_height(int size) {
    return rounded(0.729 * size);
}
int ascent(int size) {
    return rounded(0.93 * size);
}
int descent(int size) {
    return rounded(0.24 * size);
}
int line_height(int size) {
    return rounded(1.17 * size);
}

constexpr int kSmallestSign = 9;

int first_baseline(const TextStyle& style, const Box& box, int size, int lines) {
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

int aligned(Align align, int room, int width) {
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

}  // namespace

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

TextPainter::Impl::Impl(const FontSet& fonts) : map(pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT)) {
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(map.get()), fonts.config());
    pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map.get()), 72);
    context.reset(pango_font_map_create_context(map.get()));
    cairo_font_options_t* options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_NONE);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_FULL);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON);
    pango_cairo_context_set_font_options(context.get(), options);
    cairo_font_options_destroy(options);
    pango_context_set_round_glyph_positions(context.get(), TRUE);
    layout.reset(pango_layout_new(context.get()));
    pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
}

void TextPainter::Impl::use_locale(std::string_view wanted) {
    if (wanted == locale) return;
    locale = wanted;
    pango_context_set_language(context.get(), pango_language_from_string(locale.c_str()));
    pango_layout_context_changed(layout.get());
}

PangoFontDescription* TextPainter::Impl::description(const TextStyle& style, int size) {
    auto& slot = descriptions[{style.family, size, style.bold}];
    if (!slot) {
        slot.reset(pango_font_description_new());
        // Han before the other scripts: which of its regional forms is taken follows from the language.
        const auto families = style.family + ",DejaVu Sans Condensed,Noto Sans CJK SC";
        pango_font_description_set_family(slot.get(), families.c_str());
        pango_font_description_set_weight(slot.get(), style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
        pango_font_description_set_absolute_size(slot.get(), static_cast<double>(size) * PANGO_SCALE);
    }
    return slot.get();
}

int TextPainter::Impl::set_line(const TextStyle& style, int size, std::string_view text) {
    auto* l = layout.get();
    pango_layout_set_width(l, -1);
    pango_layout_set_height(l, -1);
    pango_layout_set_ellipsize(l, PANGO_ELLIPSIZE_NONE);
    pango_layout_set_font_description(l, description(style, size));
    pango_layout_set_text(l, text.data(), static_cast<int>(text.size()));
    PangoRectangle logical;
    pango_layout_get_pixel_extents(l, nullptr, &logical);
    return logical.width;
}

SharedPiece TextPainter::Impl::piece(const TextStyle& style, int size, std::string_view text) {
    key.assign(style.family).append(style.bold ? "\nb" : "\nr").append(std::to_string(size));
    key.append("\n").append(locale).append("\n").append(text);
    if (const auto* kept = pieces.find(key)) return *kept;
    auto out = std::make_shared<Piece>();
    if (!text.empty()) {
        out->width = set_line(style, size, text);
        walk(glyphs, pango_layout_get_line_readonly(layout.get(), 0), [&](int x, int y, int length) {
            out->spans.push_back(
                {static_cast<std::int16_t>(x), static_cast<std::int16_t>(y), static_cast<std::uint16_t>(length)});
        });
    }
    pieces.put(key, out, out->spans.size() * sizeof(GlyphSpan));
    return out;
}

int TextPainter::Impl::set_paragraph(const TextStyle& style, const Box& box, std::string_view text) {
    auto* l = layout.get();
    const int whole = set_line(style, style.size, text);
    if (whole <= box.width && style.size <= box.height) return style.size;
    pango_layout_set_width(l, box.width * PANGO_SCALE);
    pango_layout_set_ellipsize(l, PANGO_ELLIPSIZE_END);
    for (int size = style.size;; --size) {
        // A line needs no room for its descent at the very bottom: two lines of 13 px go into 28.
        const int fitting = 1 + std::max(0, box.height - line_height(size) + descent(size) / 2) / line_height(size);
        const int lines = std::min(style.lines, fitting);
        // Text that would not even fit without breaks need not be tried. One per cent, because hinted widths jump.
        if (size > style.min_size && static_cast<long>(whole) * size * 99 > 100L * lines * box.width * style.size)
            continue;
        pango_layout_set_height(l, -lines);
        pango_layout_set_font_description(l, description(style, size));
        if (size <= style.min_size || pango_layout_is_ellipsized(l) == FALSE) return size;
    }
}

TextPainter::TextPainter(const FontSet& fonts) : impl_(std::make_unique<Impl>(fonts)) {}
TextPainter::~TextPainter() = default;

Spans TextPainter::text(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale) {
    impl_->use_locale(locale);
    Pen pen(impl_->glyphs, box);
    const int size = impl_->set_paragraph(style, box, text);
    const int lines = pango_layout_get_line_count(impl_->layout.get());
    int baseline = first_baseline(style, box, size, lines);
    for (int i = 0; i < lines; ++i, baseline += line_height(size)) {
        auto* line = pango_layout_get_line_readonly(impl_->layout.get(), i);
        PangoRectangle logical;
        pango_layout_line_get_pixel_extents(line, nullptr, &logical);
        auto align = style.align;
        if (pango_layout_line_get_resolved_direction(line) == PANGO_DIRECTION_RTL && align != Align::middle) {
            align = align == Align::start ? Align::end : Align::start;
        }
        pen.line(line, aligned(align, box.width, logical.width), baseline);
    }
    return pen.take();
}

namespace {

// A price laid out for one size of the whole units.
struct PriceGrid {
    int size = 0, fraction_size = 0, sign_size = 0;
    SharedPiece whole, fraction, sign;
    int whole_room = 0;  // to where the fraction begins
    int gap = 0;
    bool sign_under = false;  // beneath the fraction, otherwise beside
    bool sign_first = false;

    [[nodiscard]] int sign_room() const { return sign->width == 0 ? 0 : sign->width + gap; }
    [[nodiscard]] int width() const {
        if (sign_under) return whole_room + std::max(fraction->width, sign->width);
        return whole_room + fraction->width + sign_room();
    }
};

}  // namespace

Spans TextPainter::price(const TextStyle& style, const Box& box, const PriceParts& parts, CurrencyPlace currency,
                         std::string_view locale) {
    impl_->use_locale(locale);
    const bool shown = currency == CurrencyPlace::shown && !parts.symbol.empty();
    const auto place_sign = [&](PriceGrid& g) {
        const int below = cap_height(g.size) - cap_height(g.fraction_size) - std::max(2, rounded(0.09 * g.size));
        g.sign_size = std::min(rounded(below / 0.729), g.fraction_size);
        g.sign_under = !parts.symbol_first && g.fraction->width > 0 && g.sign_size >= kSmallestSign;
        g.sign_first = parts.symbol_first;
        if (!g.sign_under) g.sign_size = g.fraction_size;
        g.sign = impl_->piece(style, g.sign_size, parts.symbol);
        while (g.sign_under && g.sign->width > g.fraction->width * 5 / 4 && g.sign_size > kSmallestSign) {
            g.sign = impl_->piece(style, --g.sign_size, parts.symbol);
        }
    };
    const auto laid_out = [&](int size) {
        PriceGrid g;
        g.size = size;
        g.fraction_size = std::max(rounded(0.52 * size), 8);
        g.gap = std::max(1, rounded(0.06 * size));
        g.whole = impl_->piece(style, size, parts.whole + parts.separator);
        g.fraction = impl_->piece(style, g.fraction_size, parts.fraction);
        // The separator's right bearing would tear the fraction off.
        g.whole_room = g.whole->width - (parts.fraction.empty() ? 0 : rounded(0.07 * size));
        g.sign = impl_->piece(style, g.fraction_size, {});
        if (shown) place_sign(g);
        return g;
    };
    auto grid = laid_out(style.size);
    while (grid.width() > box.width && grid.size > style.min_size) {
        const int guess = grid.size * box.width / grid.width();
        grid = laid_out(std::clamp(guess, style.min_size, grid.size - 1));
    }

    Pen pen(impl_->glyphs, box);
    const int baseline = first_baseline(style, box, grid.size, 1);
    const auto raised = [&](int size) { return baseline - cap_height(grid.size) + cap_height(size); };
    const auto put = [&](const SharedPiece& piece, int at, int at_baseline) { pen.run(piece->spans, at, at_baseline); };
    int x = aligned(style.align, box.width, grid.width());
    if (grid.sign_first) {
        put(grid.sign, x, raised(grid.sign_size));
        x += grid.sign_room();
    }
    put(grid.whole, x, baseline);
    x += grid.whole_room;
    put(grid.fraction, x, raised(grid.fraction_size));
    if (grid.sign_under) {
        put(grid.sign, x + std::max(0, (grid.fraction->width - grid.sign->width) / 2), baseline);
    } else if (!grid.sign_first) {
        put(grid.sign, x + grid.fraction->width + grid.gap, raised(grid.sign_size));
    }
    return pen.take();
}

TextPainter::Struck TextPainter::struck(const TextStyle& style, const Box& box, std::string_view text,
                                        std::string_view locale) {
    impl_->use_locale(locale);
    int size = style.size;
    int width = impl_->set_line(style, size, text);
    while (width > box.width - 4 && size > style.min_size) width = impl_->set_line(style, --size, text);
    const int baseline = first_baseline(style, box, size, 1);
    // Two pixels on either side, for the ends of the strike.
    const int x = 2 + aligned(style.align, box.width - 4, width);
    Pen pen(impl_->glyphs, box);
    pen.line(pango_layout_get_line_readonly(impl_->layout.get(), 0), x, baseline);
    Struck out{pen.take(), {}};

    const int cap = cap_height(size);
    const int thick = size >= 18 ? 2 : 1;
    const int from = x - 2, to = x + width + 1;
    for (int at = std::max(from, 0); at <= std::min(to, box.width - 1); ++at) {
        // From 0.3 to 0.75 of the digits' height: the comma (up to 0.2) is never touched, and a horizontal stroke
        // ("=", "-", the bar of "4") never hides it.
        const double part = static_cast<double>(at - from) / std::max(1, to - from);
        const int top = baseline - rounded((0.30 + 0.45 * part) * cap) - thick + 1;
        for (int y = top - 1; y < top - 1 + thick; ++y) pen.add(at, y, 1);
    }
    out.strike = pen.take();
    return out;
}

}  // namespace esl::mgmt::render
