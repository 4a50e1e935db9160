// The topic aliases that one connection's client has been told (MQTT 5 section 3.3.2.3.4). The first topics that are
// sent get one each; when all are given away the rest go by name. Shard-bound; ends with its connection.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/core/subscription_tree.hpp"

namespace esl::broker {

class TopicAliases {
public:
    struct Use {
        std::uint16_t alias = 0;  // 0: none
        bool fresh = false;       // the client does not know it: the topic goes along
    };

    explicit TopicAliases(std::uint16_t most) : most_(most) {}

    [[nodiscard]] Use use(std::string_view topic) {
        if (topic.size() <= kNotWorthIt) return {};
        if (const auto at = known_.find(topic); at != known_.end()) return {.alias = at->second, .fresh = false};
        if (known_.size() >= most_) return {};
        const auto alias = static_cast<std::uint16_t>(known_.size() + 1);
        known_.emplace(topic, alias);
        return {.alias = alias, .fresh = true};
    }
    // The packet that was to tell the client of it has not gone out.
    void take_back(std::string_view topic) {
        if (const auto at = known_.find(topic); at != known_.end()) known_.erase(at);
    }

private:
    static constexpr std::size_t kNotWorthIt = 3;  // bytes that the property takes
    TextMap<std::uint16_t> known_;
    std::uint16_t most_;
};

}  // namespace esl::broker
