// The fault plan as JSON, for GET and POST /faults.
#pragma once

#include <string>
#include <string_view>

#include "common/core/result.hpp"
#include "tag-sim/core/fault_plan.hpp"

namespace esl::sim::web {

// {"seed": 1, "all": {"dead": 2, ...}, "tags": {"FFFF92100001": {...}}, "struck": {"notify_lost": 17, ...}}
[[nodiscard]] std::string to_json(const FaultPlan& plan);
// Merges {"all": {...}, "tags": {"<id>": {...} or null}}, where a rate beside "all" means the same as inside it: rates
// not named stay, null forgets a tag's own rates, and a tag named for the first time begins with the rates of all.
// Nothing changes when anything in it is wrong: malformed, unknown (a rate's name) or out_of_range, with the place.
[[nodiscard]] Result<> merge_json(FaultPlan& plan, std::string_view json);

}  // namespace esl::sim::web
