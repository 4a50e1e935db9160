// The Scheduler on an Asio io_context, run by one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <unordered_map>

#include "tag-sim/core/scheduler.hpp"

namespace esl::sim {

class AsioScheduler final : public Scheduler {
public:
    explicit AsioScheduler(boost::asio::io_context& io) : io_(io) {}

    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> task) override;
    void cancel(std::uint64_t id) override { timers_.erase(id); }
    [[nodiscard]] const Clock& clock() const override { return clock_; }

private:
    boost::asio::io_context& io_;
    SystemClock clock_;
    std::uint64_t last_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<boost::asio::steady_timer>> timers_;
};

}  // namespace esl::sim
