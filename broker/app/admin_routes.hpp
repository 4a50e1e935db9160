// The administration's routes, a file for each matter.
#pragma once

#include <functional>
#include <string_view>

#include "broker/app/control.hpp"
#include "common/http/router.hpp"

namespace esl::broker {

// Adds a route that wants the key.
using AddRoute = std::function<void(std::string_view method, std::string_view pattern, http::Handler handler)>;

// /api/v1/traces/...
void add_trace_routes(const AddRoute& add, Control& control);

}  // namespace esl::broker
