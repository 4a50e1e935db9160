// Brings a coordinator up: finds it, forms or restores the network, opens our endpoint (reference of the order and the
// time-outs: zigbee-herdsman's, in docs/formats/znp-radio.md).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ap-agent/adapters/znp/dialog.hpp"
#include "ap-agent/adapters/znp/network.hpp"
#include "ap-agent/adapters/znp/task.hpp"

namespace esl::ap::znp {

struct Coordinator {
    std::uint64_t ieee = 0;
    std::uint8_t product = 0;  // 1: Z-Stack 3.x.0, 2: 3.0.x
    std::uint32_t revision = 0;
    std::size_t max_outstanding = 2;  // data requests at a time
    Network network;
    bool formed_now = false;  // the coordinator had no such network before
};

// Where the network's parameters are kept. `load` may throw or give an error; `save` returns when they are on disk.
struct NetworkStore {
    std::function<Result<std::optional<Network>>()> load;
    std::function<void(const Network&)> save;
};

// Decides by what is known on both sides:
//   file and coordinator agree                 the network is resumed
//   file, coordinator has none or another      it is formed anew with the parameters of the file
//   no file, coordinator has a network         that network is adopted and written to the file
//   neither                                    a network with random ids and key is written, then formed
// Errors: RadioError::gone (no answer), ::unsupported (firmware), ::radio (a step was refused; the text names it).
[[nodiscard]] Task<Result<Coordinator>> start_network(Dialog& dialog, NetworkStore store, std::uint8_t channel);

// Our endpoint: client of the clusters that a price tag serves.
inline constexpr std::uint8_t kOwnEndpoint = 1;

}  // namespace esl::ap::znp
