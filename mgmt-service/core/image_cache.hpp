// Deflated images by their SHA-256, the least recently used going first.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/core/bytes.hpp"

namespace esl::mgmt {

inline constexpr std::size_t kImageCacheBytes = 48ULL << 20;

using Deflated = std::shared_ptr<const Bytes>;

// Images that are on their way to tags, so that sending does not read them back from the store. Thread-safe.
class ImageCache {
public:
    Deflated find(const std::string& sha) {
        const std::lock_guard lock(mutex_);
        const auto it = index_.find(sha);
        if (it == index_.end()) return nullptr;
        order_.splice(order_.begin(), order_, it->second);
        return it->second->second;
    }
    void add(const std::string& sha, Deflated image) {
        const std::lock_guard lock(mutex_);
        if (index_.contains(sha)) return;
        bytes_ += image->size();
        order_.emplace_front(sha, std::move(image));
        index_[sha] = order_.begin();
        while (bytes_ > kImageCacheBytes && order_.size() > 1) {
            bytes_ -= order_.back().second->size();
            index_.erase(order_.back().first);
            order_.pop_back();
        }
    }

private:
    std::mutex mutex_;
    std::list<std::pair<std::string, Deflated>> order_;
    std::unordered_map<std::string, std::list<std::pair<std::string, Deflated>>::iterator> index_;
    std::size_t bytes_ = 0;
};

}  // namespace esl::mgmt
