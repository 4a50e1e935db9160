#include "common/mqtt/varint.hpp"

#include <cassert>

namespace esl::mqtt {

Varint read_varint(BytesView in) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4 && i < in.size(); ++i) {
        value |= static_cast<std::uint32_t>(in[i] & 0x7F) << (7 * i);
        if ((in[i] & 0x80) != 0) continue;
        if (i > 0 && in[i] == 0) return {.status = Varint::Status::malformed};  // [MQTT-1.5.5-1]
        return {.status = Varint::Status::complete, .value = value, .size = i + 1};
    }
    // Four bytes that all say "more": there is no fifth, whatever it holds.
    return {.status = in.size() < 4 ? Varint::Status::need_more : Varint::Status::malformed};
}

void append_varint(Bytes& out, std::uint32_t value) {
    assert(value <= kVarintMax);
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace esl::mqtt
