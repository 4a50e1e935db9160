// The few words a tag needs in the shop's language, and texts made from numbers.
#pragma once

#include <string>
#include <string_view>

#include "mgmt-service/render/fields.hpp"

namespace esl::mgmt::render {

// `locale` as in Fields; an unknown language is written as English.
[[nodiscard]] std::string_view offer_word(std::string_view locale);   // "Aktion"
[[nodiscard]] std::string_view before_word(std::string_view locale);  // "statt": beside the struck prior price
// "1 kg = 3,99 €", with the piece in the language ("1 kom").
[[nodiscard]] std::string unit_price_text(const UnitPrice& price, std::string_view locale);
// "-20 %"; "%" when it is less than one per cent.
[[nodiscard]] std::string discount_text(Money prior, Money price, std::string_view locale);

}  // namespace esl::mgmt::render
