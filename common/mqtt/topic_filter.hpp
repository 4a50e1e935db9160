// Topic filters, shared ones among them, and which topics they match (MQTT 5 sections 4.7 and 4.8.2).
#pragma once

#include <optional>
#include <string_view>

#include "common/mqtt/types.hpp"

namespace esl::mqtt {

// "$share/{group}/{filter}". Views point into the text given.
struct SharedFilter {
    std::string_view group = {};
    std::string_view filter = {};
};

// Good UTF-8, 1 to 65,535 bytes, '#' alone in the last level [MQTT-4.7.1-1], '+' alone in a level [MQTT-4.7.1-2]. Says
// nothing about "$share/": that is an ordinary first level here.
[[nodiscard]] bool is_topic_filter(std::string_view filter);
// Also takes the filter of a shared subscription apart: a group of at least one character without '/', '+', '#', then a
// filter that is good by itself [MQTT-4.8.2-1] [MQTT-4.8.2-2]. For text already known to be good UTF-8.
[[nodiscard]] bool is_subscription_filter_of_good_utf8(std::string_view filter);

[[nodiscard]] constexpr bool looks_shared(std::string_view filter) {
    return filter.starts_with("$share/");
}
// Nothing when the filter is not a (well formed) shared one.
[[nodiscard]] std::optional<SharedFilter> split_shared(std::string_view filter);

[[nodiscard]] bool has_wildcard(std::string_view filter);

// `filter` is a good filter without "$share/{group}/". A wildcard in the first level does not match topics that begin
// with '$' [MQTT-4.7.2-1]. "a/#" matches "a" too. No recursion, no allocation, linear in the lengths.
[[nodiscard]] bool matches(std::string_view filter, std::string_view topic);

// Both take good filters without "$share/{group}/". No recursion, no allocation.
// True when every topic that `filter` matches is matched by `wider` too.
[[nodiscard]] bool covers(std::string_view wider, std::string_view filter);
// True when there is a topic that both match.
[[nodiscard]] bool overlap(std::string_view a, std::string_view b);

}  // namespace esl::mqtt
