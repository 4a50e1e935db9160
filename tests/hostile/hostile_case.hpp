// Hostile bytes, one case a row: what is sent, in which state of the connection, and what must come of it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/mqtt/reason_code.hpp"
#include "common/mqtt/types.hpp"

namespace esl::hostile {

enum class Before : std::uint8_t {
    nothing,    // the bytes are the first
    v311,       // after a CONNECT that was accepted
    v5,         // the same, MQTT 5
    v5_victim,  // MQTT 5, and a victim is there whose session and messages must stay its own
};

enum class Outcome : std::uint8_t {
    closed,        // whatever is said before
    refused,       // CONNACK with `reason`, then closed
    disconnected,  // MQTT 5: DISCONNECT with `reason`, then closed
    ignored,       // the connection goes on: a ping is answered
    answered,      // an acknowledgement with `reason` (0x80 in a SUBACK of 3.1.1), and the connection goes on
};

struct Case {
    std::string name;
    Before before = Before::nothing;
    Bytes bytes;
    Outcome outcome = Outcome::closed;
    mqtt::ReasonCode reason{};
};

// Bytes by parts: numbers, texts with their two length bytes, raw bytes.
class Wire {
public:
    Wire& u8(unsigned value) {
        bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    Wire& u16(unsigned value) { return u8(value >> 8).u8(value & 0xFF); }
    Wire& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xFFFF); }
    Wire& text(std::string_view value) { return u16(static_cast<unsigned>(value.size())).raw(value); }
    Wire& raw(std::string_view value) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return *this;
    }
    Wire& raw(const Bytes& value) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return *this;
    }
    Wire& varint(std::size_t value) {
        do {
            u8(static_cast<unsigned>(value % 128 + (value >= 128 ? 128 : 0)));
            value /= 128;
        } while (value > 0);
        return *this;
    }
    operator const Bytes&() const { return bytes_; }  // NOLINT(google-explicit-constructor)
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

private:
    Bytes bytes_;
};

// A whole packet: first byte, length, body.
[[nodiscard]] inline Bytes packet(unsigned first, const Bytes& body) {
    return Wire().u8(first).varint(body.size()).raw(body);
}

[[nodiscard]] std::vector<Case> framing_cases();
[[nodiscard]] std::vector<Case> connect_cases();
[[nodiscard]] std::vector<Case> publish_cases();
[[nodiscard]] std::vector<Case> subscribe_cases();
[[nodiscard]] std::vector<Case> acknowledgement_cases();
[[nodiscard]] std::vector<Case> property_cases();

}  // namespace esl::hostile
