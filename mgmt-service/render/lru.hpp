// A cache with a bound in bytes: when full, the entry that was used longest ago goes. Thread-confined.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace esl::mgmt::render {

template <class Value>
class Lru {
public:
    explicit Lru(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    // nullptr when it is not there. The pointer is good until the next put().
    const Value* find(std::string_view key) {
        const auto at = index_.find(key);
        if (at == index_.end()) return nullptr;
        order_.splice(order_.begin(), order_, at->second);
        return &at->second->value;
    }

    // `bytes` is the size of the value; the key and the bookkeeping are added here. Too large a value is not kept.
    void put(std::string_view key, Value value, std::size_t bytes) {
        bytes += key.size() + sizeof(Entry) + 64;
        if (bytes > max_bytes_ || index_.contains(key)) return;
        while (bytes_ + bytes > max_bytes_) drop_oldest();
        order_.push_front(Entry{std::string(key), std::move(value), bytes});
        index_.emplace(order_.front().key, order_.begin());
        bytes_ += bytes;
    }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return order_.size(); }

private:
    struct Entry {
        std::string key;
        Value value;
        std::size_t bytes;
    };

    void drop_oldest() {
        const auto& last = order_.back();
        bytes_ -= last.bytes;
        index_.erase(last.key);
        order_.pop_back();
    }

    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::list<Entry> order_;                                                           // newest first
    std::unordered_map<std::string_view, typename std::list<Entry>::iterator> index_;  // views into order_
};

}  // namespace esl::mgmt::render
