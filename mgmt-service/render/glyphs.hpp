// Glyphs as runs of inked pixels, each drawn once: Cairo without antialiasing, FreeType's full hinting.
#pragma once

#include <pango/pangocairo.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace esl::mgmt::render {

// Relative to the pen: x to the right, y down, both may be negative.
struct GlyphSpan {
    std::int16_t x, y;
    std::uint16_t length;
};
using GlyphSpans = std::vector<GlyphSpan>;

// Thread-confined. Holds a reference to every font it has drawn with. When kMaxGlyphs are kept, all go at once: a
// shop's alphabet in all sizes is a few thousand, and a new start costs a few milliseconds.
class GlyphStore {
public:
    static constexpr std::size_t kMaxGlyphs = 16'384;

    GlyphStore() = default;
    ~GlyphStore();
    GlyphStore(const GlyphStore&) = delete;
    GlyphStore& operator=(const GlyphStore&) = delete;

    // Good until the next call.
    const GlyphSpans& get(PangoFont* font, PangoGlyph glyph);

private:
    struct Key {
        PangoFont* font;
        PangoGlyph glyph;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Key& k) const {
            return std::hash<const void*>{}(k.font) * 31 + std::hash<std::uint32_t>{}(k.glyph);
        }
    };
    void forget_all();
    [[nodiscard]] static GlyphSpans draw(PangoFont* font, PangoGlyph glyph);

    std::unordered_map<Key, GlyphSpans, Hash> glyphs_;
    std::vector<PangoFont*> fonts_;
};

}  // namespace esl::mgmt::render
