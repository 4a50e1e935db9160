// Changes: accepted, scheduled, applied, followed to their end, cancelled.
#include <algorithm>
#include <cassert>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/change_flow.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::size_t kMaxItems = 20'000;
constexpr std::chrono::hours kKeyLife{24};
constexpr std::chrono::minutes kKeysKept{1};

std::int64_t percentile(std::vector<std::int64_t>& sorted, double p) {
    const auto rank = static_cast<std::size_t>(p * static_cast<double>(sorted.size() - 1) + 0.5);
    return sorted[std::min(rank, sorted.size() - 1)];
}

}  // namespace

// One that is in force at once.
Engine::LiveChange& Engine::new_change(const std::string& store, std::string kind, std::string title,
                                       const std::string& actor, UnixMillis at) {
    auto& live = open_change(store, std::move(kind), std::move(title), actor, at);
    step(live, ChangeAction::create, ChangeState::running, {actor, {}});
    return live;
}

void Engine::step(LiveChange& change, ChangeAction action, ChangeState to, const Caller& by, const std::string& note) {
    auto& rec = change.rec;
    const bool made = action == ChangeAction::create;
    assert(leads(made ? std::nullopt : std::optional(rec.state), action, to));
    const auto before = made ? std::string() : audit_text(rec);
    rec.state = to;
    const bool over = to == ChangeState::done || to == ChangeState::partly_failed || to == ChangeState::cancelled;
    rec.finished_at = over ? std::optional(now()) : std::nullopt;
    batch_.change_steps.push_back({rec.id, to, action, now(), by.actor, note});
    audit({now(),
           by.actor,
           "change." + std::string(action == ChangeAction::finish ? name(to) : name(action)),
           "change:" + rec.id,
           rec.store,
           rec.id,
           {},
           {},
           by.source,
           before,
           audit_text(rec, note)});
    touch(change);
}

Engine::LiveChange& Engine::open_change(const std::string& store, std::string kind, std::string title,
                                        const std::string& actor, UnixMillis at) {
    Change rec;
    rec.id = new_uuid7(clock_);
    rec.store = store;
    rec.kind = std::move(kind);
    rec.title = std::move(title);
    rec.created_at = now();
    rec.created_by = actor;
    rec.at = at;
    rec.authors = {actor};
    auto& live = changes_[rec.id];
    live.rec = std::move(rec);
    return live;
}

Engine::LiveChange* Engine::live_change(const std::string& id) {
    if (const auto it = changes_.find(id); it != changes_.end()) return &it->second;
    // One that had come to its end: an import goes on with it.
    auto rec = lookups_.change(id);
    if (!rec) return nullptr;
    auto& live = changes_[id];
    live.rec = std::move(*rec);
    return &live;
}

void Engine::touch(LiveChange& change) {
    change_writes_.insert(change.rec.id);
    change_events_.insert(change.rec.id);
    schedule_moved_ = true;
}

// Called whenever something of the change has come to its end; finds out whether all of it has.
void Engine::settle(const std::string& id) {
    const auto it = changes_.find(id);
    if (it == changes_.end()) return;
    auto& live = it->second;
    auto& rec = live.rec;
    if (waits(rec.state) || live.pending > 0) return;
    std::uint32_t unsettled = rec.jobs_total - rec.count(JobState::failed);
    for (std::size_t s = 0; s < kJobStates; ++s) {
        if (is_final(static_cast<JobState>(s))) unsettled -= rec.counts[s];
    }
    if (unsettled > 0 && !rec.finished_at) return;
    const auto failed = rec.count(JobState::failed);
    if (rec.state != ChangeState::cancelled) {
        // Once finished it does not run again while a failed job is retried; it only gets better.
        const auto next = failed + unsettled > 0 ? ChangeState::partly_failed : ChangeState::done;
        if (next != rec.state) step(live, ChangeAction::finish, next, {});
    }
    if (live.took_ms.size() < rec.count(JobState::displayed)) live.took_ms = lookups_.durations(id);
    if (!live.took_ms.empty()) {
        std::ranges::sort(live.took_ms);
        rec.p50_ms = percentile(live.took_ms, 0.50);
        rec.p99_ms = percentile(live.took_ms, 0.99);
    }
    touch(live);
    if (!live.tags.empty()) return;
    change_writes_.erase(id);
    change_events_.erase(id);
    ended_changes_[id] = std::move(rec);
    changes_.erase(it);
}

Result<std::vector<ChangeItem>> Engine::check_items(const std::vector<ChangeItemWrite>& writes, StoreState& store,
                                                    std::vector<FieldError>& errors) const {
    if (writes.size() > kMaxItems) return fail(ServiceError::invalid, "/items: more than 20000");
    std::vector<ChangeItem> items;
    std::set<std::string> seen;
    items.reserve(writes.size());
    for (std::size_t i = 0; i < writes.size(); ++i) {
        const auto& in = writes[i];
        const auto where = "/items/" + std::to_string(i);
        const auto bad = [&](const char* field, std::string detail) {
            errors.push_back({where + field, std::move(detail)});
        };
        const auto product = store.products.find(in.product);
        if (product == store.products.end()) {
            bad("/product", "no product " + in.product + " in store " + store.rec.id);
            continue;
        }
        if (!seen.insert(in.product).second) bad("/product", "product " + in.product + " is there twice");
        if (!in.price && !in.set_promotion) bad("", "neither price nor promotion");
        if (in.price && *in.price < 0) bad("/price", "below zero");
        if (in.promotion && in.promotion->price < 0) bad("/promotion/price", "below zero");
        if (in.promotion && in.promotion->from >= in.promotion->to) bad("/promotion/to", "ends before it begins");
        ChangeItem item;
        item.index = static_cast<std::uint32_t>(i);
        item.product = in.product;
        item.before = PriceAndPromotion{product->second.rec.price, product->second.rec.promotion};
        item.after = *item.before;
        item.sets_price = in.price.has_value();
        item.sets_promotion = in.set_promotion;
        if (in.price) item.after.price = in.price;
        if (in.set_promotion) item.after.promotion = in.promotion;
        items.push_back(std::move(item));
    }
    if (writes.empty()) errors.push_back({"/items", "empty"});
    if (!errors.empty()) {
        return fail(ServiceError::invalid, std::to_string(errors.size()) + " fault" + (errors.size() == 1 ? "" : "s") +
                                               " in " + std::to_string(writes.size()) + " items");
    }
    return items;
}

Result<CreatedChange> Engine::create_change(const Caller& caller, const NewChange& request,
                                            std::vector<FieldError>& errors) {
    const auto store = stores_.find(request.store);
    if (store == stores_.end()) return fail(ServiceError::not_found, "store " + request.store);
    if (!request.idempotency_key.empty()) {
        // Here they are only until they are certainly in the store.
        std::erase_if(keys_, [&](const auto& k) { return k.second.at + kKeysKept < now(); });
        std::optional<Idempotency> known;
        if (const auto it = keys_.find({caller.actor, request.idempotency_key}); it != keys_.end()) {
            known = it->second;
        } else {
            known = lookups_.idempotency(caller.actor, request.idempotency_key);
        }
        if (known && known->at + kKeyLife >= now()) {
            if (known->digest != request.request_digest) {
                return fail(ServiceError::idempotency_key_reused, request.idempotency_key);
            }
            const auto live = changes_.find(known->change);
            const auto ended = ended_changes_.find(known->change);
            if (live != changes_.end()) return CreatedChange{live->second.rec, true};
            if (ended != ended_changes_.end()) return CreatedChange{ended->second, true};
            if (auto stored = lookups_.change(known->change)) return CreatedChange{std::move(*stored), true};
        }
    }
    auto items = check_items(request.items, store->second, errors);
    if (!items) return fail(items.error());
    if (request.draft || rule_for(request.store).on()) {
        if (auto room = room_to_wait(request.store, items->size()); !room) return fail(room.error());
    }
    const auto at = std::max(request.at.value_or(now()), now());
    auto& live = open_change(request.store, "price", request.title, caller.actor, at);
    const auto id = live.rec.id;
    set_items(live, std::move(*items));
    if (!request.idempotency_key.empty()) {
        Idempotency key{caller.actor, request.idempotency_key, request.request_digest, id, now()};
        keys_[{key.actor, key.key}] = key;
        batch_.keys.push_back(std::move(key));
    }
    step(live, ChangeAction::create, request.draft ? ChangeState::draft : judged(live), caller);
    auto answer = live.rec;
    release(live);
    return CreatedChange{std::move(answer)};
}

void Engine::set_items(LiveChange& change, std::vector<ChangeItem> items) {
    change.items = std::move(items);
    change.rec.items_total = static_cast<std::uint32_t>(change.items.size());
    for (auto& item : change.items) item.change = change.rec.id;
}

// Its last step has said where it goes: to wait, or into force. `change` may be gone afterwards.
void Engine::release(LiveChange& change) {
    const auto id = change.rec.id;
    if (!waits(change.rec.state)) {
        apply_items(change);
        settle(id);
        return;
    }
    write_items(change);
    if (change.rec.state == ChangeState::scheduled) {
        wall_timers_.emplace(change.rec.at, WallTimer{change.rec.store, {}, id});
    }
}

void Engine::start_scheduled(const std::string& id) {
    const auto it = changes_.find(id);
    if (it == changes_.end() || it->second.rec.state != ChangeState::scheduled) return;  // cancelled meanwhile
    step(it->second, ChangeAction::start, ChangeState::running, {});
    apply_items(it->second);
    settle(id);
}

void Engine::apply_items(LiveChange& change) {
    auto& store = stores_.at(change.rec.store);
    std::vector<TagId> touched;
    for (auto& item : change.items) {
        auto& rec = store.products.at(item.product).rec;
        auto next = rec;
        item.before = PriceAndPromotion{rec.price, rec.promotion};
        if (item.sets_price) next.price = item.after.price;
        if (item.sets_promotion) next.promotion = item.after.promotion;
        if (item.sets_promotion && next.promotion) fill_prior_price(rec.store, rec.id, *next.promotion);
        item.after = {next.price, next.promotion};
        if (item.after == *item.before) continue;
        audit({now(),
               change.rec.created_by,
               "product.price",
               "product:" + rec.store + "/" + rec.id,
               rec.store,
               change.rec.id,
               {},
               {},
               {},
               audit_text(*item.before),
               audit_text(item.after)});
        write_product(store, std::move(next), change.rec.id, touched);
        product_writes_[{store.rec.id, item.product}] = change.items.size() <= 20;
    }
    batch_.items.insert(batch_.items.end(), change.items.begin(), change.items.end());
    change.items.clear();
    for (const auto id : touched) {
        if (auto& tag = tags_.at(id); looks_different(tag)) redraw(tag, change);
    }
    touch(change);
}

Result<Change> Engine::cancel_change(const Caller& caller, const std::string& id) {
    const auto it = changes_.find(id);
    if (it == changes_.end()) {
        if (ended_changes_.contains(id) || lookups_.change(id)) {
            return fail(ServiceError::conflict, "change " + id + " has ended already");
        }
        return fail(ServiceError::not_found, "change " + id);
    }
    auto& live = it->second;
    if (live.rec.finished_at) return fail(ServiceError::conflict, "change " + id + " has ended already");
    const bool applied = live.rec.state == ChangeState::running;
    step(live, live.rec.state == ChangeState::draft ? ChangeAction::discard : ChangeAction::cancel,
         ChangeState::cancelled, caller);
    const auto store = live.rec.store;
    ++live.pending;  // keeps it here until the end of this function
    for (const auto tag : std::set<TagId>(live.tags)) {
        if (auto* t = find_tag(tag); t != nullptr && t->job)
            end_job(*t, JobState::cancelled, caller.actor, "change:" + id);
    }
    if (applied) {
        // What this change decided and nobody has changed since goes back, by a change of its own.
        auto items = lookups_.change_items(id);
        for (const auto& item : batch_.items) {
            if (item.change == id) items.push_back(item);
        }
        auto& back = new_change(store, "price", "Cancel: " + (live.rec.title.empty() ? id : live.rec.title),
                                caller.actor, now());
        for (const auto& item : items) {
            const auto* product = find_product(store, item.product);
            if (product == nullptr || !item.before) continue;
            ChangeItem undo;
            undo.change = back.rec.id;
            undo.index = back.rec.items_total;
            undo.product = item.product;
            undo.sets_price = item.sets_price && product->rec.price == item.after.price;
            undo.sets_promotion = item.sets_promotion && product->rec.promotion == item.after.promotion;
            if (!undo.sets_price && !undo.sets_promotion) continue;
            undo.after = *item.before;
            back.items.push_back(std::move(undo));
            ++back.rec.items_total;
        }
        const auto back_id = back.rec.id;
        apply_items(back);
        // Tags of the cancelled change that were not drawn yet are drawn for the new one.
        for (auto& [tag_id, tag] : tags_) {
            if (tag.rec.dirty == id) redraw(tag, *live_change(back_id));
        }
        settle(back_id);
    }
    --live.pending;
    auto answer = live.rec;
    settle(id);
    return answer;
}

}  // namespace esl::mgmt
