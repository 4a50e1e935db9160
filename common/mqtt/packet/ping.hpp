#pragma once

#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

// PINGREQ or PINGRESP: nothing but the header.
[[nodiscard]] Result<void> decode_ping(const Frame& frame);
void encode_pingreq(Bytes& out);
void encode_pingresp(Bytes& out);

}  // namespace esl::mqtt
