// The static art of a template: everything in the SVG that is not bound to a field, in a panel's colours.
#pragma once

#include <cstdint>
#include <vector>

#include "common/image/tag_image.hpp"
#include "mgmt-service/render/layout.hpp"

namespace esl::mgmt::render {

using Canvas = std::vector<std::uint8_t>;  // palette indexes, one byte a pixel, row-major

// Draws with librsvg and quantises; pictures (<image>) are dithered, shapes take the nearest colour. About 1 ms, so
// keep the result. Any thread. Errors: bad_svg with librsvg's own words.
[[nodiscard]] Result<Canvas> draw_art(const Layout& layout, image::Palette palette, bool promotion);

}  // namespace esl::mgmt::render
