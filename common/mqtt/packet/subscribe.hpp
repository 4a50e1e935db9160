// SUBSCRIBE and UNSUBSCRIBE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "common/mqtt/properties.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::mqtt {

enum class RetainHandling : std::uint8_t { send = 0, send_if_new = 1, do_not_send = 2 };

// Before MQTT 5 only filter and qos mean anything.
struct SubscriptionView {
    std::string_view filter = {};  // good by is_subscription_filter(), "$share/{group}/" still in front
    QoS qos = QoS::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
    RetainHandling retain_handling = RetainHandling::send;

    bool operator==(const SubscriptionView&) const = default;
};

// The filters of a SUBSCRIBE or UNSUBSCRIBE that a decoder has checked, read again from the packet while walking:
// nothing is allocated. In an UNSUBSCRIBE only `filter` is set.
class SubscriptionList {
public:
    class Iterator {
    public:
        using value_type = SubscriptionView;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;

        Iterator() = default;
        Iterator(BytesView left, bool with_options) : left_(left), with_options_(with_options) { ++*this; }
        const SubscriptionView& operator*() const { return now_; }
        const SubscriptionView* operator->() const { return &now_; }
        Iterator& operator++();
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return done_; }

    private:
        BytesView left_;
        SubscriptionView now_;
        bool with_options_ = true;
        bool done_ = true;
    };

    SubscriptionList() = default;
    SubscriptionList(BytesView raw, std::size_t count, bool with_options)
        : raw_(raw), count_(count), with_options_(with_options) {}

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] Iterator begin() const { return {raw_, with_options_}; }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }

private:
    BytesView raw_;
    std::size_t count_ = 0;
    bool with_options_ = true;
};

// Points into the packet; has at least one filter.
struct SubscribeView {
    PacketId packet_id = 0;
    SubscriptionList filters = {};
    PropertiesView properties = {};  // MQTT 5
};
using UnsubscribeView = SubscribeView;

[[nodiscard]] Result<SubscribeView> decode_subscribe(const Frame& frame, ProtocolVersion version);
[[nodiscard]] Result<UnsubscribeView> decode_unsubscribe(const Frame& frame, ProtocolVersion version);

[[nodiscard]] Result<void> encode_subscribe(PacketId packet_id, std::span<const SubscriptionView> filters,
                                            PropertiesView properties, ProtocolVersion version, Bytes& out);
[[nodiscard]] Result<void> encode_unsubscribe(PacketId packet_id, std::span<const std::string_view> filters,
                                              PropertiesView properties, ProtocolVersion version, Bytes& out);

}  // namespace esl::mqtt
