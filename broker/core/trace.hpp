// What operators look up later: when a device came and went, and which way a message took. A shard writes rows into a
// buffer of its own and hands it on whole; a thread elsewhere keeps them (ports/trace_sink.hpp). Words and codes are
// those of ApsaraMQ for MQTT.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/core/link.hpp"
#include "broker/core/message.hpp"
#include "broker/ports/trace_sink.hpp"
#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

enum class TraceMode : std::uint8_t { off, device, all };

struct TraceWords {
    std::string_view action;
    std::string_view code;
    std::string_view info;  // empty: each row has its own
};
[[nodiscard]] TraceWords words(TraceAction action);
// ActionInfo of a connection's end.
[[nodiscard]] std::string_view trace_info(CloseCause cause);

// One number for each TCP connection, and its public form: 32 lower-case hex digits that no other connection has.
using ChannelNumber = std::uint64_t;
struct ChannelKey {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
};
[[nodiscard]] std::string channel_text(ChannelNumber channel, const ChannelKey& key);
// 32 upper-case hex digits: the broker's own 64 bits, then the message's.
[[nodiscard]] std::string message_id_text(std::uint64_t instance, MessageId id);

// Shard-bound. Costs nothing but a test of a flag for what its mode leaves out.
class Tracer {
public:
    Tracer() = default;  // off
    Tracer(TraceMode mode, const Clock& clock, TraceSink& sink);

    void device(TraceAction action, std::string_view client, const std::string& channel, std::string_view info) {
        if (devices_) add_device(action, client, channel, info);
    }
    void message(TraceAction action, MessageId id, std::string_view client) {
        if (messages_ && id != 0) add_message(action, id, client);  // 0: the broker about itself
    }
    [[nodiscard]] bool devices() const { return devices_; }
    // Rows of one turn have one time.
    void end_turn() { now_ = 0; }
    // Hands on what has been gathered; once a second and when somebody asks.
    void flush();

private:
    void add_device(TraceAction action, std::string_view client, const std::string& channel, std::string_view info);
    void add_message(TraceAction action, MessageId id, std::string_view client);
    std::int64_t now();
    void start_row(TraceChunk& chunk, std::size_t bytes);
    void hand_on(TraceChunk& chunk);

    const Clock* clock_ = nullptr;
    TraceSink* sink_ = nullptr;
    bool devices_ = false;
    bool messages_ = false;
    std::int64_t now_ = 0;
    TraceChunk device_rows_{.kind = TraceKind::device};
    TraceChunk message_rows_{.kind = TraceKind::message};
};

}  // namespace esl::broker
