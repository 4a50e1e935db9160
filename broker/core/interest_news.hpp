// What other shards have begun, or ceased, to hold, until this shard looks: it does so before it routes a message and
// at the end of each turn. A change is there once post() has returned, so the SUBACK that follows needs no answer, and
// nobody is woken for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace esl::broker {

using ShardId = std::uint32_t;

// A shard has its first, or no more, holder of a filter.
struct InterestChange {
    ShardId of = 0;
    std::string filter;
    bool add = true;
};

// Thread-safe. Bounded by its callers: see Peers::tell().
class InterestNews {
public:
    // How many wait now, this one included.
    std::size_t post(InterestChange change) {
        const std::lock_guard guard(lock_);
        changes_.push_back(std::move(change));
        waiting_.store(changes_.size(), std::memory_order_release);
        return changes_.size();
    }
    [[nodiscard]] std::size_t waiting() const { return waiting_.load(); }
    // In the order of post(). `out` must be empty; its room is used for what comes next.
    void take(std::vector<InterestChange>& out) {
        const std::lock_guard guard(lock_);
        changes_.swap(out);
        waiting_.store(0);
    }

private:
    std::mutex lock_;
    std::vector<InterestChange> changes_;
    std::atomic<std::size_t> waiting_{0};
};

}  // namespace esl::broker
