// Prices over time: the history, promotions that begin and end by themselves, the prior price to strike.
#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::chrono::days kPriorPricePeriod{30};
constexpr std::chrono::hours kPointsKept{1};

}  // namespace

// Lowest price in force within the 30 days before the promotion begins (Directive 98/6/EC article 6a).
void Engine::fill_prior_price(const std::string& store, const std::string& product, Promotion& promotion) const {
    if (promotion.prior_price) return;
    const auto since = promotion.from - kPriorPricePeriod;
    auto points = lookups_.prices(store, product, since);
    const auto s = stores_.find(store);
    if (const auto p = s->second.products.find(product); p != s->second.products.end()) {
        points.insert(points.end(), p->second.points.begin(), p->second.points.end());
    }
    std::ranges::sort(points, {}, &PricePoint::from);
    std::optional<std::int64_t> lowest, at_start;
    for (const auto& point : points) {
        if (point.from >= promotion.from) break;
        if (point.from <= since) {
            at_start = point.price;
        } else if (point.price) {
            lowest = lowest ? std::min(*lowest, *point.price) : point.price;
        }
    }
    if (at_start) lowest = lowest ? std::min(*lowest, *at_start) : at_start;
    promotion.prior_price = lowest;
}

// The price point in force; after a restart it is in the store alone.
PricePoint Engine::last_point(const ProductState& product) const {
    if (!product.points.empty()) return product.points.back();
    const auto& rec = product.rec;
    // Without a promotion there was, at the last write, no other price than the product's.
    if (!rec.promotion) return {rec.store, rec.id, {}, rec.price, false, {}};
    auto points = lookups_.prices(rec.store, rec.id, now());
    return points.empty() ? PricePoint{} : std::move(points.back());
}

// Points stay here until they are certainly in the store, where fill_prior_price() finds them too.
void Engine::add_point(ProductState& product, PricePoint point) {
    auto& points = product.points;
    const auto old = point.from - kPointsKept;
    const auto first = std::ranges::find_if(points, [&](const auto& p) { return p.from >= old; });
    points.erase(points.begin(), first);
    points.push_back(point);
    batch_.prices.push_back(std::move(point));
}

void Engine::watch_promotion(const Product& product) {
    if (!product.promotion) return;
    // Also moments that are over already, as after a long stop: the next tick makes up for them.
    wall_timers_.emplace(product.promotion->from, WallTimer{product.store, product.id, {}});
    wall_timers_.emplace(product.promotion->to, WallTimer{product.store, product.id, {}});
}

void Engine::end_or_begin_promotions(const std::vector<WallTimer>& due) {
    std::map<std::string, std::pair<std::string, std::vector<TagId>>> by_store;  // change id and tags
    const auto at = now();
    for (const auto& timer : due) {
        auto* product = find_product(timer.store, timer.product);
        if (product == nullptr || !product->rec.promotion) continue;
        const auto& promotion = *product->rec.promotion;
        const bool ends = promotion.to <= at;
        const bool begins = !ends && promotion.from <= at;
        const bool counted = last_point(*product).promotion;
        if (!ends && (!begins || counted)) continue;  // moved meanwhile, or begun before
        auto& store = stores_.at(timer.store);
        auto& [change, tags] = by_store[timer.store];
        if (change.empty()) {
            change = new_change(timer.store, "promotion", "Promotions begin or end", "service", at).rec.id;
        }
        auto& live = *live_change(change);
        ++live.rec.items_total;
        ChangeItem item;
        item.change = change;
        item.index = live.rec.items_total - 1;
        item.product = product->rec.id;
        item.before = PriceAndPromotion{product->rec.price, product->rec.promotion};
        auto next = product->rec;
        if (ends) next.promotion.reset();
        item.after = {next.price, next.promotion};
        item.sets_promotion = true;
        batch_.items.push_back(item);
        audit({at,
               "service",
               ends ? "promotion.end" : "promotion.begin",
               "product:" + timer.store + "/" + item.product,
               timer.store,
               change,
               {},
               {},
               {},
               audit_text(*item.before),
               audit_text(item.after)});
        // A promotion that begins changes nothing in the record, but the price in force.
        if (begins) {
            PricePoint point{timer.store, item.product, at, promotion.price, true, change};
            add_point(*product, std::move(point));
            tags.insert(tags.end(), product->tags.begin(), product->tags.end());
            product_writes_[{timer.store, item.product}] = true;
        } else {
            write_product(store, std::move(next), change, tags);
            product_writes_[{timer.store, item.product}] = true;
        }
    }
    for (auto& [store, work] : by_store) {
        auto& change = *live_change(work.first);
        for (const auto id : work.second) {
            if (auto& tag = tags_.at(id); looks_different(tag)) redraw(tag, change);
        }
        settle(work.first);
    }
}

}  // namespace esl::mgmt
