// Puts the simulator together: the one place that names concrete radios.
#pragma once

#include "tag-sim/app/options.hpp"

namespace esl::sim {

// Runs until SIGTERM, SIGINT, or the loss of the bus; SIGHUP reads the fault plan again. Returns the exit code. Throws
// std::runtime_error for what hinders the start.
[[nodiscard]] int run(const Options& options);

}  // namespace esl::sim
