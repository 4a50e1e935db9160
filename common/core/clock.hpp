// The port through which every part learns the time. Nothing else calls now().
#pragma once

#include <chrono>
#include <cstdint>

namespace esl {

// Unix milliseconds UTC: the form of time on every wire and in every store.
using UnixMillis = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::int64_t to_millis(UnixMillis t) { return t.time_since_epoch().count(); }
constexpr UnixMillis from_millis(std::int64_t ms) { return UnixMillis{std::chrono::milliseconds{ms}}; }

// Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    // For people and for wires; may jump.
    [[nodiscard]] virtual UnixMillis wall() const = 0;
    // For timeouts and durations; never goes back.
    [[nodiscard]] virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] UnixMillis wall() const override {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    }
    [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace esl
