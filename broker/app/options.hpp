// The command line.
#pragma once

#include <optional>

#include "broker/app/config.hpp"

namespace esl::broker {

// Fills `config`; a value is an exit code: all has been said and done (--help, --version, --check-config, a usage
// error).
[[nodiscard]] std::optional<int> parse_options(int argc, char** argv, Config& config);

}  // namespace esl::broker
