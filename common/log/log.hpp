// Logging set-up shared by the executables. Log lines go to stderr; everyone else just calls spdlog.
#pragma once

#include <string>
#include <string_view>

#include "common/core/result.hpp"

namespace esl::log {

struct Options {
    std::string level = "info";  // trace, debug, info, warn, error, off
    bool json = false;           // one JSON object a line: time, level, part, message
};

// Call once in main, before threads start. An unknown level is ParseError::unknown.
[[nodiscard]] Result<> set_up(std::string_view part, const Options& options);

}  // namespace esl::log
