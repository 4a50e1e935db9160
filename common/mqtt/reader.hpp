// Reads the fields of one packet body. The first thing wrong is remembered and every later read gives zero or nothing,
// so a decoder asks once, at the end. For the decoders of this library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/mqtt/decode_error.hpp"
#include "common/mqtt/properties.hpp"

namespace esl::mqtt {

// Field names are string literals. Views point into the body.
class Reader {
public:
    Reader(PacketType packet, BytesView body) : in_(body), packet_(packet) {}

    std::uint8_t u8(const char* field);
    std::uint16_t u16(const char* field);
    std::uint32_t u32(const char* field);
    std::uint32_t varint(const char* field);
    std::string_view text(const char* field);  // checked UTF-8
    BytesView binary(const char* field);
    BytesView bytes(std::size_t count, const char* field);
    BytesView rest() { return bytes(left(), ""); }
    // A property block with its length, checked against the table for where it stands.
    PropertiesView properties(PropertyPlaces place);

    // Remembers what is wrong with a field just read; the first call counts.
    void reject(DecodeError error, const char* field);

    [[nodiscard]] std::size_t left() const { return in_.size() - at_; }
    [[nodiscard]] bool failed() const { return failed_; }
    // Fails with trailing_bytes unless all was read.
    void expect_end();
    // "PUBLISH: topic, at byte 2". Call when failed().
    [[nodiscard]] std::unexpected<Error> error() const;

private:
    void check_property(const PropertyRow& row, PropertyPlaces place, std::uint64_t& seen);

    BytesView in_;
    std::size_t at_ = 0;
    std::size_t field_at_ = 0;  // where the field now being read begins
    std::size_t failed_at_ = 0;
    const char* failed_field_ = "";
    DecodeError reason_ = DecodeError::malformed;
    PacketType packet_;
    bool failed_ = false;
};

}  // namespace esl::mqtt
