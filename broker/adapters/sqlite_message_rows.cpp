#include "broker/adapters/sqlite_message_rows.hpp"

#include <string>

#include "broker/adapters/sqlite.hpp"

namespace esl::broker::sqlite {

std::int64_t flags_of(const Message& m) {
    return static_cast<std::int64_t>(m.qos) | (m.retain ? 4 : 0) | (m.point_to_point ? 8 : 0);
}

void set_flags(Message& m, std::int64_t flags) {
    m.qos = static_cast<mqtt::QoS>(flags & 3);
    m.retain = (flags & 4) != 0;
    m.point_to_point = (flags & 8) != 0;
}

std::int64_t options_bits(const SubscriptionOptions& o) {
    return o.qos | (o.no_local ? 4 : 0) | (o.retain_as_published ? 8 : 0) | (o.retain_handling << 4);
}

SubscriptionOptions options_of(std::int64_t bits, std::int64_t identifier) {
    return {.qos = static_cast<std::uint8_t>(bits & 3),
            .no_local = (bits & 4) != 0,
            .retain_as_published = (bits & 8) != 0,
            .retain_handling = static_cast<std::uint8_t>((bits >> 4) & 3),
            .identifier = static_cast<std::uint32_t>(identifier)};
}

// A recipient: session u32, sequence u32, flags u8 (QoS, 4 retain, 8 identifier follows), identifier u32;
// little-endian.
void write_recipients(const Recipients& recipients, Bytes& out) {
    ByteWriter writer(out);
    for (const auto& r : recipients) {
        const bool identified = r.subscription_id != 0;
        writer.u32le(r.session).u32le(r.sequence);
        writer.u8(static_cast<std::uint8_t>(static_cast<unsigned>(r.qos) | (r.retain ? 4U : 0U) |
                                            (identified ? 8U : 0U) | (r.released ? 16U : 0U)));
        if (identified) writer.u32le(r.subscription_id);
    }
}

Recipients read_recipients(BytesView in, MessageId message) {
    Recipients out;
    ByteReader reader(in);
    while (reader.left() > 0 && !reader.failed()) {
        Recipient r;
        r.session = reader.u32le();
        r.sequence = reader.u32le();
        const auto flags = reader.u8();
        r.qos = static_cast<mqtt::QoS>(flags & 3);
        r.retain = (flags & 4) != 0;
        r.released = (flags & 16) != 0;
        if ((flags & 8) != 0) r.subscription_id = reader.u32le();
        out.push_back(r);
    }
    if (reader.failed())
        throw Failure(StoreError::damaged, "messages: recipients of " + std::to_string(message) + " end early");
    return out;
}

}  // namespace esl::broker::sqlite
