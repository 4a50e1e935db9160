#include "common/mqtt/packet/ping.hpp"

#include "common/mqtt/reader.hpp"

namespace esl::mqtt {
namespace {

void append(PacketType type, Bytes& out) {
    out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4));
    out.push_back(0);
}

}  // namespace

Result<void> decode_ping(const Frame& frame) {
    Reader in(frame.type, frame.body);
    in.expect_end();
    if (in.failed()) return in.error();
    return {};
}

void encode_pingreq(Bytes& out) {
    append(PacketType::pingreq, out);
}
void encode_pingresp(Bytes& out) {
    append(PacketType::pingresp, out);
}

}  // namespace esl::mqtt
