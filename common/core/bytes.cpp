#include "common/core/bytes.hpp"

#include <array>

namespace esl {
namespace {

std::string hex_with(BytesView bytes, const char* digits) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const auto b : bytes) {
        text.push_back(digits[b >> 4]);
        text.push_back(digits[b & 0x0F]);
    }
    return text;
}

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::string to_hex(BytesView bytes) { return hex_with(bytes, "0123456789ABCDEF"); }
std::string to_lower_hex(BytesView bytes) { return hex_with(bytes, "0123456789abcdef"); }

Result<Bytes> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return fail(ParseError::malformed, "odd number of hex digits");
    Bytes out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = nibble(text[i]);
        const int low = nibble(text[i + 1]);
        if (high < 0 || low < 0) return fail(ParseError::malformed, "not a hex digit at " + std::to_string(i));
        out.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return out;
}

template <class T>
T ByteReader::little(std::size_t width) {
    const auto raw = bytes(width);
    T value = 0;
    for (std::size_t i = raw.size(); i-- > 0;) value = static_cast<T>(value << 8 | raw[i]);
    return value;
}

std::uint8_t ByteReader::u8() {
    const auto raw = bytes(1);
    return raw.empty() ? std::uint8_t{0} : raw[0];
}
std::uint16_t ByteReader::u16le() { return static_cast<std::uint16_t>(little<std::uint32_t>(2)); }
std::uint32_t ByteReader::u32le() { return little<std::uint32_t>(4); }
std::uint64_t ByteReader::u64le() { return little<std::uint64_t>(8); }
std::uint16_t ByteReader::u16be() {
    const auto raw = bytes(2);
    return raw.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(raw[0] << 8 | raw[1]);
}
std::uint32_t ByteReader::u32be() {
    const auto high = u16be();
    return static_cast<std::uint32_t>(high) << 16 | u16be();
}

BytesView ByteReader::bytes(std::size_t count) {
    if (failed_ || count > left()) {
        failed_ = true;
        return {};
    }
    const auto view = in_.subspan(at_, count);
    at_ += count;
    return view;
}

namespace {

// The lowest `kBytes` bytes of a number, appended at once: one by one each asks whether there is room.
template <std::size_t kBytes>
void append(Bytes& out, std::uint64_t value, bool lowest_first) {
    std::array<std::uint8_t, kBytes> raw;
    for (std::size_t i = 0; i < kBytes; ++i)
        raw[lowest_first ? i : kBytes - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    out.insert(out.end(), raw.begin(), raw.end());
}

}  // namespace

ByteWriter& ByteWriter::u8(std::uint8_t v) {
    out_.push_back(v);
    return *this;
}
ByteWriter& ByteWriter::u16le(std::uint16_t v) {
    append<2>(out_, v, true);
    return *this;
}
ByteWriter& ByteWriter::u32le(std::uint32_t v) {
    append<4>(out_, v, true);
    return *this;
}
ByteWriter& ByteWriter::u64le(std::uint64_t v) {
    append<8>(out_, v, true);
    return *this;
}
ByteWriter& ByteWriter::u16be(std::uint16_t v) {
    append<2>(out_, v, false);
    return *this;
}
ByteWriter& ByteWriter::u32be(std::uint32_t v) {
    append<4>(out_, v, false);
    return *this;
}
ByteWriter& ByteWriter::bytes(BytesView v) {
    out_.insert(out_.end(), v.begin(), v.end());
    return *this;
}

}  // namespace esl
