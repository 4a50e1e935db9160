#include <algorithm>

#include "broker/net/websocket.hpp"
#include "common/mqtt/unframer.hpp"
#include "common/mqtt/varint.hpp"

namespace esl::broker::websocket {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

CloseCode code_for(CloseCause cause) {
    switch (cause) {
        case CloseCause::shutting_down:
            return CloseCode::going_away;
        case CloseCause::invalid_param:
        case CloseCause::protocol_error:
        case CloseCause::no_connect:
            return CloseCode::policy;
        default:
            return CloseCode::normal;
    }
}

void append(std::string_view text, Bytes& out) {
    const auto bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Result<> WebSocketLayer::receive(BytesView wire, Bytes& plain, Bytes& answer) {
    if (state_ == State::over) return fail(LayerError::closed);
    if (state_ == State::upgrading) {
        if (const auto good = upgrade(wire, answer); !good || state_ != State::open) return good;
    }
    auto good = frames_.read(wire, plain, answer);
    if (!good) state_ = State::over;
    return good;
}

Result<> WebSocketLayer::upgrade(BytesView& wire, Bytes& answer) {
    if (wire.empty()) return {};
    const auto before = request_.size();
    const auto taken = std::min(wire.size(), kHeaderMost + 1 - before);
    request_.append(as_text(wire.first(taken)));
    const auto end = request_.find(kEnd, before < kEnd.size() ? 0 : before - kEnd.size() + 1);
    // A method's first letter: TLS and MQTT itself are told apart by it, and need not wait for their time to be up.
    const bool http = request_.front() >= 'A' && request_.front() <= 'Z';
    if (http && end == std::string::npos && request_.size() <= kHeaderMost) return {};
    UpgradeAnswer said;
    if (!http) {
        said.refusal = "not HTTP";
    } else if (end == std::string::npos) {
        said.refusal = "the request is above " + std::to_string(kHeaderMost) + " bytes";
        said.response =
            "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    } else {
        const auto size = end + kEnd.size();
        wire = wire.subspan(size - before);
        request_.resize(size);
        said = answer_upgrade(request_, rules_);
    }
    std::string{}.swap(request_);
    append(said.response, answer);
    state_ = said.refusal.empty() ? State::open : State::over;
    if (!said.refusal.empty()) return fail(LayerError::refused, said.refusal);
    return {};
}

void WebSocketLayer::send(BytesView plain, Bytes& wire) {
    if (state_ != State::open) return;
    // A frame a packet: Paho's C client (1.3.12) looks at a second packet in a frame only when the next frame comes.
    while (!plain.empty()) {
        const auto packet = mqtt::unframe(plain, mqtt::kVarintMax);
        const auto size = packet && packet->complete() ? packet->frame.size : plain.size();
        write_frame(Opcode::binary, plain.first(size), wire);
        plain = plain.subspan(size);
    }
}

void WebSocketLayer::finish(CloseCause cause, Bytes& wire) {
    if (state_ == State::open) write_close(code_for(cause), wire);
    state_ = State::over;
}

}  // namespace esl::broker::websocket
