#include "mgmt-service/domain/price_rules.hpp"

#include <algorithm>

namespace esl::mgmt {

std::optional<Money> prior_price(std::span<const PriceStep> history, UnixMillis begins, std::string_view promotion) {
    const auto window = begins - kPriorPricePeriod;
    std::optional<Money> lowest;
    for (std::size_t i = 0; i < history.size() && history[i].from < begins; ++i) {
        const auto& step = history[i];
        const auto until = i + 1 < history.size() ? std::min(history[i + 1].from, begins) : begins;
        if (until <= window || until <= step.from) continue;
        if (!promotion.empty() && step.promotion == promotion) continue;
        if (!lowest || step.price.minor < lowest->minor) lowest = step.price;
    }
    return lowest;
}

Result<Money> check_reduction(std::span<const PriceStep> history, const Reduction& reduction) {
    if (reduction.price.minor < 0) return fail(PriceRuleError::negative_price, plain(reduction.price));
    if (reduction.ends <= reduction.begins) return fail(PriceRuleError::bad_period);
    const auto lowest = prior_price(history, reduction.begins, reduction.promotion);
    if (!lowest) return fail(PriceRuleError::no_prior_price);
    const auto prior = reduction.announced_prior.value_or(*lowest);
    if (prior.currency != lowest->currency || prior.currency != reduction.price.currency) {
        return fail(PriceRuleError::currency_differs,
                    std::string(reduction.price.currency.code()) + " and " + std::string(lowest->currency.code()));
    }
    if (prior.minor > lowest->minor) {
        return fail(PriceRuleError::prior_price_too_high,
                    plain(prior) + " announced, " + plain(*lowest) + " was offered");
    }
    if (reduction.price.minor >= prior.minor) {
        return fail(PriceRuleError::not_a_reduction, plain(reduction.price) + " against " + plain(prior));
    }
    return prior;
}

Result<> check_change(std::optional<Money> before, Money after, int limit_percent) {
    if (after.minor < 0) return fail(PriceRuleError::negative_price, plain(after));
    if (!before || before->minor == 0) return {};
    if (before->currency != after.currency) {
        return fail(PriceRuleError::currency_differs,
                    std::string(before->currency.code()) + " and " + std::string(after.currency.code()));
    }
    const auto difference = static_cast<__int128>(after.minor) - before->minor;
    const auto size = difference < 0 ? -difference : difference;
    if (limit_percent <= 0 || size * 100 <= static_cast<__int128>(before->minor) * limit_percent) return {};
    return fail(PriceRuleError::change_too_large,
                plain(*before) + " to " + plain(after) + " is more than " + std::to_string(limit_percent) + " %");
}

int discount_percent(Money prior, Money price) {
    if (prior.currency != price.currency || prior.minor <= 0 || price.minor < 0 || price.minor >= prior.minor) return 0;
    return static_cast<int>(static_cast<__int128>(prior.minor - price.minor) * 100 / prior.minor);
}

}  // namespace esl::mgmt
