// WebSocket framing (RFC 6455, section 5), the server's side. Without I/O, state of a few bytes: the data of a message
// is handed on as it comes, however it is cut into frames, so no length of a frame or a message has to be bounded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "broker/net/layer.hpp"

namespace esl::broker::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    bad_text = 1007,
    policy = 1008,
};

// Appends one unmasked frame, FIN set: what a server sends. A control frame's payload is at most 125 bytes.
void write_frame(Opcode opcode, BytesView payload, Bytes& out);
void write_close(CloseCode code, Bytes& out);

class FrameReader {
public:
    // Appends the unmasked data of binary messages to `data`, and pongs and the close frame that are owed to `answer`.
    // Fails with LayerError::closed after the client's close frame and with LayerError::violation after a frame that is
    // not allowed; the close frame that tells it so is in `answer`. Nothing is read after that.
    [[nodiscard]] Result<> read(BytesView in, Bytes& data, Bytes& answer);
    [[nodiscard]] bool over() const { return over_; }

private:
    [[nodiscard]] std::size_t header_size() const;
    [[nodiscard]] Result<> begin_frame(Bytes& answer);
    [[nodiscard]] Result<> end_header(Bytes& answer);
    void unmask(BytesView in, Bytes& out);
    [[nodiscard]] Result<> end_control(Bytes& answer);
    [[nodiscard]] Result<> end_close(Bytes& answer);
    [[nodiscard]] std::unexpected<Error> refuse(CloseCode code, std::string why, Bytes& answer);
    [[nodiscard]] bool is_control() const { return opcode_ >= Opcode::close; }

    std::array<std::uint8_t, 14> header_{};
    std::uint8_t header_read_ = 0;
    std::array<std::uint8_t, 4> mask_{};
    std::uint8_t mask_at_ = 0;
    Opcode opcode_ = Opcode::binary;
    bool in_frame_ = false;    // the header is complete
    bool in_message_ = false;  // a data frame without FIN has come
    bool over_ = false;
    std::uint64_t left_ = 0;  // of the frame's payload
    Bytes control_;           // payload of a control frame, at most 125 bytes
};

}  // namespace esl::broker::websocket
