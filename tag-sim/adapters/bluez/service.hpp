// The whole of the simulated org.bluez: object manager, one adapter, and a device for every tag.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tag-sim/core/shelf.hpp"

namespace boost::asio {
class io_context;
}

namespace esl::sim::bluez {

struct BluezOptions {
    std::string bus;  // "unix:path=..."; empty: the system bus
    std::string adapter = "hci0";
    unsigned tags = 10;
    std::vector<std::uint16_t> models{0x0033, 0x000B, 0x004B, 0x012B};  // taken in turn
    unsigned max_links = 7;
};

// For metrics.
struct BluezFigures {
    std::uint64_t adverts = 0, connections = 0, failed_connections = 0, writes = 0, notifications = 0;
    unsigned links = 0;
};

class BluezService {
public:
    // Adds the tags to the shelf, claims the name org.bluez and serves until destroyed. Runs on `io`'s one thread.
    // Throws std::runtime_error when the bus cannot be reached or the name is taken, and for a model that is not known.
    // `on_lost`: the bus has gone.
    BluezService(boost::asio::io_context& io, BluezOptions options, Shelf& shelf, std::function<void()> on_lost);
    ~BluezService();

    [[nodiscard]] BluezFigures figures() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::sim::bluez
