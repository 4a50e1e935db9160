// A shard's clock: asks the system once a turn, so that a message costs no query of the time.
#pragma once

#include <optional>

#include "common/core/clock.hpp"

namespace esl::broker {

// Shard-bound, unlike what it asks. Outside of begin_turn() and end_turn() it asks each time.
class TurnClock final : public Clock {
public:
    explicit TurnClock(const Clock& clock) : clock_(clock) {}
    void begin_turn() { in_turn_ = true; }
    void end_turn() {
        in_turn_ = false;
        wall_.reset();
        steady_.reset();
    }

    [[nodiscard]] UnixMillis wall() const override {
        if (!in_turn_) return clock_.wall();
        if (!wall_) wall_ = clock_.wall();
        return *wall_;
    }
    [[nodiscard]] SteadyTime steady() const override {
        if (!in_turn_) return clock_.steady();
        if (!steady_) steady_ = clock_.steady();
        return *steady_;
    }

private:
    const Clock& clock_;
    bool in_turn_ = false;
    mutable std::optional<UnixMillis> wall_;
    mutable std::optional<SteadyTime> steady_;
};

}  // namespace esl::broker
