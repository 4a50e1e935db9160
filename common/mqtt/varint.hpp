// Variable byte integer: seven bits a byte, low bits first, at most four bytes (MQTT 5 section 1.5.5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/core/bytes.hpp"

namespace esl::mqtt {

constexpr std::uint32_t kVarintMax = 268'435'455;

struct Varint {
    enum class Status : std::uint8_t { complete, need_more, malformed };
    Status status = Status::need_more;
    std::uint32_t value = 0;
    std::size_t size = 0;  // bytes used, when complete
};

// Looks at no more than the first four bytes. A fifth byte, and a form longer than needed [MQTT-1.5.5-1], is malformed.
[[nodiscard]] Varint read_varint(BytesView in);

[[nodiscard]] constexpr std::size_t varint_size(std::uint32_t value) {
    return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}
// `value` is at most kVarintMax.
void append_varint(Bytes& out, std::uint32_t value);

}  // namespace esl::mqtt
