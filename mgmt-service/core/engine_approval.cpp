// Drafts, the rules that want another person's approval, and that person's word.
#include <algorithm>

#include "mgmt-service/core/approval_rule.hpp"
#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/change_flow.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

// What a store may have in drafts and waiting for approval. Beyond that new ones are refused until some are decided.
constexpr std::size_t kMaxWaiting = 500;
constexpr std::size_t kMaxWaitingItems = 200'000;

const ApprovalRule kNoRule;

void add_author(Change& change, const std::string& actor) {
    if (std::ranges::find(change.authors, actor) == change.authors.end()) change.authors.push_back(actor);
}

bool by_hand(ChangeState state) {
    return state == ChangeState::draft || state == ChangeState::awaiting_approval;
}

}  // namespace

const ApprovalRule& Engine::rule_for(const std::string& store) const {
    const auto own = rules_.find(store);
    if (own != rules_.end() && !own->second.inherits) return own->second;
    const auto chain = rules_.find("");
    return chain == rules_.end() ? kNoRule : chain->second;
}

Result<ApprovalRule> Engine::approval_rule(const std::string& store) const {
    if (!store.empty() && !stores_.contains(store)) return fail(ServiceError::not_found, "store " + store);
    if (const auto it = rules_.find(store); it != rules_.end()) return it->second;
    ApprovalRule out;
    out.store = store;
    out.inherits = !store.empty();
    return out;
}

Result<ApprovalRule> Engine::put_approval_rule(const Caller& caller, const ApprovalRule& rule,
                                               std::optional<std::uint64_t> if_version) {
    const auto known = approval_rule(rule.store);
    if (!known) return fail(known.error());
    if (if_version && *if_version != known->version) {
        return fail(ServiceError::precondition_failed, "the rule has version " + std::to_string(known->version));
    }
    if (rule.store.empty() && rule.inherits) {
        return fail(ServiceError::invalid, "/inherits: the chain's rule has nothing to inherit from");
    }
    const auto percent_ok = [](const auto& limit) { return !limit || *limit <= kMaxRulePercent; };
    if (!percent_ok(rule.max_up_percent)) return fail(ServiceError::invalid, "/max_up_percent: above 1000");
    if (!percent_ok(rule.max_down_percent)) return fail(ServiceError::invalid, "/max_down_percent: above 1000");
    if (rule.max_items && (*rule.max_items == 0 || *rule.max_items > kMaxRuleItems)) {
        return fail(ServiceError::invalid, "/max_items: not between 1 and 20000");
    }
    auto next = rule;
    next.version = known->version + 1;
    rules_[next.store] = next;
    std::erase_if(batch_.rules, [&](const auto& r) { return r.store == next.store; });
    batch_.rules.push_back(next);
    audit({now(),
           caller.actor,
           "rule.write",
           "rule:" + (next.store.empty() ? std::string("chain") : next.store),
           next.store,
           {},
           {},
           {},
           caller.source,
           known->version == 0 ? std::string() : audit_text(*known),
           audit_text(next)});
    return next;
}

Result<> Engine::room_to_wait(const std::string& store, std::size_t items) const {
    std::size_t changes = 0;
    for (const auto& [id, change] : changes_) {
        if (change.rec.store != store || !by_hand(change.rec.state)) continue;
        ++changes;
        items += change.items.size();
    }
    if (changes < kMaxWaiting && items <= kMaxWaitingItems) return {};
    return fail(ServiceError::conflict, "store " + store + " has " + std::to_string(changes) +
                                            " changes that are drafts or wait for approval: decide some of them first");
}

ChangeState Engine::judged(LiveChange& change) {
    auto& rec = change.rec;
    rec.approval = judge(rule_for(rec.store), change.items);
    rec.at = std::max(rec.at, now());
    if (rec.approval) return ChangeState::awaiting_approval;
    return rec.at > now() ? ChangeState::scheduled : ChangeState::running;
}

void Engine::write_items(const LiveChange& change) {
    batch_.items.insert(batch_.items.end(), change.items.begin(), change.items.end());
}

// The change, if it has this version and the action is possible in its state.
Result<Engine::LiveChange*> Engine::change_for(const std::string& id, ChangeAction action,
                                               std::optional<std::uint64_t> version) {
    const auto it = changes_.find(id);
    std::optional<Change> ended;
    if (it == changes_.end()) {
        const auto just = ended_changes_.find(id);
        ended = just != ended_changes_.end() ? std::optional(just->second) : lookups_.change(id);
        if (!ended) return fail(ServiceError::not_found, "change " + id);
    }
    const auto& rec = ended ? *ended : it->second.rec;
    if (version && *version != rec.version) {
        return fail(ServiceError::precondition_failed, "change " + id + " has version " + std::to_string(rec.version) +
                                                           ", not " + std::to_string(*version) + ": look at it again");
    }
    if (ended || !possible(rec.state, action)) {
        return fail(ServiceError::conflict, "change " + id + " is " + std::string(name(rec.state)) + ": no " +
                                                std::string(name(action)) + " is possible now");
    }
    return &it->second;
}

Result<> Engine::may_decide(const Caller& caller, const Change& change) {
    if (std::ranges::find(change.authors, caller.actor) != change.authors.end()) {
        return fail(ServiceError::forbidden,
                    "change " + change.id + " is of " + caller.actor + ": another person has to approve or reject it");
    }
    if (!caller.approves) return fail(ServiceError::forbidden, "approving is for a person, not for " + caller.actor);
    const auto role = change.approval ? change.approval->role : ApproverRole::store_manager;
    if (*caller.approves >= role) return {};
    return fail(ServiceError::forbidden, "the rule wants somebody who is at least " + std::string(name(role)));
}

// Brings the items to the prices that hold now; how many were others.
std::size_t Engine::take_moved_prices(LiveChange& change) {
    const auto& products = stores_.at(change.rec.store).products;
    std::size_t moved = 0;
    for (auto& item : change.items) {
        const auto& rec = products.at(item.product).rec;
        const PriceAndPromotion present{rec.price, rec.promotion};
        if (item.before == present) continue;
        ++moved;
        item.before = present;
        if (!item.sets_price) item.after.price = present.price;
        if (!item.sets_promotion) item.after.promotion = present.promotion;
    }
    return moved;
}

Result<Change> Engine::edit_change(const Caller& caller, const std::string& id, const ChangeEdit& edit,
                                   std::optional<std::uint64_t> if_version, std::vector<FieldError>& errors) {
    const auto found = change_for(id, ChangeAction::edit, if_version);
    if (!found) return fail(found.error());
    auto& live = **found;
    if (!edit.title && !edit.at && !edit.items) return fail(ServiceError::invalid, "nothing to edit is named");
    if (edit.items) {
        auto items = check_items(*edit.items, stores_.at(live.rec.store), errors);
        if (!items) return fail(items.error());
        set_items(live, std::move(*items));
    }
    for (auto& item : live.items) item.trips.clear();
    if (edit.title) live.rec.title = *edit.title;
    if (edit.at) live.rec.at = std::max(edit.at->value_or(now()), now());
    live.rec.approval.reset();
    ++live.rec.version;
    add_author(live.rec, caller.actor);
    std::erase_if(batch_.items, [&](const auto& item) { return item.change == id; });
    batch_.clear_items.push_back(id);
    write_items(live);
    step(live, ChangeAction::edit, ChangeState::draft, caller);
    return live.rec;
}

Result<Change> Engine::submit_change(const Caller& caller, const std::string& id, const std::string& note,
                                     std::optional<std::uint64_t> if_version) {
    const auto found = change_for(id, ChangeAction::submit, if_version);
    if (!found) return fail(found.error());
    auto& live = **found;
    add_author(live.rec, caller.actor);
    take_moved_prices(live);
    ++live.rec.version;
    const auto to = judged(live);
    step(live, ChangeAction::submit, to, caller, note);
    auto answer = live.rec;
    release(live);
    return answer;
}

Result<Change> Engine::approve_change(const Caller& caller, const std::string& id, const std::string& note,
                                      std::uint64_t version) {
    const auto found = change_for(id, ChangeAction::approve, version);
    if (!found) return fail(found.error());
    auto& live = **found;
    if (auto may = may_decide(caller, live.rec); !may) return fail(may.error());
    if (const auto moved = take_moved_prices(live); moved > 0) {
        const auto& rule = rule_for(live.rec.store);
        auto need = judge(rule.on() ? rule : kNoRule, live.items);
        if (need) live.rec.approval = need;
        if (!need && live.rec.approval) live.rec.approval->tripped = 0;
        ++live.rec.version;
        write_items(live);
        const auto why = std::to_string(moved) + (moved == 1 ? " price has" : " prices have") + " moved since";
        step(live, ChangeAction::recheck, ChangeState::awaiting_approval, {}, why);
        return fail(ServiceError::precondition_failed, "change " + id + ": " + why + " it was submitted: look again");
    }
    live.rec.at = std::max(live.rec.at, now());
    step(live, ChangeAction::approve, live.rec.at > now() ? ChangeState::scheduled : ChangeState::running, caller,
         note);
    auto answer = live.rec;
    release(live);
    return answer;
}

Result<Change> Engine::reject_change(const Caller& caller, const std::string& id, const std::string& note,
                                     std::uint64_t version) {
    const auto found = change_for(id, ChangeAction::reject, version);
    if (!found) return fail(found.error());
    auto& live = **found;
    if (auto may = may_decide(caller, live.rec); !may) return fail(may.error());
    step(live, ChangeAction::reject, ChangeState::draft, caller, note);
    return live.rec;
}

// Takes price and promotion out of the write when they have to wait; the rest of the row goes its way.
bool Engine::hold_price(Held& held, const Product& before, Product& next, RowVerdict& verdict) const {
    ChangeItem item;
    item.product = next.id;
    item.before = PriceAndPromotion{before.price, before.promotion};
    item.after = {next.price, next.promotion};
    item.sets_price = next.price != before.price;
    item.sets_promotion = next.promotion != before.promotion;
    if (!item.sets_price && !item.sets_promotion) return false;
    if (!held.whole_file && trips_of(held.rule, item).empty()) return false;
    if (held.before + held.items.size() >= kMaxRuleItems) {
        verdict = {Verdict::rejected, "too_many_held", "the rule of this store lets a file change 20000 prices"};
        return false;
    }
    next.price = before.price;
    next.promotion = before.promotion;
    held.items.push_back(std::move(item));
    return true;
}

// Into the draft of the file, or into a change of their own that waits.
std::string Engine::keep_held(Held& held, const Caller& caller, const std::string& store,
                              const UpsertOptions& options) {
    auto* live = held.draft;
    const bool fresh = live == nullptr;
    if (fresh) live = &open_change(store, options.kind, options.title, caller.actor, now());
    for (auto& item : held.items) {
        item.change = live->rec.id;
        item.index = live->rec.items_total++;
        batch_.items.push_back(item);
        live->items.push_back(std::move(item));
    }
    if (fresh && held.whole_file) {
        step(*live, ChangeAction::create, ChangeState::draft, caller);
    } else if (fresh) {
        step(*live, ChangeAction::create, judged(*live), caller);
        release(*live);
    } else {
        ++live->rec.version;
        touch(*live);
    }
    return live->rec.id;
}

}  // namespace esl::mgmt
