// Checks one packet both ways against annotated bytes, and at every place where it can be cut.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <string>

#include "common/mqtt/packet/any.hpp"

namespace esl::mqtt::testing {

struct Golden {
    ProtocolVersion version = ProtocolVersion::v5;
    Bytes wire = {};
    std::string text = {};                                  // as text_of() writes the decoded packet
    std::function<Result<void>(Bytes&)> encode = {};        // appends the same packet, built by hand
    std::initializer_list<std::size_t> whole_shorter = {};  // lengths of the body at which it is still a whole packet
    bool open_ended = false;                                // the last field takes whatever there is
};

// Every field, in one line: "PUBACK id=1 reason=success".
std::string text_of(const AnyPacket& packet);

void expect_both_ways(const Golden& golden);

// The frame of a whole packet; fails the test when it is not one.
Frame frame_of(BytesView wire);
// A packet with this first byte and body; the length is put in.
Bytes packet_of(std::uint8_t first, BytesView body);

// The reason why these bytes are refused, by the unframer or the decoder.
Result<AnyPacket> decode_wire(BytesView wire, ProtocolVersion version);
void expect_refused(BytesView wire, ProtocolVersion version, DecodeError reason, std::string_view about_contains);

}  // namespace esl::mqtt::testing
