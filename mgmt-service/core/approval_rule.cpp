#include "mgmt-service/core/approval_rule.hpp"

#include <algorithm>

namespace esl::mgmt {
namespace {

constexpr std::int64_t kMostPerMille = 1'000'000;

// Exact: what is told (per mille, cut) never decides.
bool beyond(std::int64_t before, std::int64_t after, std::optional<std::uint32_t> up,
            std::optional<std::uint32_t> down) {
    const auto limit = after > before ? up : down;
    if (!limit || after == before) return false;
    const auto difference = static_cast<__int128>(after) - before;
    return (difference < 0 ? -difference : difference) * 100 > static_cast<__int128>(before) * *limit;
}

std::int64_t per_mille(std::int64_t before, std::int64_t after) {
    if (before == 0) return kMostPerMille;
    const auto out = (static_cast<__int128>(after) - before) * 1'000 / before;
    return static_cast<std::int64_t>(std::min<__int128>(out, kMostPerMille));
}

}  // namespace

std::vector<Trip> trips_of(const ApprovalRule& rule, const ChangeItem& item) {
    std::vector<Trip> out;
    if (!item.before || !item.before->price) return out;
    const auto before = *item.before->price;
    const auto look = [&](TripKind kind, std::int64_t after) {
        if (beyond(before, after, rule.max_up_percent, rule.max_down_percent)) {
            out.push_back({kind, per_mille(before, after)});
        }
    };
    if (item.sets_price && item.after.price) look(TripKind::price, *item.after.price);
    if (item.sets_price && !item.after.price && (rule.max_up_percent || rule.max_down_percent)) {
        out.push_back({TripKind::price, -1'000});
    }
    if (item.sets_promotion && item.after.promotion && item.after.promotion != item.before->promotion) {
        look(TripKind::promotion, item.after.promotion->price);
    }
    return out;
}

std::optional<ApprovalNeed> judge(const ApprovalRule& rule, std::span<ChangeItem> items) {
    ApprovalNeed need{rule.role, rule.max_up_percent, rule.max_down_percent, rule.max_items, 0, false};
    for (auto& item : items) {
        item.trips = rule.on() ? trips_of(rule, item) : std::vector<Trip>{};
        need.tripped += item.trips.empty() ? 0U : 1U;
    }
    need.too_many = rule.on() && rule.max_items && items.size() > *rule.max_items;
    if (need.tripped == 0 && !need.too_many) return std::nullopt;
    return need;
}

}  // namespace esl::mgmt
