// Fields as the texts that elements show.
#pragma once

#include <string>

#include "mgmt-service/render/layout.hpp"

namespace esl::mgmt::render {

// Errors: bad_field with the field's name.
[[nodiscard]] Result<> check_fields(const Fields& fields);
// A prior price above the price, in the same currency.
[[nodiscard]] bool is_promotion(const Fields& fields);
// What the element shows, as the key of its pixels; empty when there is nothing to draw.
[[nodiscard]] std::string content_of(const Element& e, const Fields& fields);

}  // namespace esl::mgmt::render
