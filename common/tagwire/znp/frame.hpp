// Frames of TI's Monitor-and-Test protocol between host and ZigBee coordinator (docs/formats/znp.md):
// FE | length | cmd0 | cmd1 | data | xor of everything from the length on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/core/bytes.hpp"

namespace esl::tagwire::znp {

inline constexpr std::uint8_t kStart = 0xFE;
inline constexpr std::size_t kMaxData = 250;

struct Frame {
    std::uint8_t cmd0 = 0;  // kind in the high three bits, subsystem in the low five
    std::uint8_t cmd1 = 0;  // command within the subsystem
    Bytes data;             // at most kMaxData
    bool operator==(const Frame&) const = default;
};

// Asserts the limit of the data.
[[nodiscard]] Bytes encode_frame(const Frame& frame);

// Finds frames in a byte stream, however it is cut. Bytes that belong to no frame are dropped and counted; after a bad
// length or checksum only the start byte is dropped and the search goes on at the next byte, since the FE may have been
// data. Never holds more than one frame's bytes between calls.
class Unframer {
public:
    // The frames completed by these bytes, in order.
    [[nodiscard]] std::vector<Frame> push(BytesView bytes);

    [[nodiscard]] std::uint64_t dropped_bytes() const { return dropped_bytes_; }
    [[nodiscard]] std::uint64_t bad_frames() const { return bad_frames_; }  // wrong length or checksum
    // True when a frame has begun and is not complete: a caller may reset() after a silence.
    [[nodiscard]] bool mid_frame() const { return !pending_.empty(); }
    void reset();
    // After a silence: what has begun will not be completed. Drops its start byte alone and searches on in the rest,
    // where whole frames may stand behind a start byte that was junk.
    [[nodiscard]] std::vector<Frame> give_up_waiting();

private:
    Bytes pending_;
    std::uint64_t dropped_bytes_ = 0;
    std::uint64_t bad_frames_ = 0;
};

}  // namespace esl::tagwire::znp
