// Finds packets in a stream of bytes. State-free: it looks at the front of the caller's buffer each time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/core/bytes.hpp"
#include "common/mqtt/decode_error.hpp"
#include "common/mqtt/types.hpp"

namespace esl::mqtt {

// One whole packet. `body` is what follows the fixed header and points into the buffer given to unframe().
struct Frame {
    PacketType type = PacketType::connect;
    std::uint8_t flags = 0;  // low four bits of the first byte
    BytesView body = {};
    std::size_t size = 0;  // fixed header and body: what to take off the buffer
};

struct Unframed {
    // 0: `frame` is complete. Otherwise how many bytes the buffer must hold, counted from its front, before it is worth
    // looking again: exact once the length has been read, a lower bound before.
    std::size_t need = 0;
    Frame frame = {};  // type and flags are set from the first byte on, also while bytes are missing

    [[nodiscard]] bool complete() const { return need == 0; }
};

// `max_packet_size` counts the whole packet and is judged from the header alone, so a caller that makes room for `need`
// bytes never makes more than that. With an empty buffer: need 2, and frame.type says nothing.
// Errors: malformed (type 0, flags the type does not have [MQTT-2.1.3-1], a length of more than four bytes),
// packet_too_large. DUP on SUBSCRIBE, UNSUBSCRIBE and PUBREL is left to the decoders, as MQTT 3.1 has it.
[[nodiscard]] Result<Unframed> unframe(BytesView in, std::size_t max_packet_size);

}  // namespace esl::mqtt
