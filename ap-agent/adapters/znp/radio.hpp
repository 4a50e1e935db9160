// The ZigBee radio: a coordinator that speaks TI's Monitor-and-Test protocol (ZNP) on a serial line or over TCP, with
// Price Display tags behind it (docs/formats/price-display-cluster.md, docs/formats/znp-radio.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/clock.hpp"

namespace boost::asio {
class any_io_executor;
}

namespace esl::ap::znp {

struct RadioConfig {
    std::string port;  // "/dev/ttyUSB0" (115200 Bd, 8N1, no flow control) or "tcp://host:port"
    // Network parameters and keys (network.json) and the tags that have joined (tags.json), both with mode 0600. Made
    // when missing. One coordinator each: two radios of one agent need two folders.
    std::filesystem::path data_dir;
    std::uint8_t channel = 15;  // 11 to 26; counts only when a network is formed
};

// Errors of the set-up: a port that is neither a path nor tcp://host:port, a channel outside 11 to 26.
[[nodiscard]] Result<> check(const RadioConfig& config);

// Opens nothing before start(). The clock outlives the radio. Throws std::invalid_argument when check() says no.
[[nodiscard]] std::unique_ptr<TagRadio> make_radio(const boost::asio::any_io_executor& executor, RadioConfig config,
                                                   const Clock& clock);

}  // namespace esl::ap::znp
