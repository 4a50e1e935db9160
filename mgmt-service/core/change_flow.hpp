// The life of a change as a table: which step leads from which state to which. Pure; any thread.
#pragma once

#include <optional>

#include "mgmt-service/core/model.hpp"

namespace esl::mgmt {

// Whether `action` may take a change from `from` (nullopt: it is being made) to `to`.
[[nodiscard]] bool leads(std::optional<ChangeState> from, ChangeAction action, ChangeState to);
// Whether `action` is possible at all in this state.
[[nodiscard]] bool possible(ChangeState from, ChangeAction action);

// Until then nothing of the change is in force.
[[nodiscard]] constexpr bool waits(ChangeState s) {
    return s == ChangeState::draft || s == ChangeState::awaiting_approval || s == ChangeState::scheduled;
}

}  // namespace esl::mgmt
