// Where shards hand their trace rows to.
#pragma once

#include <cstdint>

#include "common/core/bytes.hpp"

namespace esl::broker {

enum class TraceKind : std::uint8_t { device, message };

// The numbers are those of the files (docs/formats/broker-traces.md).
enum class TraceAction : std::uint8_t {
    connect = 1,
    close = 2,
    disconnect = 3,
    pub_mqtt = 16,
    pub_mq = 17,
    sub = 18,
    push_offline = 19
};

// Rows as they stand in the files:
//   message: action u8, time i64 (Unix ms), message id u64, client u16 + bytes
//   device:  action u8, time i64, channel u8 + bytes, info u8 + bytes, client u16 + bytes
struct TraceChunk {
    TraceKind kind = TraceKind::message;
    std::uint32_t rows = 0;
    std::int64_t first = 0;  // lowest and highest time in it
    std::int64_t last = 0;
    Bytes bytes{};
};

// Thread-safe. Never blocks: when the rows cannot be kept as fast as they come, the oldest are dropped and counted.
class TraceSink {
public:
    virtual ~TraceSink() = default;
    virtual void post(TraceChunk chunk) = 0;
};

}  // namespace esl::broker
