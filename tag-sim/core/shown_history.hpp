// What a panel has shown, newest last: bounded, so that a shelf that runs for weeks keeps its size.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/core/clock.hpp"

namespace esl::sim {

struct ShownImage {
    UnixMillis at{};                         // wall clock at the end of the refresh
    std::chrono::milliseconds simulated{0};  // the tag's own time since it was made: real time times the speed
    std::uint32_t image = 0;                 // CRC of the canonical image; 0: a power cut left a broken screen
};

// Past kKept entries the oldest falls off and is counted.
class ShownHistory {
public:
    static constexpr std::size_t kKept = 64;

    void add(const ShownImage& shown) {
        entries_.push_back(shown);
        if (entries_.size() <= kKept) return;
        entries_.pop_front();
        ++fallen_off_;
    }
    [[nodiscard]] const std::deque<ShownImage>& entries() const { return entries_; }
    [[nodiscard]] std::uint64_t fallen_off() const { return fallen_off_; }

private:
    std::deque<ShownImage> entries_;
    std::uint64_t fallen_off_ = 0;
};

}  // namespace esl::sim
