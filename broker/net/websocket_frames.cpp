#include "broker/net/websocket_frames.hpp"

#include <algorithm>

#include "common/mqtt/utf8.hpp"

namespace esl::broker::websocket {
namespace {

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kControlMost = 125;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;

bool known(std::uint8_t opcode) {
    return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

// Section 7.4.1 and the codes registered since; the rest must not be on the wire.
bool may_be_sent(std::uint16_t code) {
    if (code >= 3000) return code <= 4999;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace

void write_frame(Opcode opcode, BytesView payload, Bytes& out) {
    ByteWriter writer(out);
    writer.u8(kFin | static_cast<std::uint8_t>(opcode));
    if (payload.size() <= kControlMost) {
        writer.u8(static_cast<std::uint8_t>(payload.size()));
    } else if (payload.size() <= 0xFFFF) {
        writer.u8(kLength16).u16be(static_cast<std::uint16_t>(payload.size()));
    } else {
        const auto size = static_cast<std::uint64_t>(payload.size());
        writer.u8(kLength64);
        for (int shift = 56; shift >= 0; shift -= 8) writer.u8(static_cast<std::uint8_t>(size >> shift));
    }
    writer.bytes(payload);
}

void write_close(CloseCode code, Bytes& out) {
    const auto number = static_cast<std::uint16_t>(code);
    const std::array<std::uint8_t, 2> payload{static_cast<std::uint8_t>(number >> 8),
                                              static_cast<std::uint8_t>(number)};
    write_frame(Opcode::close, payload, out);
}

// What is known of the header says how long it is.
std::size_t FrameReader::header_size() const {
    if (header_read_ < 2) return 2;
    const auto length = header_[1] & 0x7F;
    const std::size_t extended = length == kLength64 ? 8 : length == kLength16 ? 2 : 0;
    return 2 + extended + ((header_[1] & kMasked) != 0 ? 4 : 0);
}

Result<> FrameReader::read(BytesView in, Bytes& data, Bytes& answer) {
    if (over_) return fail(LayerError::closed);
    for (;;) {
        if (!in_frame_) {
            while (header_read_ < header_size() && !in.empty()) {
                header_[header_read_++] = in.front();
                in = in.subspan(1);
                // Judged as soon as it is there, so that nobody waits for the rest of nonsense.
                if (header_read_ != 2) continue;
                if (const auto good = begin_frame(answer); !good) return good;
            }
            if (header_read_ < header_size()) return {};
            if (const auto good = end_header(answer); !good) return good;
        }
        const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
        unmask(in.first(here), is_control() ? control_ : data);
        in = in.subspan(here);
        left_ -= here;
        if (left_ > 0) return {};
        in_frame_ = false;
        header_read_ = 0;
        if (!is_control()) continue;
        if (const auto good = end_control(answer); !good) return good;
    }
}

// The first two bytes of a header: all that can be wrong in it but the length.
Result<> FrameReader::begin_frame(Bytes& answer) {
    const bool fin = (header_[0] & kFin) != 0;
    const auto opcode = static_cast<std::uint8_t>(header_[0] & 0x0F);
    if ((header_[0] & kReserved) != 0)
        return refuse(CloseCode::protocol_error, "a reserved bit without an extension", answer);
    if (!known(opcode)) return refuse(CloseCode::protocol_error, "opcode " + std::to_string(opcode), answer);
    if ((header_[1] & kMasked) == 0) return refuse(CloseCode::protocol_error, "a frame without mask", answer);
    opcode_ = static_cast<Opcode>(opcode);
    if (is_control()) {
        if (!fin) return refuse(CloseCode::protocol_error, "a control frame in parts", answer);
        if ((header_[1] & 0x7F) > kControlMost)
            return refuse(CloseCode::protocol_error, "a control frame above 125 bytes", answer);
        control_.clear();
        return {};
    }
    if (opcode_ == Opcode::text)  // [MQTT-6.0.0-1]
        return refuse(CloseCode::unsupported_data, "a text frame", answer);
    if ((opcode_ == Opcode::continuation) != in_message_) {
        return refuse(CloseCode::protocol_error,
                      in_message_ ? "a new message inside another" : "a continuation of nothing", answer);
    }
    in_message_ = !fin;
    return {};
}

Result<> FrameReader::end_header(Bytes& answer) {
    const auto length = header_[1] & 0x7F;
    const std::size_t extended = header_size() - 2 - mask_.size();
    left_ = extended == 0 ? static_cast<std::uint64_t>(length) : 0;
    for (std::size_t i = 0; i < extended; ++i) left_ = (left_ << 8) | header_[2 + i];
    if ((extended == 2 && left_ <= kControlMost) || (extended == 8 && (left_ <= 0xFFFF || (left_ >> 63) != 0)))
        return refuse(CloseCode::protocol_error, "a length that is not in its shortest form, or above 2^63", answer);
    std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(2 + extended), mask_.size(), mask_.begin());
    mask_at_ = 0;
    in_frame_ = true;
    return {};
}

void FrameReader::unmask(BytesView in, Bytes& out) {
    const auto at = out.size();
    out.resize(at + in.size());
    std::uint8_t* to = out.data() + at;
    for (std::size_t i = 0; i < in.size(); ++i) to[i] = in[i] ^ mask_[(mask_at_ + i) & 3];
    mask_at_ = static_cast<std::uint8_t>((mask_at_ + in.size()) & 3);
}

Result<> FrameReader::end_control(Bytes& answer) {
    if (opcode_ == Opcode::close) return end_close(answer);
    if (opcode_ == Opcode::ping) write_frame(Opcode::pong, control_, answer);
    Bytes{}.swap(control_);
    return {};
}

Result<> FrameReader::end_close(Bytes& answer) {
    if (control_.size() == 1) return refuse(CloseCode::protocol_error, "a close code of one byte", answer);
    std::optional<std::uint16_t> code;
    if (control_.size() >= 2) {
        code = static_cast<std::uint16_t>((control_[0] << 8) | control_[1]);
        if (!may_be_sent(*code))
            return refuse(CloseCode::protocol_error, "close code " + std::to_string(*code), answer);
        if (!mqtt::is_utf8(as_text(BytesView(control_).subspan(2))))
            return refuse(CloseCode::bad_text, "a close reason that is no UTF-8", answer);
    }
    over_ = true;
    write_frame(Opcode::close, BytesView(control_).first(code ? 2 : 0), answer);
    return fail(LayerError::closed, code ? "close code " + std::to_string(*code) : "close");
}

std::unexpected<Error> FrameReader::refuse(CloseCode code, std::string why, Bytes& answer) {
    over_ = true;
    write_close(code, answer);
    return fail(LayerError::violation, "WebSocket: " + std::move(why));
}

}  // namespace esl::broker::websocket
