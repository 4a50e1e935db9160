// Properties of MQTT 5 (section 2.2.2): one table says what each of them is and where it may stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/mqtt/types.hpp"

namespace esl::mqtt {

enum class PropertyId : std::uint8_t {
    payload_format_indicator = 0x01,
    message_expiry_interval = 0x02,
    content_type = 0x03,
    response_topic = 0x08,
    correlation_data = 0x09,
    subscription_identifier = 0x0B,
    session_expiry_interval = 0x11,
    assigned_client_identifier = 0x12,
    server_keep_alive = 0x13,
    authentication_method = 0x15,
    authentication_data = 0x16,
    request_problem_information = 0x17,
    will_delay_interval = 0x18,
    request_response_information = 0x19,
    response_information = 0x1A,
    server_reference = 0x1C,
    reason_string = 0x1F,
    receive_maximum = 0x21,
    topic_alias_maximum = 0x22,
    topic_alias = 0x23,
    maximum_qos = 0x24,
    retain_available = 0x25,
    user_property = 0x26,
    maximum_packet_size = 0x27,
    wildcard_subscription_available = 0x28,
    subscription_identifier_available = 0x29,
    shared_subscription_available = 0x2A,
};

enum class PropertyType : std::uint8_t { u8, u16, u32, varint, text, binary, text_pair };

// A set of places where properties stand: bit n for the packet type n, bit 0 for the will of CONNECT.
using PropertyPlaces = std::uint16_t;
constexpr PropertyPlaces kWillProperties = 1;
constexpr PropertyPlaces place(PacketType type) {
    return static_cast<PropertyPlaces>(1U << static_cast<unsigned>(type));
}

struct PropertyRow {
    PropertyId id;
    PropertyType type;
    PropertyPlaces places;
    PropertyPlaces repeatable;  // where it may stand more than once
    std::uint32_t min;          // bounds of a number
    std::uint32_t max;
    std::string_view name = {};
};

[[nodiscard]] std::span<const PropertyRow> property_table();
// Null for a number that the standard does not have.
[[nodiscard]] const PropertyRow* find_property(std::uint32_t id);

// One property; which members count follows from its type. Text and bytes point into the packet.
struct Property {
    PropertyId id = PropertyId::user_property;
    std::uint32_t number = 0;
    std::string_view name = {};  // of a user property
    std::string_view text = {};
    BytesView binary = {};
};

// A block of properties without its length, as it stands in a packet. What a decoder hands out has been checked whole:
// known ids, allowed in that packet, not repeated where that is forbidden, values in range, good UTF-8. Nothing is
// allocated; each look-up walks the block. Points into the packet and is valid as long as those bytes are.
class PropertiesView {
public:
    class Iterator {
    public:
        using value_type = Property;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;

        Iterator() = default;
        explicit Iterator(BytesView left) : left_(left) { ++*this; }
        const Property& operator*() const { return now_; }
        const Property* operator->() const { return &now_; }
        Iterator& operator++();
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return done_; }
        // The bytes of the current property, its id included: to copy it as it is.
        [[nodiscard]] BytesView raw() const { return raw_; }

    private:
        BytesView left_;
        BytesView raw_;
        Property now_;
        bool done_ = true;
    };

    PropertiesView() = default;
    // Trusts `raw`; iteration ends early at bytes that are not a property.
    explicit PropertiesView(BytesView raw) : raw_(raw) {}

    [[nodiscard]] bool empty() const { return raw_.empty(); }
    [[nodiscard]] BytesView raw() const { return raw_; }
    [[nodiscard]] Iterator begin() const { return Iterator(raw_); }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }

    // The first property with this id; for numbers, for text, for binary data.
    [[nodiscard]] std::optional<Property> find(PropertyId id) const;
    [[nodiscard]] std::optional<std::uint32_t> number(PropertyId id) const;
    [[nodiscard]] std::uint32_t number_or(PropertyId id, std::uint32_t otherwise) const;
    [[nodiscard]] std::optional<std::string_view> text(PropertyId id) const;
    [[nodiscard]] std::optional<BytesView> binary(PropertyId id) const;

private:
    BytesView raw_;
};

// Builds a block of properties. Throws std::length_error for text or data above 65,535 bytes, and std::invalid_argument
// for a value of another type than the property's or out of its range: both are mistakes of the caller, who checks what
// comes from outside.
class Properties {
public:
    Properties& number(PropertyId id, std::uint32_t value);
    Properties& text(PropertyId id, std::string_view value);
    Properties& binary(PropertyId id, BytesView value);
    Properties& user(std::string_view name, std::string_view value);
    // One property as it is: `it.raw()` of an iterator.
    Properties& raw(BytesView property);
    void clear() { bytes_.clear(); }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    // Valid until this object changes.
    [[nodiscard]] PropertiesView view() const { return PropertiesView(bytes_); }
    operator PropertiesView() const { return view(); }  // NOLINT: a builder stands wherever its view is wanted

private:
    Bytes bytes_;
};

}  // namespace esl::mqtt
