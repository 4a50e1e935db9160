// Byte strings, hex, and a reader and writer that check bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/result.hpp"

namespace esl {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

// The view's bytes are the text's own: valid as long as the text is.
inline BytesView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(BytesView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Upper-case, two digits a byte, no separators.
[[nodiscard]] std::string to_hex(BytesView bytes);
[[nodiscard]] std::string to_lower_hex(BytesView bytes);
// Either case; an odd length or another character is ParseError::malformed with its position.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

// Reads a byte string front to back. The first read past the end makes it fail for good: every later read returns zero
// or an empty view, so a decoder asks failed() once, at the end. Views point into the input.
class ByteReader {
public:
    explicit ByteReader(BytesView in) : in_(in) {}

    std::uint8_t u8();
    std::uint16_t u16le();
    std::uint32_t u32le();
    std::uint64_t u64le();
    std::uint16_t u16be();
    std::uint32_t u32be();
    BytesView bytes(std::size_t count);
    BytesView rest() { return bytes(left()); }

    [[nodiscard]] std::size_t left() const { return in_.size() - at_; }
    [[nodiscard]] std::size_t position() const { return at_; }
    [[nodiscard]] bool failed() const { return failed_; }
    // True when all was read and nothing more was asked for.
    [[nodiscard]] bool exhausted() const { return !failed_ && left() == 0; }

private:
    template <class T>
    T little(std::size_t width);

    BytesView in_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

// Appends to a byte string that it does not own.
class ByteWriter {
public:
    explicit ByteWriter(Bytes& out) : out_(out) {}

    ByteWriter& u8(std::uint8_t v);
    ByteWriter& u16le(std::uint16_t v);
    ByteWriter& u32le(std::uint32_t v);
    ByteWriter& u64le(std::uint64_t v);
    ByteWriter& u16be(std::uint16_t v);
    ByteWriter& u32be(std::uint32_t v);
    ByteWriter& bytes(BytesView v);

private:
    Bytes& out_;
};

}  // namespace esl
