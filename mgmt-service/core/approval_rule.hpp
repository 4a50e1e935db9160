// Which changes need a second pair of eyes. Pure; any thread.
#pragma once

#include <span>

#include "mgmt-service/core/model.hpp"

namespace esl::mgmt {

inline constexpr std::uint32_t kMaxRulePercent = 1'000;
inline constexpr std::uint32_t kMaxRuleItems = 20'000;

// What of the item goes beyond the rule's per-cent limits, from `before` to `after`. The regular price is held against
// the regular price before, a promotion's against the regular price before as well. A first price has nothing to be
// held against. A price that is taken away goes beyond either limit, so that a limit cannot be walked around by way of
// no price at all. The end of a promotion goes back to a price that was decided before and is never beyond.
[[nodiscard]] std::vector<Trip> trips_of(const ApprovalRule& rule, const ChangeItem& item);

// Writes `trips` into the items; absent when the change may go its way without approval.
[[nodiscard]] std::optional<ApprovalNeed> judge(const ApprovalRule& rule, std::span<ChangeItem> items);

}  // namespace esl::mgmt
