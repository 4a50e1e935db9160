#include "mgmt-service/core/change_flow.hpp"

#include <algorithm>

namespace esl::mgmt {
namespace {

using enum ChangeState;
using A = ChangeAction;

struct Row {
    std::optional<ChangeState> from;
    ChangeAction action;
    ChangeState to;
};

constexpr Row kFlow[] = {
    {std::nullopt, A::create, draft},
    {std::nullopt, A::create, awaiting_approval},
    {std::nullopt, A::create, scheduled},
    {std::nullopt, A::create, running},
    {draft, A::edit, draft},
    {draft, A::submit, awaiting_approval},
    {draft, A::submit, scheduled},
    {draft, A::submit, running},
    {draft, A::discard, cancelled},
    // Whoever edits what waits for approval takes it back: it is to be submitted anew.
    {awaiting_approval, A::edit, draft},
    // Prices have moved under it: what is to be approved looks different now.
    {awaiting_approval, A::recheck, awaiting_approval},
    {awaiting_approval, A::approve, scheduled},
    {awaiting_approval, A::approve, running},
    {awaiting_approval, A::reject, draft},
    {awaiting_approval, A::cancel, cancelled},
    {scheduled, A::start, running},
    {scheduled, A::cancel, cancelled},
    {running, A::finish, done},
    {running, A::finish, partly_failed},
    {running, A::cancel, cancelled},
    // A failed job that is tried again and displayed; or a tag that joins a finished change and fails.
    {partly_failed, A::finish, done},
    {done, A::finish, partly_failed},
    // An import's next rows go on with the change of the rows before.
    {done, A::resume, running},
    {partly_failed, A::resume, running},
};

}  // namespace

bool leads(std::optional<ChangeState> from, ChangeAction action, ChangeState to) {
    return std::ranges::any_of(
        kFlow, [&](const Row& row) { return row.from == from && row.action == action && row.to == to; });
}

bool possible(ChangeState from, ChangeAction action) {
    return std::ranges::any_of(kFlow, [&](const Row& row) { return row.from == from && row.action == action; });
}

}  // namespace esl::mgmt
