// What apsara mode allows as names: groups, client ids, parent topics, topics and filters. Limits are those of
// ApsaraMQ for MQTT; each is configuration with that default.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/result.hpp"

namespace esl::broker {

enum class NameError {
    bad_group,
    bad_parent,
    bad_client_id,
    unknown_group,
    bad_topic,
    unknown_parent,
    exists,
    not_there
};

constexpr std::string_view describe(NameError e) {
    switch (e) {
        case NameError::bad_group:
            return "not a group id";
        case NameError::bad_parent:
            return "not a parent topic";
        case NameError::bad_client_id:
            return "not a client id";
        case NameError::unknown_group:
            return "group is not registered";
        case NameError::bad_topic:
            return "not a topic";
        case NameError::unknown_parent:
            return "parent topic is not registered";
        case NameError::exists:
            return "exists already";
        case NameError::not_there:
            return "does not exist";
    }
    return "name error";
}

struct NameLimits {
    std::size_t client_id = 64;
    std::size_t topic_lowest = 3;
    std::size_t topic_highest = 64;  // parent and levels together; a P2P topic is exempt
};

// `{parent}/p2p/{client id}`: views into the topic it was parsed from.
struct PointToPoint {
    std::string_view parent;
    std::string_view client_id;
};

// The topic's address when it has the P2P form (exactly three levels, none empty), in either mode.
[[nodiscard]] std::optional<PointToPoint> parse_point_to_point(std::string_view topic);

// `GID_` or `GID-`, 7 to 64 characters of [0-9A-Za-z_-].
[[nodiscard]] Result<> check_group(std::string_view group);
// 3 to 64 characters of [0-9A-Za-z_-].
[[nodiscard]] Result<> check_parent(std::string_view parent);
// The part of a client id before `@@@`; empty when there is no `@@@`.
[[nodiscard]] std::string_view group_of(std::string_view client_id);

// The groups and parent topics that exist. A value: shards each hold a copy that is replaced as a whole.
class Registry {
public:
    Registry() = default;
    explicit Registry(NameLimits limits) : limits_(limits) {}

    [[nodiscard]] Result<> add_group(std::string_view group);
    [[nodiscard]] Result<> remove_group(std::string_view group);
    // Two names that differ only in case are one; `exists` names the one that is there.
    [[nodiscard]] Result<> add_parent(std::string_view parent);
    [[nodiscard]] Result<> remove_parent(std::string_view parent);
    [[nodiscard]] std::vector<std::string> groups() const { return {groups_.begin(), groups_.end()}; }
    [[nodiscard]] std::vector<std::string> parents() const { return {parents_.begin(), parents_.end()}; }

    [[nodiscard]] Result<> check_client_id(std::string_view client_id) const;
    // A topic to publish to; in the P2P form parent and client id are checked apart.
    [[nodiscard]] Result<> check_topic(std::string_view topic) const;
    // A filter to subscribe to: its parent must be a registered name, so it starts with no wildcard.
    [[nodiscard]] Result<> check_filter(std::string_view filter) const;

private:
    struct CaseBlindLess {
        using is_transparent = void;
        bool operator()(std::string_view a, std::string_view b) const;
    };

    [[nodiscard]] Result<> check_levels(std::string_view topic, bool wildcards) const;
    [[nodiscard]] bool has_parent(std::string_view parent) const;

    NameLimits limits_;
    std::set<std::string, std::less<>> groups_;
    std::set<std::string, CaseBlindLess> parents_;
};

}  // namespace esl::broker
