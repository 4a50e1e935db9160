#include "common/mqtt/unframer.hpp"

#include <string>

#include "common/mqtt/varint.hpp"

namespace esl::mqtt {
namespace {

// [MQTT-2.1.3-1]; DUP is let through where MQTT 3.1 has it.
bool good_flags(PacketType type, std::uint8_t flags) {
    switch (type) {
        case PacketType::publish:
            return true;  // QoS 3 is found by its decoder
        case PacketType::pubrel:
        case PacketType::subscribe:
        case PacketType::unsubscribe:
            return (flags & 0x07) == 0x02;
        default:
            return flags == 0;
    }
}

}  // namespace

Result<Unframed> unframe(BytesView in, std::size_t max_packet_size) {
    Unframed out;
    out.need = 2;
    if (in.empty()) return out;
    const auto type = static_cast<std::uint8_t>(in[0] >> 4);
    if (type == 0) return fail(DecodeError::malformed, "packet type 0");
    out.frame.type = static_cast<PacketType>(type);
    out.frame.flags = in[0] & 0x0F;
    if (!good_flags(out.frame.type, out.frame.flags)) {
        return fail(DecodeError::malformed, std::string(name(out.frame.type)) + ": flags of the fixed header");
    }
    const auto length = read_varint(in.subspan(1));
    switch (length.status) {
        case Varint::Status::malformed:
            return fail(DecodeError::malformed, std::string(name(out.frame.type)) + ": remaining length");
        case Varint::Status::need_more:
            out.need = in.size() + 1;
            return out;
        case Varint::Status::complete:
            break;
    }
    out.frame.size = 1 + length.size + length.value;
    if (out.frame.size > max_packet_size) {
        return fail(DecodeError::packet_too_large, std::string(name(out.frame.type)) + " of " +
                                                       std::to_string(out.frame.size) + " bytes, at most " +
                                                       std::to_string(max_packet_size) + " are taken");
    }
    if (in.size() < out.frame.size) {
        out.need = out.frame.size;
        return out;
    }
    out.need = 0;
    out.frame.body = in.subspan(1 + length.size, length.value);
    return out;
}

}  // namespace esl::mqtt
