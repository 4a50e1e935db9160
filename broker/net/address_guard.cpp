#include "broker/net/address_guard.hpp"

#include <algorithm>

namespace esl::broker {

AddressGuard::Verdict AddressGuard::admit(const std::string& address) {
    if (!asks()) return Verdict::welcome;
    const auto now = clock_.steady();
    const std::lock_guard guard(lock_);
    const auto at = entries_.find(address);
    if (at != entries_.end() && at->second.blocked_until > now) return Verdict::blocked;
    if (limits_.connects_per_address == 0) return Verdict::welcome;
    forget_old(now);
    auto& entry = at != entries_.end() ? entries_.find(address)->second : entries_[address];
    if (now - entry.second >= seconds(1)) {
        entry.second = now;
        entry.connects = 0;
    }
    return ++entry.connects > limits_.connects_per_address ? Verdict::too_often : Verdict::welcome;
}

bool AddressGuard::admit_any() {
    if (limits_.connects_per_second == 0) return true;
    const auto now = clock_.steady();
    const std::lock_guard guard(lock_);
    if (now - second_ >= seconds(1)) {
        second_ = now;
        connects_ = 0;
    }
    return ++connects_ <= limits_.connects_per_second;
}

bool AddressGuard::login_failed(const std::string& address) {
    if (limits_.failed_logins == 0) return false;
    const auto now = clock_.steady();
    const std::lock_guard guard(lock_);
    forget_old(now);
    auto& entry = entries_[address];
    if (now - entry.first_failure >= kFailureWindow) {
        entry.first_failure = now;
        entry.failures = 0;
    }
    if (++entry.failures < limits_.failed_logins) return false;
    entry.failures = 0;
    entry.blocked_until = now + limits_.login_block;
    return true;
}

void AddressGuard::login_succeeded(const std::string& address) {
    if (limits_.failed_logins == 0) return;
    const std::lock_guard guard(lock_);
    if (const auto at = entries_.find(address); at != entries_.end()) at->second.failures = 0;
}

// What says nothing any more goes, now and then: as many addresses stay as have been seen within the longest of the
// times.
void AddressGuard::forget_old(SteadyTime now) {
    if (entries_.size() < sweep_at_) return;
    boost::unordered::erase_if(entries_, [&](const auto& pair) {
        const Entry& e = pair.second;
        return e.blocked_until <= now && now - e.second >= seconds(1) && now - e.first_failure >= kFailureWindow;
    });
    sweep_at_ = std::max<std::size_t>(1'000, entries_.size() * 2);
}

}  // namespace esl::broker
