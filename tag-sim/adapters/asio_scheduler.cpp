#include "tag-sim/adapters/asio_scheduler.hpp"

namespace esl::sim {

std::uint64_t AsioScheduler::after(std::chrono::milliseconds delay, std::function<void()> task) {
    const auto id = ++last_;
    auto& timer = timers_[id];
    timer = std::make_unique<boost::asio::steady_timer>(io_, delay);
    timer->async_wait([this, id, run = std::move(task)](const boost::system::error_code& error) {
        // A timer that was cancelled after it had expired is no longer in the map.
        if (error || timers_.erase(id) == 0) return;
        run();
    });
    return id;
}

}  // namespace esl::sim
