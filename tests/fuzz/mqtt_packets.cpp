// First byte: protocol version (mod 3). The rest is a stream, as a connection reads it. What is taken must survive
// being written and read again.
#include <cstdlib>

#include "common/mqtt/packet/any.hpp"
#include "common/mqtt/topic_filter.hpp"

using namespace esl;        // NOLINT
using namespace esl::mqtt;  // NOLINT

namespace {

void require(bool held) {
    if (!held) std::abort();
}

void check(const AnyPacket& packet, ProtocolVersion version) {
    if (const auto* connect = std::get_if<ConnectView>(&packet.packet)) version = connect->version;
    if (const auto* publish = std::get_if<PublishView>(&packet.packet)) (void)matches("+/a/#", publish->topic);
    Bytes once;
    require(encode_any(packet, version, once).has_value());
    const auto unframed = unframe(once, 1 << 20);
    require(unframed && unframed->complete() && unframed->frame.size == once.size());
    const auto again = decode_any(unframed->frame, version);
    require(again.has_value());
    Bytes twice;
    require(encode_any(*again, version, twice).has_value());
    require(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto version = static_cast<ProtocolVersion>(3 + data[0] % 3);
    BytesView left(data + 1, size - 1);
    while (!left.empty()) {
        const auto unframed = unframe(left, 1 << 17);
        if (!unframed || !unframed->complete()) break;
        const auto decoded = decode_any(unframed->frame, version);
        if (decoded) {
            check(*decoded, version);
        } else {
            require(decoded.error().as<DecodeError>().has_value());
        }
        left = left.subspan(unframed->frame.size);
    }
    return 0;
}
