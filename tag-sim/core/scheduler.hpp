// The port through which simulated tags wait: a test moves it by hand, the executable runs it on Asio.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "common/core/clock.hpp"

namespace esl::sim {

// Shard-bound: everything in tag-sim/core runs on the one thread that also runs these callbacks.
class Scheduler {
public:
    virtual ~Scheduler() = default;
    // Calls `task` once, never from inside after(). The id is not used again.
    virtual std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> task) = 0;
    // A task that has run, or an id of 0, is no error.
    virtual void cancel(std::uint64_t id) = 0;
    [[nodiscard]] virtual const Clock& clock() const = 0;
};

// One pending task at most; cancelled when the timer goes.
class Timer {
public:
    explicit Timer(Scheduler& scheduler) : scheduler_(scheduler) {}
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void start(std::chrono::milliseconds delay, std::function<void()> task) {
        stop();
        id_ = scheduler_.after(delay, [this, run = std::move(task)] {
            id_ = 0;
            run();
        });
    }
    void stop() {
        scheduler_.cancel(id_);
        id_ = 0;
    }
    [[nodiscard]] bool running() const { return id_ != 0; }

private:
    Scheduler& scheduler_;
    std::uint64_t id_ = 0;
};

}  // namespace esl::sim
