#include "mgmt-service/render/text.hpp"

#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>

namespace esl::mgmt::render {
namespace {

struct FreeObject {
    void operator()(void* o) const { g_object_unref(o); }
};
struct FreeDescription {
    void operator()(PangoFontDescription* d) const { pango_font_description_free(d); }
};
struct FreeCairo {
    void operator()(cairo_t* c) const { cairo_destroy(c); }
};
struct FreeSurface {
    void operator()(cairo_surface_t* s) const { cairo_surface_destroy(s); }
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

}  // namespace

struct TextPainter::Impl {
    std::unique_ptr<PangoFontMap, FreeObject> map;
    std::unique_ptr<PangoContext, FreeObject> context;
    std::unique_ptr<PangoLayout, FreeObject> layout;
    std::unique_ptr<cairo_surface_t, FreeSurface> surface;
    std::unique_ptr<cairo_t, FreeCairo> cairo;
    int surface_width = 0, surface_height = 0;
    std::string locale;
    std::map<std::tuple<std::string, int, bool>, Description> descriptions;

    explicit Impl(const FontSet& fonts);
    void use_locale(std::string_view wanted);
    PangoFontDescription* description(const TextStyle& style, int size);
    void begin(const Box& box);
    Spans finish(const Box& box);

    // One line at one size without wrapping; afterwards `layout` holds it.
    int set_line(const TextStyle& style, int size, std::string_view text);
    void draw_line(int x, int baseline);
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

void TextPainter::Impl::begin(const Box& box) {
    if (box.width > surface_width || box.height > surface_height) {
        surface_width = std::max(surface_width, box.width);
        surface_height = std::max(surface_height, box.height);
        surface.reset(cairo_image_surface_create(CAIRO_FORMAT_A8, surface_width, surface_height));
        cairo.reset(cairo_create(surface.get()));
        cairo_set_antialias(cairo.get(), CAIRO_ANTIALIAS_NONE);
    }
    cairo_reset_clip(cairo.get());
    cairo_rectangle(cairo.get(), 0, 0, box.width, box.height);
    cairo_clip(cairo.get());
}

Spans TextPainter::Impl::finish(const Box& box) {
    cairo_surface_flush(surface.get());
    auto* data = cairo_image_surface_get_data(surface.get());
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface.get()));
    Spans out;
    for (int y = 0; y < box.height; ++y) {
        auto* row = data + static_cast<std::size_t>(y) * stride;
        auto* end = row + box.width;
        for (auto* at = row; (at = std::find_if(at, end, [](unsigned char c) { return c != 0; })) != end;) {
            auto* stop = std::find(at, end, 0);
            out.push_back({static_cast<std::uint16_t>(box.x + (at - row)), static_cast<std::uint16_t>(box.y + y),
                           static_cast<std::uint16_t>(stop - at)});
            at = stop;
        }
        std::fill(row, end, 0);
    }
    cairo_surface_mark_dirty(surface.get());
    return out;
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

void TextPainter::Impl::draw_line(int x, int baseline) {
    cairo_move_to(cairo.get(), x, baseline);
    pango_cairo_show_layout_line(cairo.get(), pango_layout_get_line_readonly(layout.get(), 0));
}

int TextPainter::Impl::set_paragraph(const TextStyle& style, const Box& box, std::string_view text) {
    auto* l = layout.get();
    pango_layout_set_width(l, box.width * PANGO_SCALE);
    pango_layout_set_ellipsize(l, PANGO_ELLIPSIZE_END);
    pango_layout_set_text(l, text.data(), static_cast<int>(text.size()));
    for (int size = style.size;; --size) {
        // A line needs no room for its descent at the very bottom: two lines of 13 px go into 28.
        const int fitting = 1 + std::max(0, box.height - line_height(size) + descent(size) / 2) / line_height(size);
        pango_layout_set_height(l, -std::min(style.lines, fitting));
        pango_layout_set_font_description(l, description(style, size));
        if (size <= style.min_size || pango_layout_is_ellipsized(l) == FALSE) return size;
    }
}

TextPainter::TextPainter(const FontSet& fonts) : impl_(std::make_unique<Impl>(fonts)) {}
TextPainter::~TextPainter() = default;

Spans TextPainter::text(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale) {
    impl_->use_locale(locale);
    impl_->begin(box);
    const int size = impl_->set_paragraph(style, box, text);
    const int lines = pango_layout_get_line_count(impl_->layout.get());
    int baseline = first_baseline(style, box, size, lines);
    for (int i = 0; i < lines; ++i, baseline += line_height(size)) {
        auto* line = pango_layout_get_line_readonly(impl_->layout.get(), i);
        PangoRectangle logical;
        pango_layout_line_get_pixel_extents(line, nullptr, &logical);
        auto align = style.align;
        if (pango_layout_line_get_resolved_direction(line) == PANGO_DIRECTION_RTL) {
            if (align != Align::middle) align = align == Align::start ? Align::end : Align::start;
        }
        cairo_move_to(impl_->cairo.get(), aligned(align, box.width, logical.width), baseline);
        pango_cairo_show_layout_line(impl_->cairo.get(), line);
    }
    return impl_->finish(box);
}

namespace {

// Where the pieces of a price stand, for one size of the whole units.
struct PriceGrid {
    int size = 0, fraction_size = 0, sign_size = 0;
    int whole_width = 0, fraction_width = 0, sign_width = 0;
    int gap = 0;
    bool sign_under = false;  // beneath the fraction, otherwise beside
    bool sign_first = false;

    [[nodiscard]] int sign_room() const { return sign_width == 0 ? 0 : sign_width + gap; }
    [[nodiscard]] int width() const {
        if (sign_under) return whole_width + std::max(fraction_width, sign_width);
        return whole_width + fraction_width + sign_room();
    }
};

}  // namespace

Spans TextPainter::price(const TextStyle& style, const Box& box, const PriceParts& parts, CurrencyPlace currency,
                         std::string_view locale) {
    impl_->use_locale(locale);
    const bool shown = currency == CurrencyPlace::shown && !parts.symbol.empty();
    const auto whole = parts.whole + parts.separator;
    const auto grid_of = [&](int size) {
        PriceGrid g;
        g.size = size;
        g.fraction_size = std::max(rounded(0.52 * size), 8);
        g.gap = std::max(1, rounded(0.06 * size));
        g.whole_width = impl_->set_line(style, size, whole);
        // The separator's right bearing would tear the fraction off.
        if (!parts.fraction.empty()) g.whole_width -= rounded(0.07 * size);
        if (!parts.fraction.empty()) g.fraction_width = impl_->set_line(style, g.fraction_size, parts.fraction);
        if (!shown) return g;
        const int below = cap_height(size) - cap_height(g.fraction_size) - std::max(2, rounded(0.09 * size));
        g.sign_size = std::min(rounded(below / 0.729), g.fraction_size);
        g.sign_under = !parts.symbol_first && g.fraction_width > 0 && g.sign_size >= kSmallestSign;
        if (g.sign_under) {
            g.sign_width = impl_->set_line(style, g.sign_size, parts.symbol);
            while (g.sign_width > g.fraction_width * 5 / 4 && g.sign_size > kSmallestSign) {
                g.sign_width = impl_->set_line(style, --g.sign_size, parts.symbol);
            }
        } else {
            g.sign_first = parts.symbol_first;
            g.sign_size = g.fraction_size;
            g.sign_width = impl_->set_line(style, g.sign_size, parts.symbol);
        }
        return g;
    };
    auto grid = grid_of(style.size);
    while (grid.width() > box.width && grid.size > style.min_size) {
        const int guess = grid.size * box.width / grid.width();
        grid = grid_of(std::clamp(guess, style.min_size, grid.size - 1));
    }

    impl_->begin(box);
    const int baseline = first_baseline(style, box, grid.size, 1);
    const auto raised = [&](int size) { return baseline - cap_height(grid.size) + cap_height(size); };
    int x = aligned(style.align, box.width, grid.width());
    const auto put = [&](std::string_view text, int size, int at_baseline) {
        impl_->set_line(style, size, text);
        impl_->draw_line(x, at_baseline);
    };
    if (grid.sign_first) {
        put(parts.symbol, grid.sign_size, raised(grid.sign_size));
        x += grid.sign_room();
    }
    put(whole, grid.size, baseline);
    x += grid.whole_width;
    if (grid.fraction_width > 0) put(parts.fraction, grid.fraction_size, raised(grid.fraction_size));
    if (grid.sign_under) {
        x += std::max(0, (grid.fraction_width - grid.sign_width) / 2);
        put(parts.symbol, grid.sign_size, baseline);
    } else if (shown && !grid.sign_first) {
        x += grid.fraction_width + grid.gap;
        put(parts.symbol, grid.sign_size, raised(grid.sign_size));
    }
    return impl_->finish(box);
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
    impl_->begin(box);
    impl_->set_line(style, size, text);
    impl_->draw_line(x, baseline);
    Struck out{impl_->finish(box), {}};

    const int cap = cap_height(size);
    const int thick = size >= 18 ? 2 : 1;
    const int from = x - 2, to = x + width + 1;
    for (int at = std::max(from, 0); at <= std::min(to, box.width - 1); ++at) {
        // From 0.3 to 0.75 of the digits' height: the comma (up to 0.2) is never touched, and a horizontal stroke
        // ("=", "-", the bar of "4") never hides it.
        const double part = static_cast<double>(at - from) / std::max(1, to - from);
        const int top = baseline - rounded((0.30 + 0.45 * part) * cap) - thick + 1;
        for (int y = std::max(top - 1, 0); y < std::min(top - 1 + thick, box.height); ++y) {
            out.strike.push_back(
                {static_cast<std::uint16_t>(box.x + at), static_cast<std::uint16_t>(box.y + y), std::uint16_t{1}});
        }
    }
    return out;
}

}  // namespace esl::mgmt::render
