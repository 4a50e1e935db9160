// Identifiers that travel between the parts: tags and UUIDv7s.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl {

// A tag's address: EUI-48 (Bluetooth) or EUI-64 (ZigBee). The text form has 12 or 16 upper-case hex digits and no
// separators; parse() also takes lower case and ':' or '-' between bytes, as scanners print them.
class TagId {
public:
    enum class Kind : std::uint8_t { eui48, eui64 };

    TagId() = default;
    static TagId eui48(std::uint64_t value) { return {value & 0xFFFF'FFFF'FFFF, Kind::eui48}; }
    static TagId eui64(std::uint64_t value) { return {value, Kind::eui64}; }
    [[nodiscard]] static Result<TagId> parse(std::string_view text);

    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::uint64_t value() const { return value_; }
    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] bool is_eui48() const { return kind_ == Kind::eui48; }

    auto operator<=>(const TagId&) const = default;

private:
    TagId(std::uint64_t value, Kind kind) : value_(value), kind_(kind) {}
    std::uint64_t value_ = 0;
    Kind kind_ = Kind::eui48;
};

// UUIDv7 (RFC 9562 section 5.7), 36 characters of lower-case text: 48 bits of Unix milliseconds, then random bits.
// Ids made by one process within a millisecond still sort in the order they were made. Thread-safe.
[[nodiscard]] std::string new_uuid7(const Clock& clock);
[[nodiscard]] bool is_uuid(std::string_view text);

// Random bytes from the operating system's generator, fit for keys. Thread-safe.
void fill_random(std::span<std::uint8_t> out);
[[nodiscard]] Bytes random_bytes(std::size_t count);

}  // namespace esl

template <>
struct std::hash<esl::TagId> {
    std::size_t operator()(const esl::TagId& id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value() * 2 + (id.is_eui48() ? 0 : 1));
    }
};
