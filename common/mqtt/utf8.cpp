#include "common/mqtt/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace esl::mqtt {
namespace {

// Eight bytes that are all in 1..0x7F.
bool plain(const char* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    constexpr std::uint64_t kHigh = 0x8080'8080'8080'8080;
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    return (word & kHigh) == 0 && ((word - kOnes) & kHigh) == 0;
}

// Length of the good form that begins at `at`, 0 when there is none. Unicode 15, table 3-7.
std::size_t form_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : std::uint8_t{0};
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    const auto first = byte(0);
    if (first < 0x80) return first == 0 ? 0 : 1;  // [MQTT-1.5.4-2]
    if (first < 0xC2) return 0;                   // a following byte, or overlong
    if (first < 0xE0) return follows(1) ? 2 : 0;
    if (first < 0xF0) {
        if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
        if (first == 0xED && byte(1) > 0x9F) return 0;  // U+D800 to U+DFFF [MQTT-1.5.4-1]
        return follows(1) && follows(2) ? 3 : 0;
    }
    if (first > 0xF4) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
}

}  // namespace

std::optional<std::size_t> find_bad_utf8(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        if (text.size() - at >= 8 && plain(text.data() + at)) {
            at += 8;
            continue;
        }
        const auto length = form_length(text, at);
        if (length == 0) return at;
        at += length;
    }
    return std::nullopt;
}

}  // namespace esl::mqtt
