// Puts the agent together and runs it until SIGTERM or SIGINT.
#pragma once

#include "ap-agent/app/options.hpp"

namespace esl::ap {

// Throws on start-up failure (store, radio set-up); otherwise the exit code: 0 after an orderly stop, 1 when the store
// failed in the middle.
[[nodiscard]] int run(AppOptions options);

}  // namespace esl::ap
