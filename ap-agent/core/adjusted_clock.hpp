// The system's clock, or the service's for an AP that has no clock of its own after power-up.
#pragma once

#include <atomic>

#include "common/core/clock.hpp"

namespace esl::ap {

// Thread-safe.
class AdjustedClock final : public Clock {
public:
    explicit AdjustedClock(const Clock& base) : base_(base) {}

    [[nodiscard]] UnixMillis wall() const override { return base_.wall() + std::chrono::milliseconds(offset_); }
    [[nodiscard]] SteadyTime steady() const override { return base_.steady(); }

    // Follows the service while the system's own time cannot be right, and leaves a clock that runs alone. True when it
    // follows.
    bool service_says(UnixMillis now) {
        // 2025-01-01: routers without a battery-backed clock start in 1970 or at the date of their firmware.
        constexpr std::int64_t kPlausible = 1'735'689'600'000;
        if (to_millis(base_.wall()) >= kPlausible) return false;
        offset_ = (now - base_.wall()).count();
        return true;
    }

private:
    const Clock& base_;
    std::atomic<std::int64_t> offset_{0};
};

}  // namespace esl::ap
