// A clock whose wall time can be moved forward, for replaying days in minutes. Only with --test-clock.
#pragma once

#include <atomic>

#include "common/core/clock.hpp"

namespace esl::mgmt {

// Thread-safe. Runs on from where it was set, at first from 2000-01-01, so that any replay lies ahead; steady() is the
// real one.
class TestClock final : public Clock {
public:
    TestClock() { set(from_millis(946'684'800'000)); }
    [[nodiscard]] UnixMillis wall() const override {
        return system_.wall() + std::chrono::milliseconds(offset_ms_.load());
    }
    [[nodiscard]] SteadyTime steady() const override { return system_.steady(); }
    void set(UnixMillis to) { offset_ms_ = to_millis(to) - to_millis(system_.wall()); }

private:
    SystemClock system_;
    std::atomic<std::int64_t> offset_ms_{0};
};

}  // namespace esl::mgmt
