// Appends one packet to a buffer and puts its length in at the end. For the encoders of this library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/mqtt/decode_error.hpp"
#include "common/mqtt/properties.hpp"

namespace esl::mqtt {

class Writer {
public:
    // `out` stays with the caller; unless finish() succeeds it is put back as it was.
    Writer(PacketType type, std::uint8_t flags, Bytes& out);

    Writer& u8(std::uint8_t v);
    Writer& u16(std::uint16_t v);
    Writer& text(std::string_view v) { return binary(as_bytes(v)); }
    Writer& binary(BytesView v);
    Writer& bytes(BytesView v);
    // The block with its length in MQTT 5, nothing before.
    Writer& properties(PropertiesView v, ProtocolVersion version, PropertiesView extra = {});

    [[nodiscard]] Result<void> finish();

private:
    Bytes& out_;
    std::size_t start_;
    PacketType type_;
    bool too_long_ = false;
};

}  // namespace esl::mqtt
