// Drives an sdbus-c++ connection on an Asio io_context, so that D-Bus calls, timers and tags share one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

namespace sdbus {
class IConnection;
}

namespace esl::sim::bluez {

class BusLoop {
public:
    // The connection outlives this object. `on_lost` is told once when the bus has gone.
    BusLoop(boost::asio::io_context& io, sdbus::IConnection& connection, std::function<void()> on_lost);
    ~BusLoop();
    BusLoop(const BusLoop&) = delete;
    BusLoop& operator=(const BusLoop&) = delete;

private:
    void wait_readable();
    void tick();
    bool pump();

    sdbus::IConnection& connection_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    std::function<void()> on_lost_;
};

}  // namespace esl::sim::bluez
