#include "broker/core/names.hpp"

#include <algorithm>

namespace esl::broker {
namespace {

bool is_name_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

bool is_name(std::string_view text) {
    return std::ranges::all_of(text, is_name_char);
}

char folded(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Enough of a foreign name to recognise it in a log line.
std::string shown(std::string_view text) {
    constexpr std::size_t kMost = 80;
    std::string out = "'";
    for (const char c : text.substr(0, kMost)) out.push_back(c >= ' ' && c < 0x7F ? c : '?');
    return out.append(text.size() > kMost ? "…'" : "'");
}

constexpr std::string_view kGroupEnd = "@@@";

}  // namespace

std::optional<PointToPoint> parse_point_to_point(std::string_view topic) {
    constexpr std::string_view kMiddle = "/p2p/";
    const auto first = topic.find('/');
    if (first == 0 || first == std::string_view::npos) return std::nullopt;
    if (topic.substr(first, kMiddle.size()) != kMiddle) return std::nullopt;
    const auto client = topic.substr(first + kMiddle.size());
    if (client.empty() || client.find('/') != std::string_view::npos) return std::nullopt;
    return PointToPoint{topic.substr(0, first), client};
}

Result<> check_group(std::string_view group) {
    if (group.size() < 7 || group.size() > 64) {
        return fail(NameError::bad_group,
                    shown(group) + " has " + std::to_string(group.size()) + " characters, not 7 to 64");
    }
    if (!group.starts_with("GID_") && !group.starts_with("GID-")) {
        return fail(NameError::bad_group, shown(group) + " does not start with GID_ or GID-");
    }
    if (!is_name(group)) return fail(NameError::bad_group, shown(group) + " has more than letters, digits, - and _");
    return {};
}

Result<> check_parent(std::string_view parent) {
    if (parent.size() < 3 || parent.size() > 64) {
        return fail(NameError::bad_parent,
                    shown(parent) + " has " + std::to_string(parent.size()) + " characters, not 3 to 64");
    }
    if (!is_name(parent)) return fail(NameError::bad_parent, shown(parent) + " has more than letters, digits, - and _");
    return {};
}

std::string_view group_of(std::string_view client_id) {
    const auto at = client_id.find(kGroupEnd);
    return at == std::string_view::npos ? std::string_view{} : client_id.substr(0, at);
}

Result<> Registry::add_group(std::string_view group) {
    if (auto ok = check_group(group); !ok) return ok;
    if (!groups_.emplace(group).second) return fail(NameError::exists, "group " + shown(group));
    return {};
}

Result<> Registry::remove_group(std::string_view group) {
    const auto at = groups_.find(group);
    if (at == groups_.end()) return fail(NameError::not_there, "group " + shown(group));
    groups_.erase(at);
    return {};
}

bool Registry::CaseBlindLess::operator()(std::string_view a, std::string_view b) const {
    return std::ranges::lexicographical_compare(a, b, {}, folded, folded);
}

Result<> Registry::add_parent(std::string_view parent) {
    if (auto ok = check_parent(parent); !ok) return ok;
    const auto [at, fresh] = parents_.emplace(parent);
    if (!fresh) return fail(NameError::exists, "topic " + shown(*at));
    return {};
}

Result<> Registry::remove_parent(std::string_view parent) {
    if (!has_parent(parent)) return fail(NameError::not_there, "topic " + shown(parent));
    parents_.erase(parents_.find(parent));
    return {};
}

bool Registry::has_parent(std::string_view parent) const {
    const auto at = parents_.find(parent);
    return at != parents_.end() && *at == parent;
}

Result<> Registry::check_client_id(std::string_view client_id) const {
    if (client_id.size() > limits_.client_id) {
        return fail(NameError::bad_client_id, shown(client_id) + " has " + std::to_string(client_id.size()) +
                                                  " characters, more than " + std::to_string(limits_.client_id));
    }
    const auto group = group_of(client_id);
    if (group.empty()) return fail(NameError::bad_client_id, shown(client_id) + " is not <GroupID>@@@<DeviceID>");
    const auto device = client_id.substr(group.size() + kGroupEnd.size());
    if (device.empty()) return fail(NameError::bad_client_id, shown(client_id) + " has no device id");
    if (!is_name(group) || !is_name(device)) {
        return fail(NameError::bad_client_id, shown(client_id) + " has more than letters, digits, - and _");
    }
    if (!groups_.contains(group)) return fail(NameError::unknown_group, shown(group));
    return {};
}

Result<> Registry::check_levels(std::string_view topic, bool wildcards) const {
    if (topic.size() < limits_.topic_lowest || topic.size() > limits_.topic_highest) {
        return fail(NameError::bad_topic, shown(topic) + " has " + std::to_string(topic.size()) + " characters, not " +
                                              std::to_string(limits_.topic_lowest) + " to " +
                                              std::to_string(limits_.topic_highest));
    }
    const auto parent = topic.substr(0, topic.find('/'));
    if (!has_parent(parent)) return fail(NameError::unknown_parent, shown(parent));
    for (std::size_t at = parent.size(); at < topic.size(); ++at) {
        const char c = topic[at];
        if (is_name_char(c) || c == '/' || (wildcards && (c == '+' || c == '#'))) continue;
        return fail(NameError::bad_topic, shown(topic) + ": character " + std::to_string(at) + " is not allowed");
    }
    return {};
}

Result<> Registry::check_topic(std::string_view topic) const {
    const auto address = parse_point_to_point(topic);
    if (!address) return check_levels(topic, false);
    if (!has_parent(address->parent)) return fail(NameError::unknown_parent, shown(address->parent));
    if (address->client_id.size() > limits_.client_id) {
        return fail(NameError::bad_client_id,
                    shown(address->client_id) + " is longer than " + std::to_string(limits_.client_id));
    }
    return {};
}

Result<> Registry::check_filter(std::string_view filter) const {
    const auto address = parse_point_to_point(filter);
    if (!address) return check_levels(filter, true);
    if (!has_parent(address->parent)) return fail(NameError::unknown_parent, shown(address->parent));
    return {};
}

}  // namespace esl::broker
