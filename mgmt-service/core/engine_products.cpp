// The catalogue: products, their prices over time, promotions that begin and end by themselves, and what a tag of them
// is to show.
#include <algorithm>

#include "common/contract/topics.hpp"
#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::size_t kMaxRows = 1'000;

std::string search_text(const Product& p) {
    return p.name + " " + p.brand;
}

bool same_content(const Product& a, const Product& b) {
    return a.name == b.name && a.brand == b.brand && a.quantity == b.quantity && a.unit == b.unit && a.url == b.url &&
           a.price == b.price && a.promotion == b.promotion;
}

void keep(std::string& field, const std::string& before) {
    if (field.empty()) field = before;
}

}  // namespace

std::string Engine::product_name(const std::string& store, const std::string& id) const {
    const auto s = stores_.find(store);
    if (s == stores_.end()) return {};
    const auto p = s->second.products.find(id);
    return p == s->second.products.end() ? std::string() : p->second.rec.name;
}

Result<StoreView> Engine::put_store(const Caller& caller, const std::string& id, const StoreWrite& write,
                                    bool& created) {
    if (!contract::is_store_id(id)) return fail(ServiceError::invalid, "store id '" + id + "': [a-z0-9-], 1 to 16");
    if (write.name.empty()) return fail(ServiceError::invalid, "/name: empty");
    const auto found = stores_.find(id);
    created = found == stores_.end();
    if (!created && found->second.rec.currency != write.currency && !found->second.products.empty()) {
        return fail(ServiceError::conflict, "store " + id + " has products priced in " + found->second.rec.currency);
    }
    auto& state = stores_[id];
    const auto before = created ? std::string() : audit_text(state.rec);
    const bool redraw_all = !created && (state.rec.locale != write.locale || state.rec.currency != write.currency);
    if (created) state.rec.created_at = now();
    state.rec.id = id;
    state.rec.name = write.name;
    state.rec.currency = write.currency;
    state.rec.locale = write.locale;
    store_writes_.insert(id);
    audit({now(),
           caller.actor,
           "store.write",
           "store:" + id,
           id,
           {},
           {},
           {},
           caller.source,
           before,
           audit_text(state.rec)});
    if (redraw_all) {
        LiveChange* change = nullptr;
        for (auto& [tag_id, tag] : tags_) {
            if (tag.rec.store != id || tag.rec.products.empty()) continue;
            if (change == nullptr) change = &new_change(id, "product", "Store " + id + " written", caller.actor, now());
            redraw(tag, *change);
        }
    }
    return StoreView{state.rec, state.products.size(), state.tags, 0};
}

// `next` has its id and content; the rest is done here. Tags whose picture may differ are added to `redraw`.
void Engine::write_product(StoreState& store, Product next, const std::string& change, std::vector<TagId>& redraw) {
    auto& state = store.products[next.id];
    auto& rec = state.rec;
    const bool fresh = rec.version == 0;
    const auto at = now();
    if (fresh || search_text(rec) != search_text(next)) {
        if (!fresh) store.index.remove(rec.id, search_text(rec));
        store.index.add(next.id, search_text(next));
    }
    const auto price_before = fresh ? std::nullopt : last_point(state).price;
    next.store = store.rec.id;
    next.version = rec.version + 1;
    next.updated_at = at;
    const bool promotion_moved = next.promotion != rec.promotion;
    rec = std::move(next);
    const auto price_now = rec.price_at(at);
    if (price_now != price_before) {
        PricePoint point{store.rec.id, rec.id, at, price_now, rec.in_promotion(at), change};
        add_point(state, std::move(point));
    }
    if (promotion_moved) watch_promotion(rec);
    product_writes_.try_emplace({store.rec.id, rec.id}, false);
    redraw.insert(redraw.end(), state.tags.begin(), state.tags.end());
    to_plan_.insert(state.tags.begin(), state.tags.end());
}

std::optional<std::string> Engine::check_write(const ProductWrite& row, std::string& reason) const {
    const auto bad = [&](const char* why, std::string detail) {
        reason = why;
        return std::optional(std::move(detail));
    };
    if (row.id.empty() || row.id.size() > 64) return bad("bad_code", "product id is empty or too long");
    if (row.price && *row.price < 0) return bad("bad_price", "price is below zero");
    if (row.promotion) {
        if (row.promotion->price < 0) return bad("bad_promotion", "promotion price is below zero");
        if (row.promotion->from >= row.promotion->to) return bad("bad_promotion", "promotion ends before it begins");
    }
    return std::nullopt;
}

Result<UpsertOutcome> Engine::upsert_products(const Caller& caller, const std::string& store_id,
                                              std::span<const ProductWrite> rows, const UpsertOptions& options) {
    const auto found = stores_.find(store_id);
    if (found == stores_.end()) return fail(ServiceError::not_found, "store " + store_id);
    if (rows.size() > kMaxRows) return fail(ServiceError::invalid, "more than 1000 rows in one batch");
    auto& store = found->second;
    UpsertOutcome out;
    out.change = options.change;
    std::vector<TagId> touched;
    struct Price {
        std::string product;
        std::optional<PriceAndPromotion> before;
        PriceAndPromotion after;
    };
    std::vector<Price> prices;  // what goes into the change, should there be one
    Held held{rule_for(store_id), options.whole_file, nullptr, 0, {}};
    if (options.held) {
        if (auto* draft = live_change(*options.held); draft != nullptr && draft->rec.state == ChangeState::draft) {
            held.draft = draft;
            held.before = draft->items.size();
        }
    }
    const bool judges = held.rule.on() || held.draft != nullptr;
    if (judges && !options.dry_run) {
        if (auto room = room_to_wait(store_id, rows.size()); !room && held.draft == nullptr) return fail(room.error());
    }
    for (const auto& row : rows) {
        auto& verdict = out.verdicts.emplace_back();
        if (auto detail = check_write(row, verdict.reason)) {
            verdict.verdict = Verdict::rejected;
            verdict.detail = std::move(*detail);
            continue;
        }
        const auto existing = store.products.find(row.id);
        const bool fresh = existing == store.products.end();
        if (options.if_version && (fresh ? 0 : existing->second.rec.version) != *options.if_version) {
            return fail(ServiceError::precondition_failed, "product " + row.id);
        }
        Product next;
        next.id = row.id;
        next.name = row.name;
        next.brand = row.brand;
        next.quantity = row.quantity;
        next.unit = row.unit;
        next.url = row.url;
        next.price = row.price;
        next.promotion = row.promotion;
        if (options.merge && !fresh) {
            const auto& b = existing->second.rec;
            keep(next.name, b.name);
            keep(next.brand, b.brand);
            keep(next.quantity, b.quantity);
            keep(next.unit, b.unit);
            keep(next.url, b.url);
            if (!next.price) next.price = b.price;
            if (!next.promotion) next.promotion = b.promotion;
        }
        if (next.name.empty()) {
            verdict = {Verdict::rejected, "no_name", "product " + row.id + " has no name"};
            continue;
        }
        if (next.promotion && !next.promotion->prior_price) {
            // The same promotion written again keeps the prior price it has.
            const auto* same = fresh || !existing->second.rec.promotion ? nullptr : &*existing->second.rec.promotion;
            if (same != nullptr && same->price == next.promotion->price && same->from == next.promotion->from &&
                same->to == next.promotion->to) {
                next.promotion->prior_price = same->prior_price;
            } else {
                fill_prior_price(store_id, row.id, *next.promotion);
            }
        }
        if (!fresh) {
            next.store = store_id;
            if (same_content(existing->second.rec, next)) continue;
        }
        const bool waits = !fresh && judges && hold_price(held, existing->second.rec, next, verdict);
        if (verdict.verdict == Verdict::rejected) continue;
        verdict.verdict = fresh ? Verdict::created : Verdict::updated;
        if (options.dry_run || (waits && same_content(existing->second.rec, next))) continue;
        const auto before = fresh ? std::string() : audit_text(existing->second.rec);
        Price price{row.id, std::nullopt, {next.price, next.promotion}};
        if (!fresh) price.before = PriceAndPromotion{existing->second.rec.price, existing->second.rec.promotion};
        audit({now(),
               caller.actor,
               "product.write",
               "product:" + store_id + "/" + row.id,
               store_id,
               out.change.value_or(""),
               {},
               {},
               caller.source,
               before,
               audit_text(next)});
        write_product(store, std::move(next), out.change.value_or(""), touched);
        if (options.kind != "import") product_writes_[{store_id, row.id}] = true;
        prices.push_back(std::move(price));
    }
    out.held = options.held;
    if (!held.items.empty() && !options.dry_run) out.held = keep_held(held, caller, store_id, options);
    std::erase_if(touched, [&](TagId id) { return !looks_different(tags_.at(id)); });
    if (touched.empty()) return out;
    auto* change = out.change ? live_change(*out.change) : nullptr;
    // Cancelled between two batches: what still comes is another change.
    if (change != nullptr && change->rec.state == ChangeState::cancelled) change = nullptr;
    if (change == nullptr) change = &new_change(store_id, options.kind, options.title, caller.actor, now());
    if (change->rec.state != ChangeState::running) step(*change, ChangeAction::resume, ChangeState::running, caller);
    out.change = change->rec.id;
    for (auto& p : prices) {
        batch_.items.push_back({change->rec.id, change->rec.items_total++, p.product, std::move(p.before),
                                std::move(p.after), true, true});
    }
    for (const auto id : touched) redraw(tags_.at(id), *change);
    touch(*change);
    return out;
}

void Engine::index_tag(TagState& tag, bool add) {
    if (!tag.rec.store) return;
    for (const auto& id : tag.rec.products) {
        auto* product = find_product(*tag.rec.store, id);
        if (product == nullptr) continue;
        std::erase(product->tags, tag.rec.id);
        if (add) product->tags.push_back(tag.rec.id);
    }
}

}  // namespace esl::mgmt
