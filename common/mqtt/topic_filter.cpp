#include "common/mqtt/topic_filter.hpp"

#include "common/mqtt/topic.hpp"
#include "common/mqtt/utf8.hpp"

namespace esl::mqtt {
namespace {

constexpr std::string_view kShare = "$share/";

bool good_wildcards(std::string_view filter) {
    for (auto at = filter.find_first_of("+#"); at != std::string_view::npos; at = filter.find_first_of("+#", at + 1)) {
        const bool level_begins = at == 0 || filter[at - 1] == '/';
        const bool last = at + 1 == filter.size();
        if (!level_begins) return false;                                        // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
        if (filter[at] == '#' && !last) return false;                           // [MQTT-4.7.1-1]
        if (filter[at] == '+' && !last && filter[at + 1] != '/') return false;  // [MQTT-4.7.1-2]
    }
    return true;
}

bool good_form(std::string_view filter) {
    return !filter.empty() && filter.size() <= kTopicMaxBytes && good_wildcards(filter);  // [MQTT-4.7.3-1]
}

}  // namespace

bool is_topic_filter(std::string_view filter) {
    return good_form(filter) && is_utf8(filter);
}

bool is_subscription_filter_of_good_utf8(std::string_view filter) {
    if (!looks_shared(filter)) return good_form(filter);
    return filter.size() <= kTopicMaxBytes && split_shared(filter).has_value();
}

std::optional<SharedFilter> split_shared(std::string_view filter) {
    if (!looks_shared(filter)) return std::nullopt;
    filter.remove_prefix(kShare.size());
    const auto slash = filter.find('/');
    if (slash == std::string_view::npos || slash == 0) return std::nullopt;  // [MQTT-4.8.2-1]
    const SharedFilter out{.group = filter.substr(0, slash), .filter = filter.substr(slash + 1)};
    if (has_wildcard(out.group) || !good_form(out.filter)) return std::nullopt;  // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    return out;
}

bool has_wildcard(std::string_view filter) {
    return filter.find_first_of("+#") != std::string_view::npos;
}

bool matches(std::string_view filter, std::string_view topic) {
    if (is_server_topic(topic) && (filter.starts_with('+') || filter.starts_with('#'))) return false;  // [MQTT-4.7.2-1]
    Levels wanted(filter);
    Levels given(topic);
    std::string_view want;
    std::string_view have;
    while (wanted.next(want)) {
        if (want == "#") return true;  // also when the topic has ended: "a/#" matches "a"
        if (!given.next(have)) return false;
        if (want != "+" && want != have) return false;
    }
    return !given.next(have);
}

namespace {

// A wildcard in the first level does not match topics of the server [MQTT-4.7.2-1].
bool wildcard_meets_server_topic(std::string_view a, std::string_view b) {
    return is_server_topic(b) && (a.starts_with('+') || a.starts_with('#'));
}

}  // namespace

bool covers(std::string_view wider, std::string_view filter) {
    if (wildcard_meets_server_topic(wider, filter)) return false;
    if (filter == "#") return wider == "#" || wider == "+/#";  // a topic has one level at least
    Levels wide(wider);
    Levels given(filter);
    std::string_view w;
    std::string_view g;
    while (wide.next(w)) {
        if (w == "#") return true;
        if (!given.next(g)) return false;
        if (g == "#" || (w != "+" && w != g)) return false;
    }
    return !given.next(g);
}

bool overlap(std::string_view a, std::string_view b) {
    if (wildcard_meets_server_topic(a, b) || wildcard_meets_server_topic(b, a)) return false;
    Levels left(a);
    Levels right(b);
    std::string_view l;
    std::string_view r;
    for (;;) {
        const bool more_left = left.next(l);
        const bool more_right = right.next(r);
        if (!more_left && !more_right) return true;
        if (more_left && l == "#") return true;
        if (more_right && r == "#") return true;
        if (!more_left || !more_right) return false;
        if (l != "+" && r != "+" && l != r) return false;
    }
}

}  // namespace esl::mqtt
