#include "mgmt-service/render/glyphs.hpp"

#include <algorithm>

namespace esl::mgmt::render {
namespace {
// Hinting may move ink past the extents that the font tells.
constexpr int kMargin = 4;
}  // namespace

GlyphStore::~GlyphStore() {
    forget_all();
}

void GlyphStore::forget_all() {
    glyphs_.clear();
    for (auto* font : fonts_) g_object_unref(font);
    fonts_.clear();
}

const GlyphSpans& GlyphStore::get(PangoFont* font, PangoGlyph glyph) {
    const Key key{font, glyph};
    if (const auto found = glyphs_.find(key); found != glyphs_.end()) return found->second;
    if (glyphs_.size() >= kMaxGlyphs) forget_all();
    // A font that goes away could leave its address to another one.
    if (std::ranges::find(fonts_, font) == fonts_.end()) {
        g_object_ref(font);
        fonts_.push_back(font);
    }
    return glyphs_.emplace(key, draw(font, glyph)).first->second;
}

GlyphSpans GlyphStore::draw(PangoFont* font, PangoGlyph glyph) {
    GlyphSpans out;
    if (glyph == PANGO_GLYPH_EMPTY) return out;
    PangoRectangle ink;
    pango_font_get_glyph_extents(font, glyph, &ink, nullptr);
    const int left = PANGO_PIXELS_FLOOR(ink.x) - kMargin, top = PANGO_PIXELS_FLOOR(ink.y) - kMargin;
    const int width = PANGO_PIXELS_CEIL(ink.width) + 2 * kMargin + 1,
              height = PANGO_PIXELS_CEIL(ink.height) + 2 * kMargin + 1;
    auto* surface = cairo_image_surface_create(CAIRO_FORMAT_A8, width, height);
    auto* cairo = cairo_create(surface);
    cairo_set_antialias(cairo, CAIRO_ANTIALIAS_NONE);
    cairo_move_to(cairo, -left, -top);
    PangoGlyphInfo info{};
    info.glyph = glyph;
    // Boxes for characters without a glyph are drawn as wide as this says.
    info.geometry.width = ink.width;
    int cluster = 0;
    PangoGlyphString one{1, &info, &cluster, 1};
    pango_cairo_show_glyph_string(cairo, font, &one);
    cairo_surface_flush(surface);
    const auto* data = cairo_image_surface_get_data(surface);
    const int stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; data != nullptr && y < height; ++y) {
        const auto* row = data + static_cast<std::ptrdiff_t>(y) * stride;
        const auto* end = row + width;
        for (const auto* at = row; (at = std::find_if(at, end, [](unsigned char c) { return c != 0; })) != end;) {
            const auto* stop = std::find(at, end, 0);
            out.push_back({static_cast<std::int16_t>(left + (at - row)), static_cast<std::int16_t>(top + y),
                           static_cast<std::uint16_t>(stop - at)});
            at = stop;
        }
    }
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return out;
}

}  // namespace esl::mgmt::render
