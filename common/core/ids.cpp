#include "common/core/ids.hpp"

#include <openssl/rand.h>

#include <array>
#include <mutex>
#include <stdexcept>

namespace esl {

Result<TagId> TagId::parse(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ':' && c != '-') digits.push_back(c);
    }
    if (digits.size() != 12 && digits.size() != 16) {
        return fail(ParseError::malformed, "tag id '" + std::string(text.substr(0, 40)) + "' has " +
                                               std::to_string(digits.size()) + " digits, not 12 or 16");
    }
    const auto raw = from_hex(digits);
    if (!raw) return fail(ParseError::malformed, "tag id '" + std::string(text.substr(0, 40)) + "' is not hex");
    std::uint64_t value = 0;
    for (const auto b : *raw) value = value << 8 | b;
    return digits.size() == 12 ? eui48(value) : eui64(value);
}

std::string TagId::text() const {
    const std::size_t width = is_eui48() ? 6 : 8;
    Bytes raw;
    for (std::size_t i = width; i-- > 0;) raw.push_back(static_cast<std::uint8_t>(value_ >> (8 * i)));
    return to_hex(raw);
}

void fill_random(std::span<std::uint8_t> out) {
    if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) {
        throw std::runtime_error("the operating system gave no random bytes");
    }
}

Bytes random_bytes(std::size_t count) {
    Bytes out(count);
    fill_random(out);
    return out;
}

std::string new_uuid7(const Clock& clock) {
    // 12 bits after the version act as a counter within one millisecond (RFC 9562 section 6.2, method 1).
    static std::mutex mutex;
    static std::int64_t last_millis = 0;
    static std::uint32_t counter = 0;

    std::array<std::uint8_t, 16> raw{};
    fill_random(raw);
    std::int64_t millis = 0;
    std::uint32_t sequence = 0;
    {
        const std::scoped_lock lock(mutex);
        const auto now = to_millis(clock.wall());
        if (now > last_millis) {
            last_millis = now;
            counter = static_cast<std::uint32_t>(raw[6] & 0x07) << 8 | raw[7];
        } else if (++counter > 0x0FFF) {
            ++last_millis;
            counter = 0;
        }
        millis = last_millis;
        sequence = counter;
    }
    for (std::size_t i = 0; i < 6; ++i) raw[i] = static_cast<std::uint8_t>(millis >> (8 * (5 - i)));
    raw[6] = static_cast<std::uint8_t>(0x70 | sequence >> 8);
    raw[7] = static_cast<std::uint8_t>(sequence);
    raw[8] = static_cast<std::uint8_t>(0x80 | (raw[8] & 0x3F));

    const auto hex = to_lower_hex(raw);
    return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' + hex.substr(16, 4) + '-' +
           hex.substr(20);
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

}  // namespace esl
