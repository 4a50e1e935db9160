// Pictures inside a template: `data:image/png;base64,…` and the same of jpeg.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace esl::mgmt::render {

// 16 bytes a pixel at most while it is drawn: 64 MiB. A tag has 2.56 million pixels at most.
inline constexpr std::size_t kMaxPicturePixels = 4U << 20;

// What is wrong with it, for a person; nothing when it is whole. Base64 must be exact but for white space, which
// editors put in. The size is judged by the picture's own header, before anything is decoded; then the whole picture
// is decoded once, so that a template that is taken can be drawn.
[[nodiscard]] std::optional<std::string> wrong_with_picture(std::string_view href);

}  // namespace esl::mgmt::render
