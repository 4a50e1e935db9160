// A Scheduler whose time a test moves by hand.
#pragma once

#include <map>
#include <utility>

#include "common/testing/testing.hpp"
#include "tag-sim/core/scheduler.hpp"

namespace esl::testing {

class ManualScheduler final : public sim::Scheduler {
public:
    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> task) override {
        const auto id = ++last_;
        tasks_[{clock_.steady() + delay, id}] = std::move(task);
        return id;
    }
    void cancel(std::uint64_t id) override {
        std::erase_if(tasks_, [id](const auto& entry) { return entry.first.second == id; });
    }
    [[nodiscard]] const Clock& clock() const override { return clock_; }

    // Runs what falls due on the way, in order of time.
    void advance(std::chrono::milliseconds by) {
        const auto end = clock_.steady() + by;
        while (!tasks_.empty() && tasks_.begin()->first.first <= end) {
            const auto first = tasks_.begin();
            const auto step = first->first.first - clock_.steady();
            clock_.advance(std::chrono::duration_cast<std::chrono::milliseconds>(step));
            auto task = std::move(first->second);
            tasks_.erase(first);
            task();
        }
        clock_.advance(std::chrono::duration_cast<std::chrono::milliseconds>(end - clock_.steady()));
    }

private:
    ManualClock clock_;
    std::uint64_t last_ = 0;
    std::map<std::pair<SteadyTime, std::uint64_t>, std::function<void()>> tasks_;
};

}  // namespace esl::testing
