// What a ZigBee tag tells of itself: attributes and descriptors.
#include <algorithm>
#include <iterator>
#include <utility>

#include "tag-sim/core/zigbee_tag.hpp"

namespace esl::sim {
namespace {

using namespace tagwire;
namespace pd = price_display;
using zcl::Attribute;
using zcl::Type;

Attribute number(std::uint16_t id, Type type, std::uint64_t value) {
    return {id, type, value};
}
Attribute text(std::uint16_t id, std::string value) {
    return {id, Type::text, std::move(value)};
}

constexpr std::uint16_t kInClusters[] = {zcl::kClusterBasic, zcl::kClusterPower, zcl::kClusterIdentify, pd::kCluster};

}  // namespace

bool ZigbeeTag::serves(std::uint16_t cluster) {
    return std::ranges::find(kInClusters, cluster) != std::end(kInClusters);
}

void ZigbeeTag::read_attributes(const zcl::FrameView& frame, std::uint16_t cluster) {
    const auto ids = zcl::decode_read_attributes(frame.payload);
    if (!ids) {
        ++tag_.counters().bad;
        return respond(frame.header, cluster, zcl::status::kMalformed);
    }
    const bool ours = frame.header.manufacturer == pd::kManufacturer;
    std::vector<zcl::AttributeResult> results;
    for (const auto id : *ids) {
        const auto value = attribute(cluster, ours, id);
        results.push_back({value ? zcl::status::kSuccess : zcl::status::kUnsupportedAttribute,
                           value.value_or(number(id, Type::u8, 0))});
    }
    const auto header = zcl::answer_to(frame.header, zcl::Scope::foundation, zcl::kReadAttributesResponse);
    send(cluster, zcl::encode_frame(header, zcl::encode_read_attributes_response(results)));
}

std::optional<Attribute> ZigbeeTag::attribute(std::uint16_t cluster, bool ours, std::uint16_t id) const {
    if (cluster == pd::kCluster) return ours ? display(id) : std::nullopt;
    if (ours) return std::nullopt;
    if (cluster == zcl::kClusterBasic) return basic(id);
    if (cluster == zcl::kClusterPower && id == 0x0020) return number(id, Type::u8, tag_.battery_mv() / 100U);
    if (cluster == zcl::kClusterPower && id == 0x0021) {
        constexpr unsigned kEmpty = 2200;
        const unsigned above = tag_.battery_mv() > kEmpty ? tag_.battery_mv() - kEmpty : 0;
        return number(id, Type::u8, std::min(200U, above * 200 / (tag_.profile().battery_full_mv - kEmpty)));
    }
    if (cluster == zcl::kClusterIdentify && id == 0x0000) return number(id, Type::u16, 0);
    return std::nullopt;
}

std::optional<Attribute> ZigbeeTag::basic(std::uint16_t id) const {
    switch (id) {
        case 0x0000:
            return number(id, Type::u8, 8);
        case 0x0001:
            return number(id, Type::u8, 1);
        case 0x0002:
            return number(id, Type::u8, 1);
        case 0x0003:
            return number(id, Type::u8, 1);
        case 0x0004:
            return text(id, std::string{pd::kManufacturerName});
        case 0x0005:
            return text(id, tag_.profile().model);
        case 0x0006:
            return text(id, "20260101");
        case 0x0007:
            return number(id, Type::enum8, 3);  // battery
        case 0x4000:
            return text(id, "1.0.0");
        default:
            return std::nullopt;
    }
}

std::optional<Attribute> ZigbeeTag::display(std::uint16_t id) const {
    const auto& p = tag_.profile();
    switch (id) {
        case pd::attribute::kWidth:
            return number(id, Type::u16, p.width);
        case pd::attribute::kHeight:
            return number(id, Type::u16, p.height);
        case pd::attribute::kPalette:
            return number(id, Type::enum8, static_cast<std::uint64_t>(p.palette));
        case pd::attribute::kSlots:
            return number(id, Type::u8, kSlots);
        case pd::attribute::kFormats:
            return number(id, Type::bitmap8, 0x03);
        case pd::attribute::kMaxImage:
            return number(id, Type::u32, kMaxImage);
        case pd::attribute::kShownImage:
            return number(id, Type::u32, tag_.shown_id());
        case pd::attribute::kShownSlot:
            return number(id, Type::u8, shown_slot_);
        case pd::attribute::kRefreshCount:
            return number(id, Type::u32, tag_.counters().refreshes);
        case pd::attribute::kLastError:
            return number(id, Type::enum8, last_error_);
        case pd::attribute::kBatteryMv:
            return number(id, Type::u16, tag_.battery_mv());
        case pd::attribute::kState: {
            auto state = pd::State::idle;
            if (tag_.state() == TagState::receiving) state = pd::State::receiving;
            if (tag_.refreshing()) state = pd::State::refreshing;
            return number(id, Type::enum8, static_cast<std::uint64_t>(state));
        }
        default:
            return std::nullopt;
    }
}

Bytes ZigbeeTag::node_descriptor() {
    Bytes out;
    ByteWriter{out}
        .u8(0x02)                  // end device
        .u8(0x40)                  // 2.4 GHz
        .u8(0x80)                  // allocates an address; sleeps
        .u16le(pd::kManufacturer)  //
        .u8(80)                    // largest buffer
        .u16le(160)                // largest incoming transfer
        .u16le(0)                  // server mask
        .u16le(160)                // largest outgoing transfer
        .u8(0);
    return out;
}

Bytes ZigbeeTag::simple_descriptor() {
    Bytes out;
    ByteWriter w{out};
    w.u8(pd::kEndpoint).u16le(zcl::kProfileHomeAutomation).u16le(pd::kDevice).u8(1);
    w.u8(static_cast<std::uint8_t>(std::size(kInClusters)));
    for (const auto cluster : kInClusters) w.u16le(cluster);
    w.u8(0);
    return out;
}

}  // namespace esl::sim
