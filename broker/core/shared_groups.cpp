#include "broker/core/shared_groups.hpp"

#include <algorithm>

#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

std::string_view SharedGroup::filter() const {
    const auto split = mqtt::split_shared(key);
    return split ? split->filter : std::string_view{};
}

bool SharedGroup::empty() const {
    return connected.empty() && waiting.empty() &&
           std::ranges::all_of(counts, [](const Counts& c) { return c.connected == 0 && c.waiting == 0; });
}

SharedGroup* SharedGroups::find(std::string_view key) {
    const auto at = by_key_.find(key);
    return at == by_key_.end() ? nullptr : at->second;
}

SharedGroup* SharedGroups::find(std::uint32_t number) {
    const auto at = by_number_.find(number);
    return at == by_number_.end() ? nullptr : at->second.get();
}

SharedGroup& SharedGroups::get(std::string_view key, bool& made) {
    if (SharedGroup* there = find(key)) {
        made = false;
        return *there;
    }
    made = true;
    auto group = std::make_unique<SharedGroup>();
    group->key = key;
    group->number = ++last_;
    group->counts.resize(shards_);
    SharedGroup& ref = *group;
    by_key_.emplace(ref.key, &ref);
    tree_.add(ref.filter(), ref.number, {});
    by_number_.emplace(ref.number, std::move(group));
    return ref;
}

bool SharedGroups::drop_if_empty(SharedGroup& group) {
    if (!group.empty()) return false;
    tree_.remove(group.filter(), group.number);
    by_key_.erase(by_key_.find(group.key));
    by_number_.erase(group.number);
    return true;
}

bool SharedGroups::place(SharedGroup& group, SharedGroup::Member member, Place where) {
    const auto leave = [&](std::vector<SharedGroup::Member>& list) {
        std::erase_if(list, [&](const auto& m) { return m.holder == member.holder; });
    };
    if (where != Place::connected) leave(group.connected);
    if (where != Place::waiting) leave(group.waiting);
    if (where != Place::nowhere) {
        auto& list = where == Place::connected ? group.connected : group.waiting;
        const auto at = std::ranges::find(list, member.holder, &SharedGroup::Member::holder);
        if (at != list.end()) {
            at->options = member.options;
        } else {
            list.push_back(member);
        }
    }
    auto& mine = group.counts[self_];
    const SharedGroup::Counts now{.connected = static_cast<std::uint32_t>(group.connected.size()),
                                  .waiting = static_cast<std::uint32_t>(group.waiting.size())};
    const bool changed = now.connected != mine.connected || now.waiting != mine.waiting;
    mine = now;
    return changed;
}

bool SharedGroups::choose(SharedGroup& group, Choice& choice) const {
    std::uint32_t connected = 0;
    std::uint32_t waiting = 0;
    for (const auto& c : group.counts) {
        connected += c.connected;
        waiting += c.waiting;
    }
    const auto all = connected != 0 ? connected : waiting;
    if (all == 0) return false;
    auto rank = group.next++ % all;
    for (ShardId shard = 0; shard < shards_; ++shard) {
        const auto there = connected != 0 ? group.counts[shard].connected : group.counts[shard].waiting;
        if (rank < there) {
            choice = {.group = &group, .shard = shard, .rank = rank, .connected = connected != 0};
            return true;
        }
        rank -= there;
    }
    return false;
}

void SharedGroups::choose(std::string_view topic, std::vector<Choice>& out) {
    out.clear();
    matches_.clear();
    tree_.match(topic, matches_);
    for (const auto& match : matches_) {
        Choice choice;
        if (choose(*by_number_.find(match.holder)->second, choice)) out.push_back(choice);
    }
}

const SharedGroup::Member* SharedGroups::member(const SharedGroup& group, std::uint32_t rank, bool connected) {
    // Those who came back meanwhile are better than the queue of one who is away.
    const auto& list = connected || !group.connected.empty() ? group.connected : group.waiting;
    return list.empty() ? nullptr : &list[rank % list.size()];
}

}  // namespace esl::broker
