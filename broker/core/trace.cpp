#include "broker/core/trace.hpp"

#include <algorithm>
#include <cstring>

namespace esl::broker {
namespace {

// A chunk is a block of the file: small enough that a look-up reads little, large enough that its header is cheap.
constexpr std::size_t kChunkBytes = 48 * 1024;
constexpr std::uint32_t kChunkRows = 1'024;
constexpr std::size_t kClientMost = 1'024;
constexpr std::size_t kShortMost = 255;

// A bijection of 64-bit numbers (the finalizer of SplitMix64), so that no two channels of a broker look alike.
std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBULL;
    return x ^ (x >> 31);
}

void put_hex(std::uint64_t value, const char* digits, std::string& out) {
    for (int shift = 60; shift >= 0; shift -= 4) out.push_back(digits[(value >> shift) & 15]);
}

template <class Integer>
std::uint8_t* put(std::uint8_t* at, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
        *at++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i));
    return at;
}

std::uint8_t* put_text(std::uint8_t* at, std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());  // an empty view may point nowhere
    return at + text.size();
}

}  // namespace

TraceWords words(TraceAction action) {
    switch (action) {
        case TraceAction::connect:
            return {"connect", "mqtt.trace.action.connect", "accepted"};
        case TraceAction::close:
            return {"close", "mqtt.trace.action.close", {}};
        case TraceAction::disconnect:
            return {"disconnect", "mqtt.trace.action.disconnect", "disconnected by client"};
        case TraceAction::pub_mqtt:
            return {"pub_mqtt", "mqtt.trace.action.msg.pub.mqtt", "Pub From Mqtt Client"};
        case TraceAction::pub_mq:
            return {"pub_mq", "mqtt.trace.action.msg.pub.mq", "Pub From MQ"};
        case TraceAction::sub:
            return {"sub", "mqtt.trace.action.msg.sub", "Push To Mqtt Client"};
        case TraceAction::push_offline:
            return {"push_offline", "mqtt.trace.action.msg.push.offline", "Push Offline Msg To Mqtt Client"};
    }
    return {"unknown", "unknown", {}};
}

std::string_view trace_info(CloseCause cause) {
    switch (cause) {
        case CloseCause::protocol_error:
            return describe(CloseCause::invalid_param);
        case CloseCause::taken_over:
            return describe(CloseCause::client_id_conflict);
        default:
            return describe(cause);
    }
}

std::string channel_text(ChannelNumber channel, const ChannelKey& key) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(32);
    put_hex(mix(channel ^ key.high), kDigits, out);
    put_hex(mix(channel + key.low), kDigits, out);
    return out;
}

std::string message_id_text(std::uint64_t instance, MessageId id) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    std::string out;
    out.reserve(32);
    put_hex(instance, kDigits, out);
    put_hex(id, kDigits, out);
    return out;
}

Tracer::Tracer(TraceMode mode, const Clock& clock, TraceSink& sink)
    : clock_(&clock), sink_(&sink), devices_(mode != TraceMode::off), messages_(mode == TraceMode::all) {}

std::int64_t Tracer::now() {
    if (now_ == 0) now_ = to_millis(clock_->wall());
    return now_;
}

void Tracer::start_row(TraceChunk& chunk, std::size_t bytes) {
    if (chunk.rows == kChunkRows || chunk.bytes.size() + bytes > kChunkBytes) hand_on(chunk);
    if (chunk.bytes.capacity() == 0) chunk.bytes.reserve(chunk.kind == TraceKind::message ? kChunkBytes : 4'096);
    const auto time = now();
    chunk.first = chunk.rows == 0 ? time : std::min(chunk.first, time);
    chunk.last = chunk.rows == 0 ? time : std::max(chunk.last, time);
    ++chunk.rows;
}

void Tracer::add_message(TraceAction action, MessageId id, std::string_view client) {
    client = client.substr(0, kClientMost);
    const auto bytes = 1 + 8 + 8 + 2 + client.size();
    start_row(message_rows_, bytes);
    auto& out = message_rows_.bytes;
    const auto from = out.size();
    out.resize(from + bytes);
    auto* at = out.data() + from;
    *at++ = static_cast<std::uint8_t>(action);
    at = put(at, now_);
    at = put(at, id);
    at = put(at, static_cast<std::uint16_t>(client.size()));
    put_text(at, client);
}

void Tracer::add_device(TraceAction action, std::string_view client, const std::string& channel,
                        std::string_view info) {
    client = client.substr(0, kClientMost);
    info = info.substr(0, kShortMost);
    const auto bytes = 1 + 8 + 1 + channel.size() + 1 + info.size() + 2 + client.size();
    start_row(device_rows_, bytes);
    auto& out = device_rows_.bytes;
    const auto from = out.size();
    out.resize(from + bytes);
    auto* at = out.data() + from;
    *at++ = static_cast<std::uint8_t>(action);
    at = put(at, now_);
    *at++ = static_cast<std::uint8_t>(channel.size());
    at = put_text(at, channel);
    *at++ = static_cast<std::uint8_t>(info.size());
    at = put_text(at, info);
    at = put(at, static_cast<std::uint16_t>(client.size()));
    put_text(at, client);
}

void Tracer::hand_on(TraceChunk& chunk) {
    if (chunk.rows == 0) return;
    TraceChunk full{.kind = chunk.kind};
    std::swap(full, chunk);
    sink_->post(std::move(full));
}

void Tracer::flush() {
    hand_on(device_rows_);
    hand_on(message_rows_);
}

}  // namespace esl::broker
