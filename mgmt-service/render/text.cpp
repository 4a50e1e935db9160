#include "mgmt-service/render/text.hpp"

#include <pango/pangofc-fontmap.h>

#include "mgmt-service/render/text_impl.hpp"

namespace esl::mgmt::render {

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

Drawn TextPainter::text(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale) {
    impl_->use_locale(locale);
    Pen pen(impl_->glyphs, box);
    const int size = impl_->set_paragraph(style, box, text);
    const bool fits = pango_layout_is_ellipsized(impl_->layout.get()) == FALSE;
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
    return {pen.take(), {}, fits};
}

Drawn TextPainter::struck(const TextStyle& style, const Box& box, std::string_view text, std::string_view locale) {
    impl_->use_locale(locale);
    int size = style.size;
    int width = impl_->set_line(style, size, text);
    while (width > box.width - 4 && size > style.min_size) width = impl_->set_line(style, --size, text);
    const int baseline = first_baseline(style, box, size, 1);
    // Two pixels on either side, for the ends of the strike.
    const int x = 2 + aligned(style.align, box.width - 4, width);
    Pen pen(impl_->glyphs, box);
    pen.line(pango_layout_get_line_readonly(impl_->layout.get(), 0), x, baseline);
    Drawn out{pen.take(), {}, width <= box.width - 4};

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
