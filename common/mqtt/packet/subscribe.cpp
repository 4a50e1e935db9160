#include "common/mqtt/packet/subscribe.hpp"

#include "common/mqtt/reader.hpp"
#include "common/mqtt/topic_filter.hpp"
#include "common/mqtt/writer.hpp"

namespace esl::mqtt {
namespace {

constexpr std::uint8_t kFlags = 0x02;
constexpr unsigned kNoLocal = 0x04;
constexpr unsigned kRetainAsPublished = 0x08;

SubscriptionView with_options(std::string_view filter, std::uint8_t options) {
    return {.filter = filter,
            .qos = static_cast<QoS>(options & 0x03),
            .no_local = (options & kNoLocal) != 0,
            .retain_as_published = (options & kRetainAsPublished) != 0,
            .retain_handling = static_cast<RetainHandling>(options >> 4 & 0x03)};
}

// "$share/" means something from MQTT 5 on; servers give it that meaning before too, so its form counts in every
// version.
void check_filter(Reader& in, std::string_view filter) {
    if (!in.failed() && !is_subscription_filter_of_good_utf8(filter)) {
        in.reject(DecodeError::bad_topic_filter, "topic filter");
    }
}

void check_options(Reader& in, std::string_view filter, std::uint8_t options, ProtocolVersion version) {
    const unsigned reserved = version == ProtocolVersion::v5 ? 0xC0 : 0xFC;
    if ((options & reserved) != 0) {
        in.reject(DecodeError::malformed, "subscription options: reserved bits");  // [MQTT-3.8.3-5]
    }
    if ((options & 0x03) == 0x03) in.reject(DecodeError::malformed, "subscription options: QoS 3");
    if ((options & 0x30) == 0x30) in.reject(DecodeError::protocol_violation, "subscription options: retain handling 3");
    if ((options & kNoLocal) != 0 && looks_shared(filter)) {
        in.reject(DecodeError::protocol_violation, "no local on a shared subscription");  // [MQTT-3.8.3-4]
    }
}

Result<SubscribeView> decode(const Frame& frame, ProtocolVersion version, bool subscribing) {
    Reader in(frame.type, frame.body);
    SubscribeView out;
    if (version != ProtocolVersion::v31 && frame.flags != kFlags) {  // [MQTT-3.8.1-1] [MQTT-3.10.1-1]
        in.reject(DecodeError::malformed, "flags of the fixed header");
    }
    out.packet_id = in.u16("packet identifier");
    if (out.packet_id == 0) in.reject(DecodeError::protocol_violation, "packet identifier 0");  // [MQTT-2.2.1-3]
    if (version == ProtocolVersion::v5) out.properties = in.properties(place(frame.type));
    if (in.failed()) return in.error();
    const auto raw = frame.body.last(in.left());
    std::size_t count = 0;
    for (; !in.failed() && in.left() > 0; ++count) {
        const auto filter = in.text("topic filter");
        check_filter(in, filter);
        if (subscribing) check_options(in, filter, in.u8("subscription options"), version);
    }
    if (count == 0) in.reject(DecodeError::protocol_violation, "no topic filter");  // [MQTT-3.8.3-2] [MQTT-3.10.3-2]
    if (in.failed()) return in.error();
    out.filters = SubscriptionList(raw, count, subscribing);
    return out;
}

}  // namespace

SubscriptionList::Iterator& SubscriptionList::Iterator::operator++() {
    done_ = true;
    if (left_.empty()) return *this;
    Reader in(PacketType::subscribe, left_);
    const auto filter = as_text(in.binary(""));  // its UTF-8 was checked by the decoder
    now_ = with_options_ ? with_options(filter, in.u8("")) : SubscriptionView{.filter = filter};
    if (in.failed()) return *this;
    left_ = left_.last(in.left());
    done_ = false;
    return *this;
}

Result<SubscribeView> decode_subscribe(const Frame& frame, ProtocolVersion version) {
    return decode(frame, version, true);
}

Result<UnsubscribeView> decode_unsubscribe(const Frame& frame, ProtocolVersion version) {
    return decode(frame, version, false);
}

Result<void> encode_subscribe(PacketId packet_id, std::span<const SubscriptionView> filters, PropertiesView properties,
                              ProtocolVersion version, Bytes& out) {
    Writer writer(PacketType::subscribe, kFlags, out);
    writer.u16(packet_id).properties(properties, version);
    for (const auto& entry : filters) {
        unsigned options = static_cast<unsigned>(entry.qos);
        if (version == ProtocolVersion::v5) {
            options |= (entry.no_local ? kNoLocal : 0U) | (entry.retain_as_published ? kRetainAsPublished : 0U) |
                       static_cast<unsigned>(entry.retain_handling) << 4;
        }
        writer.text(entry.filter).u8(static_cast<std::uint8_t>(options));
    }
    return writer.finish();
}

Result<void> encode_unsubscribe(PacketId packet_id, std::span<const std::string_view> filters,
                                PropertiesView properties, ProtocolVersion version, Bytes& out) {
    Writer writer(PacketType::unsubscribe, kFlags, out);
    writer.u16(packet_id).properties(properties, version);
    for (const auto filter : filters) writer.text(filter);
    return writer.finish();
}

}  // namespace esl::mqtt
