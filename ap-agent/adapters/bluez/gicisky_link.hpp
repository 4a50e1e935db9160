// One connection to a Gicisky tag: connect, find the characteristics, run the session, leave.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ap-agent/adapters/bluez/bluez_bus.hpp"
#include "ap-agent/adapters/bluez/gicisky_session.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/clock.hpp"

namespace esl::ap::bluez {

struct LinkOutcome {
    std::optional<UpdateOutcome::Failure> failure;  // empty: the tag has the image
    std::uint32_t parts_sent = 0;
    std::chrono::milliseconds usual_answer{0};
};

struct LinkSetup {
    std::string device;  // object path
    bool resolved = false;
    Bytes coded;
    bool chunked = false;
    GiciskyTimes times;
    std::chrono::milliseconds connect_limit{0};
    std::chrono::milliseconds write_limit{0};
    // Object path of the device's characteristic with this UUID.
    std::function<std::optional<std::string>(std::string_view)> characteristic;
    std::function<void()> started;                    // first byte of the image goes out
    std::function<void(const LinkOutcome&)> decided;  // the tag has the image, or the attempt has failed
    std::function<void()> closed;                     // the connection is given back; always after `decided`
};

// Bound to the executor. The bus outlives the link, or end() is called before it goes.
class GiciskyLink {
public:
    GiciskyLink(const boost::asio::any_io_executor& executor, const Clock& clock, Bus& bus, LinkSetup setup);
    ~GiciskyLink();  // no callback runs afterwards
    GiciskyLink(const GiciskyLink&) = delete;
    GiciskyLink& operator=(const GiciskyLink&) = delete;

    void start();
    // What the bus tells about this device.
    void on_device(const Properties& changed);
    void on_notification(BytesView value);
    void on_removed();
    // Gives up with `cancelled`, unless it is decided.
    void cancel();

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace esl::ap::bluez
