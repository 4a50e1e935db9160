#include "broker/auth/nonce_memory.hpp"

namespace esl::broker {

NonceMemory::Verdict NonceMemory::take(const std::string& nonce, UnixMillis until, UnixMillis now) {
    const std::lock_guard guard(lock_);
    while (!by_time_.empty() && by_time_.begin()->first < now) {
        for (const auto& old : by_time_.begin()->second) nonces_.erase(old);
        by_time_.erase(by_time_.begin());
    }
    if (nonces_.contains(nonce)) return Verdict::used;
    if (nonces_.size() >= most_) return Verdict::full;
    nonces_.insert(nonce);
    by_time_[until].push_back(nonce);
    return Verdict::fresh;
}

std::size_t NonceMemory::size() const {
    const std::lock_guard guard(lock_);
    return nonces_.size();
}

}  // namespace esl::broker
