#include "tag-sim/adapters/bluez/bus_loop.hpp"

#include <sdbus-c++/sdbus-c++.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace esl::sim::bluez {
namespace {
// Signals that did not fit the socket's buffer at once leave with the next tick.
constexpr std::chrono::milliseconds kTick{10};
}  // namespace

BusLoop::BusLoop(boost::asio::io_context& io, sdbus::IConnection& connection, std::function<void()> on_lost)
    : connection_(connection),
      descriptor_(io, connection.getEventLoopPollData().fd),
      timer_(io),
      on_lost_(std::move(on_lost)) {
    wait_readable();
    tick();
}

BusLoop::~BusLoop() {
    descriptor_.release();  // the descriptor is the connection's own
}

bool BusLoop::pump() {
    try {
        while (connection_.processPendingRequest()) {
        }
        return true;
    } catch (const sdbus::Error& error) {
        spdlog::error("the bus has gone: {}", error.what());
    }
    descriptor_.cancel();
    timer_.cancel();
    if (auto lost = std::exchange(on_lost_, nullptr)) lost();
    return false;
}

void BusLoop::wait_readable() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const auto& error) {
        if (!error && pump()) wait_readable();
    });
}

void BusLoop::tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](const auto& error) {
        if (!error && pump()) tick();
    });
}

}  // namespace esl::sim::bluez
