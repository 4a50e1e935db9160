#include "common/mqtt/properties.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include "common/mqtt/reader.hpp"
#include "common/mqtt/varint.hpp"

namespace esl::mqtt {
namespace {

using enum PropertyId;
constexpr auto kU8 = PropertyType::u8;
constexpr auto kU16 = PropertyType::u16;
constexpr auto kU32 = PropertyType::u32;
constexpr auto kVarint = PropertyType::varint;
constexpr auto kText = PropertyType::text;
constexpr auto kBinary = PropertyType::binary;
constexpr auto kPair = PropertyType::text_pair;

constexpr PropertyPlaces kConnect = place(PacketType::connect);
constexpr PropertyPlaces kConnack = place(PacketType::connack);
constexpr PropertyPlaces kPublish = place(PacketType::publish);
constexpr PropertyPlaces kSubscribe = place(PacketType::subscribe);
constexpr PropertyPlaces kDisconnect = place(PacketType::disconnect);
constexpr PropertyPlaces kAuth = place(PacketType::auth);
constexpr PropertyPlaces kWill = kWillProperties;
constexpr PropertyPlaces kAcks = place(PacketType::puback) | place(PacketType::pubrec) | place(PacketType::pubrel) |
                                 place(PacketType::pubcomp) | place(PacketType::suback) | place(PacketType::unsuback);
constexpr PropertyPlaces kEverywhere =
    kConnect | kConnack | kPublish | kAcks | kSubscribe | place(PacketType::unsubscribe) | kDisconnect | kAuth | kWill;
constexpr PropertyPlaces kNowhere = 0;
constexpr std::uint32_t kMax16 = 0xFFFF;
constexpr std::uint32_t kMax32 = 0xFFFF'FFFF;

// MQTT 5 table 2-4; the bounds are those of each property's own section (0 is a protocol error where min is 1).
constexpr PropertyRow kRows[] = {
    {payload_format_indicator, kU8, kPublish | kWill, kNowhere, 0, 1, "payload format indicator"},
    {message_expiry_interval, kU32, kPublish | kWill, kNowhere, 0, kMax32, "message expiry interval"},
    {content_type, kText, kPublish | kWill, kNowhere, 0, 0, "content type"},
    {response_topic, kText, kPublish | kWill, kNowhere, 0, 0, "response topic"},
    {correlation_data, kBinary, kPublish | kWill, kNowhere, 0, 0, "correlation data"},
    {subscription_identifier, kVarint, kPublish | kSubscribe, kPublish, 1, kVarintMax, "subscription identifier"},
    {session_expiry_interval, kU32, kConnect | kConnack | kDisconnect, kNowhere, 0, kMax32, "session expiry interval"},
    {assigned_client_identifier, kText, kConnack, kNowhere, 0, 0, "assigned client identifier"},
    {server_keep_alive, kU16, kConnack, kNowhere, 0, kMax16, "server keep alive"},
    {authentication_method, kText, kConnect | kConnack | kAuth, kNowhere, 0, 0, "authentication method"},
    {authentication_data, kBinary, kConnect | kConnack | kAuth, kNowhere, 0, 0, "authentication data"},
    {request_problem_information, kU8, kConnect, kNowhere, 0, 1, "request problem information"},
    {will_delay_interval, kU32, kWill, kNowhere, 0, kMax32, "will delay interval"},
    {request_response_information, kU8, kConnect, kNowhere, 0, 1, "request response information"},
    {response_information, kText, kConnack, kNowhere, 0, 0, "response information"},
    {server_reference, kText, kConnack | kDisconnect, kNowhere, 0, 0, "server reference"},
    {reason_string, kText, kConnack | kAcks | kDisconnect | kAuth, kNowhere, 0, 0, "reason string"},
    {receive_maximum, kU16, kConnect | kConnack, kNowhere, 1, kMax16, "receive maximum"},
    {topic_alias_maximum, kU16, kConnect | kConnack, kNowhere, 0, kMax16, "topic alias maximum"},
    {topic_alias, kU16, kPublish, kNowhere, 1, kMax16, "topic alias"},
    {maximum_qos, kU8, kConnack, kNowhere, 0, 1, "maximum QoS"},
    {retain_available, kU8, kConnack, kNowhere, 0, 1, "retain available"},
    {user_property, kPair, kEverywhere, kEverywhere, 0, 0, "user property"},
    {maximum_packet_size, kU32, kConnect | kConnack, kNowhere, 1, kMax32, "maximum packet size"},
    {wildcard_subscription_available, kU8, kConnack, kNowhere, 0, 1, "wildcard subscription available"},
    {subscription_identifier_available, kU8, kConnack, kNowhere, 0, 1, "subscription identifier available"},
    {shared_subscription_available, kU8, kConnack, kNowhere, 0, 1, "shared subscription available"},
};

constexpr std::size_t kIds = 0x2B;

constexpr auto kRowOf = [] {
    std::array<std::int8_t, kIds> rows{};
    rows.fill(-1);
    for (std::size_t i = 0; i < std::size(kRows); ++i) {
        rows.at(static_cast<std::size_t>(kRows[i].id)) = static_cast<std::int8_t>(i);
    }
    return rows;
}();

bool is_number(PropertyType type) {
    return type <= PropertyType::varint;
}

}  // namespace

std::span<const PropertyRow> property_table() {
    return kRows;
}

const PropertyRow* find_property(std::uint32_t id) {
    if (id >= kIds || kRowOf[id] < 0) return nullptr;
    return &kRows[kRowOf[id]];
}

PropertiesView::Iterator& PropertiesView::Iterator::operator++() {
    done_ = true;
    if (left_.empty()) return *this;
    const auto* row = find_property(left_[0]);
    if (row == nullptr) return *this;
    const auto before = left_;
    Reader in(PacketType::publish, left_.subspan(1));
    now_ = Property{.id = row->id, .number = 0, .name = {}, .text = {}, .binary = {}};
    switch (row->type) {
        case PropertyType::u8:
            now_.number = in.u8("");
            break;
        case PropertyType::u16:
            now_.number = in.u16("");
            break;
        case PropertyType::u32:
            now_.number = in.u32("");
            break;
        case PropertyType::varint:
            now_.number = in.varint("");
            break;
        case PropertyType::binary:
            now_.binary = in.binary("");
            break;
        case PropertyType::text:
            now_.text = as_text(in.binary(""));
            break;  // its UTF-8 was checked by the decoder
        case PropertyType::text_pair:
            now_.name = as_text(in.binary(""));
            now_.text = as_text(in.binary(""));
            break;
    }
    if (in.failed()) return *this;
    left_ = left_.last(in.left());
    raw_ = before.first(before.size() - left_.size());
    done_ = false;
    return *this;
}

std::optional<Property> PropertiesView::find(PropertyId id) const {
    for (const auto& property : *this) {
        if (property.id == id) return property;
    }
    return std::nullopt;
}

std::optional<std::uint32_t> PropertiesView::number(PropertyId id) const {
    const auto found = find(id);
    return found ? std::optional(found->number) : std::nullopt;
}

std::uint32_t PropertiesView::number_or(PropertyId id, std::uint32_t otherwise) const {
    return raw_.empty() ? otherwise : number(id).value_or(otherwise);
}

std::optional<std::string_view> PropertiesView::text(PropertyId id) const {
    const auto found = find(id);
    return found ? std::optional(found->text) : std::nullopt;
}

std::optional<BytesView> PropertiesView::binary(PropertyId id) const {
    const auto found = find(id);
    return found ? std::optional(found->binary) : std::nullopt;
}

namespace {

void append_sized(Bytes& out, BytesView value) {
    if (value.size() > kMax16) throw std::length_error("MQTT property of " + std::to_string(value.size()) + " bytes");
    ByteWriter(out).u16be(static_cast<std::uint16_t>(value.size())).bytes(value);
}

const PropertyRow& row_of(PropertyId id, bool (*right_type)(PropertyType)) {
    const auto* row = find_property(static_cast<std::uint32_t>(id));
    if (row == nullptr || !right_type(row->type)) {
        throw std::invalid_argument("MQTT property " + std::to_string(static_cast<int>(id)) + " is of another type");
    }
    return *row;
}

}  // namespace

Properties& Properties::number(PropertyId id, std::uint32_t value) {
    const auto& row = row_of(id, is_number);
    if (value < row.min || value > row.max) {
        throw std::invalid_argument("MQTT property out of range: " + std::string(row.name));
    }
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(id));
    if (row.type == PropertyType::u8) out.u8(static_cast<std::uint8_t>(value));
    if (row.type == PropertyType::u16) out.u16be(static_cast<std::uint16_t>(value));
    if (row.type == PropertyType::u32) out.u32be(value);
    if (row.type == PropertyType::varint) append_varint(bytes_, value);
    return *this;
}

Properties& Properties::text(PropertyId id, std::string_view value) {
    (void)row_of(id, [](PropertyType type) { return type == PropertyType::text; });
    Bytes one{static_cast<std::uint8_t>(id)};
    append_sized(one, as_bytes(value));
    return raw(one);
}

Properties& Properties::binary(PropertyId id, BytesView value) {
    (void)row_of(id, [](PropertyType type) { return type == PropertyType::binary; });
    Bytes one{static_cast<std::uint8_t>(id)};
    append_sized(one, value);
    return raw(one);
}

Properties& Properties::user(std::string_view name, std::string_view value) {
    Bytes one{static_cast<std::uint8_t>(user_property)};
    append_sized(one, as_bytes(name));
    append_sized(one, as_bytes(value));
    return raw(one);
}

Properties& Properties::raw(BytesView property) {
    bytes_.insert(bytes_.end(), property.begin(), property.end());
    return *this;
}

}  // namespace esl::mqtt
