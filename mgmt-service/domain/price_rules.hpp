// What must hold before a price is released: an announced reduction names the lowest price of the 30 days before
// (Directive 98/6/EC article 6a), and a change stays within the store's per-cent limit.
// Everything here is pure; call it from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/core/clock.hpp"
#include "common/core/result.hpp"
#include "mgmt-service/domain/money.hpp"

namespace esl::mgmt {

enum class PriceRuleError {
    negative_price,
    currency_differs,
    no_prior_price,
    prior_price_too_high,
    not_a_reduction,
    bad_period,
    change_too_large,
};
constexpr std::string_view describe(PriceRuleError e) {
    switch (e) {
        case PriceRuleError::negative_price:
            return "price below zero";
        case PriceRuleError::currency_differs:
            return "currencies differ";
        case PriceRuleError::no_prior_price:
            return "no price in the 30 days before the reduction";
        case PriceRuleError::prior_price_too_high:
            return "prior price above the lowest of the 30 days before";
        case PriceRuleError::not_a_reduction:
            return "promotion price is not below the prior price";
        case PriceRuleError::bad_period:
            return "promotion ends before it begins";
        case PriceRuleError::change_too_large:
            return "price change above the limit";
    }
    return "price rule error";
}

inline constexpr std::chrono::days kPriorPricePeriod{30};

// One step of the append-only price history of a product in a store: from this moment on it cost `price`, until the
// next step. `promotion` is the id of the promotion that set it, empty for a regular price.
struct PriceStep {
    UnixMillis from;
    Money price;
    std::string_view promotion = {};
};

// The lowest price in force at any moment of the 30 days that end when the promotion begins, its own steps left out,
// but those of other promotions counted. `history` is in order of `from`. nullopt: nothing was offered in that time.
[[nodiscard]] std::optional<Money> prior_price(std::span<const PriceStep> history, UnixMillis begins,
                                               std::string_view promotion = {});

struct Reduction {
    Money price;
    std::optional<Money> announced_prior;  // what somebody wants to print; absent: the computed one is printed
    UnixMillis begins;
    UnixMillis ends;
    std::string_view promotion = {};
};
// The prior price to print beside the promotion's. An announced one may be lower than the computed one, never higher.
[[nodiscard]] Result<Money> check_reduction(std::span<const PriceStep> history, const Reduction& reduction);

// Fails with change_too_large, and both prices, when the change is more than `limit_percent` of the old price, up or
// down. 0 means no limit; a first price (no old one, or an old one of zero) always passes.
[[nodiscard]] Result<> check_change(std::optional<Money> before, Money after, int limit_percent);

// Rounded towards zero, so a badge never promises more than there is: (2.49 → 1.99) is 20. From the prior price, as
// the Court of Justice demands (C-330/23). Zero when nothing is saved or currencies differ.
[[nodiscard]] int discount_percent(Money prior, Money price);

}  // namespace esl::mgmt
