// Shared subscriptions (MQTT 5 section 4.8.2): who of this shard is in which group, and how many members the other
// shards have. Every shard knows every group, so that the one a message is published on picks the member. Shard-bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/peers.hpp"
#include "broker/core/subscription_tree.hpp"

namespace esl::broker {

struct SharedGroup {
    using Member = SubscriptionTree::Match;
    struct Counts {
        std::uint32_t connected = 0;
        std::uint32_t waiting = 0;  // away, with a queue that takes what comes
    };
    std::string key;           // "$share/{name}/{filter}"
    std::uint32_t number = 0;  // of this shard, never used again; not 0
    std::uint32_t next = 0;    // whose turn it is, counted over all shards' members
    std::vector<Counts> counts;
    std::vector<Member> connected;  // here
    std::vector<Member> waiting;

    [[nodiscard]] std::string_view filter() const;
    [[nodiscard]] bool empty() const;
};

class SharedGroups {
public:
    enum class Place : std::uint8_t { nowhere, connected, waiting };
    // `rank`: which of the members over there, modulo their number.
    struct Choice {
        SharedGroup* group = nullptr;
        ShardId shard = 0;
        std::uint32_t rank = 0;
        bool connected = false;
    };

    SharedGroups(ShardId self, ShardId shards) : self_(self), shards_(shards) {}

    [[nodiscard]] bool empty() const { return by_number_.empty(); }
    [[nodiscard]] SharedGroup* find(std::string_view key);
    [[nodiscard]] SharedGroup* find(std::uint32_t number);
    // The group, made when it is not there (`made` says so). `key` is a well-formed shared filter.
    SharedGroup& get(std::string_view key, bool& made);
    // True when nobody is left in it anywhere, and it is gone.
    bool drop_if_empty(SharedGroup& group);
    // Puts a member of this shard where it belongs now. True when the counts of this shard have changed.
    bool place(SharedGroup& group, SharedGroup::Member member, Place where);
    void set_counts(SharedGroup& group, ShardId shard, SharedGroup::Counts counts) { group.counts[shard] = counts; }
    // In turn among the connected members of all shards; among those away when nobody is connected. Nothing when there
    // is nobody at all.
    [[nodiscard]] bool choose(SharedGroup& group, Choice& choice) const;
    // One choice for each group whose filter matches; `out` is cleared first.
    void choose(std::string_view topic, std::vector<Choice>& out);
    // The member of this shard that a choice means, null when there is none any more.
    [[nodiscard]] static const SharedGroup::Member* member(const SharedGroup& group, std::uint32_t rank,
                                                           bool connected);

private:
    ShardId self_;
    ShardId shards_;
    std::uint32_t last_ = 0;
    TextMap<SharedGroup*> by_key_;
    boost::unordered_flat_map<std::uint32_t, std::unique_ptr<SharedGroup>> by_number_;
    SubscriptionTree tree_;
    std::vector<SubscriptionTree::Match> matches_;  // scratch
};

}  // namespace esl::broker
