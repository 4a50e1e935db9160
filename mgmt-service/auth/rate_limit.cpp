#include "mgmt-service/auth/rate_limit.hpp"

#include <algorithm>

namespace esl::mgmt::auth {

void RateLimit::trim(std::deque<SteadyTime>& times, SteadyTime now) const {
    while (!times.empty() && times.front() + rule_.window <= now) times.pop_front();
}

std::chrono::seconds RateLimit::wait_for(const std::string& key, SteadyTime now) {
    const auto it = failures_.find(key);
    if (it == failures_.end()) return {};
    trim(it->second, now);
    if (it->second.size() < rule_.failures) return {};
    return std::chrono::ceil<std::chrono::seconds>(it->second.front() + rule_.window - now);
}

void RateLimit::failed(const std::string& key, SteadyTime now) {
    if (failures_.size() >= max_keys_ && !failures_.contains(key)) forget_old(now);
    auto& times = failures_[key];
    times.push_back(now);
    if (times.size() > rule_.failures) times.pop_front();
}

void RateLimit::take_back(const std::string& key) {
    const auto it = failures_.find(key);
    if (it == failures_.end()) return;
    if (!it->second.empty()) it->second.pop_back();
    if (it->second.empty()) failures_.erase(it);
}

void RateLimit::forget_old(SteadyTime now) {
    for (auto it = failures_.begin(); it != failures_.end();) {
        trim(it->second, now);
        it = it->second.empty() ? failures_.erase(it) : std::next(it);
    }
    if (failures_.size() < max_keys_) return;
    failures_.erase(std::ranges::min_element(failures_, {}, [](const auto& entry) { return entry.second.back(); }));
}

}  // namespace esl::mgmt::auth
