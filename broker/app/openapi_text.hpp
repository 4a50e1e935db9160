// openapi.yaml as it was when this was built.
#pragma once

#include <string_view>

namespace esl::broker {
extern const std::string_view kOpenApi;
}
