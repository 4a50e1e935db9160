// What a scene says, in the words and number forms of its locale.
#pragma once

#include "mgmt-service/ports/image_renderer.hpp"
#include "mgmt-service/render/fields.hpp"

namespace esl::mgmt {

// Items after the first go into the extra fields name2, price2, code2 and so on. A quantity or unit that gives no unit
// price is only shown.
[[nodiscard]] render::Fields fields_of(const Scene& scene, const std::string& link_base);
// Last day of a promotion that ends at `to` (not part of it any more), UTC: "until 30 Nov", "bis 30.11.".
[[nodiscard]] std::string until_text(UnixMillis to, std::string_view locale);

}  // namespace esl::mgmt
