// UTF-8 as MQTT wants it (MQTT 5 section 1.5.4).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace esl::mqtt {

// The offset of the first byte that may not be there: U+0000, a surrogate, a code point above U+10FFFF, an overlong or
// unfinished form. Nothing when the text is good. Control characters and non-characters, which the standard only
// advises against, are good.
[[nodiscard]] std::optional<std::size_t> find_bad_utf8(std::string_view text);
[[nodiscard]] inline bool is_utf8(std::string_view text) {
    return !find_bad_utf8(text);
}

}  // namespace esl::mqtt
