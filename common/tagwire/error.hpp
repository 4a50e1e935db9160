// Why bytes of a tag or a radio were not understood.
#pragma once

#include <string_view>

namespace esl::tagwire {

enum class WireError { truncated, malformed, trailing, unknown_command, out_of_range, too_long };

constexpr std::string_view describe(WireError e) {
    switch (e) {
        case WireError::truncated:
            return "truncated";
        case WireError::malformed:
            return "malformed";
        case WireError::trailing:
            return "bytes after the end";
        case WireError::unknown_command:
            return "unknown command";
        case WireError::out_of_range:
            return "out of range";
        case WireError::too_long:
            return "too long";
    }
    return "wire error";
}

}  // namespace esl::tagwire
