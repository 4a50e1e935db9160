// Slows down guessing: counts failures per key in a sliding window.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

#include "common/core/clock.hpp"

namespace esl::mgmt::auth {

// Not thread-safe; its owner locks.
class RateLimit {
public:
    struct Rule {
        std::size_t failures = 8;
        std::chrono::seconds window = std::chrono::minutes(5);
    };
    RateLimit(Rule rule, std::size_t max_keys = 10'000) : rule_(rule), max_keys_(max_keys) {}

    // Zero: go ahead. Otherwise how long until the next attempt is let through.
    [[nodiscard]] std::chrono::seconds wait_for(const std::string& key, SteadyTime now);
    // With the table full of keys that still count, the one that failed longest ago is forgotten.
    void failed(const std::string& key, SteadyTime now);
    void succeeded(const std::string& key) { failures_.erase(key); }
    // Takes back the last failed(), of an attempt that turned out well.
    void take_back(const std::string& key);
    [[nodiscard]] std::size_t keys() const { return failures_.size(); }

private:
    void forget_old(SteadyTime now);
    void trim(std::deque<SteadyTime>& times, SteadyTime now) const;

    Rule rule_;
    std::size_t max_keys_;
    std::unordered_map<std::string, std::deque<SteadyTime>> failures_;
};

}  // namespace esl::mgmt::auth
