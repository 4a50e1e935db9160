// Which access point serves which tag, and which store it belongs to.
#include <algorithm>

#include "common/contract/topics.hpp"
#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {

bool Engine::may_lease(const Tag& tag, const ApState& ap) const {
    return ap.rec.store && (!tag.store || tag.products.empty() || tag.store == ap.rec.store);
}

Engine::ApState* Engine::best_hearer(TagState& tag) {
    ApState* best = nullptr;
    std::int32_t rssi = -1'000;
    for (const auto& [id, heard] : tag.hearers) {
        auto* ap = find_ap(id);
        if (ap == nullptr || !ap->rec.online || !may_lease(tag.rec, *ap) || heard.rssi <= rssi) continue;
        best = ap;
        rssi = heard.rssi;
    }
    return best;
}

// From here on the AP serves the tag, under a new epoch: results of the one before are refused.
void Engine::lease(TagState& tag, ApState& ap, const std::string& why) {
    auto& rec = tag.rec;
    const auto from = rec.ap;
    const auto heard = rec.rssi;
    release(tag);
    rec.ap = ap.rec.id;
    ++rec.epoch;
    if (const auto by = tag.hearers.find(ap.rec.id); by != tag.hearers.end()) rec.rssi = by->second.rssi;
    for (auto& [id, hearer] : tag.hearers) hearer.stronger = 0;
    tag.lost = false;
    if (rec.store != ap.rec.store && rec.products.empty()) {
        if (rec.store) --stores_.at(*rec.store).tags;
        rec.store = ap.rec.store;
        ++stores_.at(*rec.store).tags;
    }
    ap.tags.insert(rec.id);
    tag_writes_.insert(rec.id);
    tag_events_.insert(rec.id);
    ap_writes_.insert(ap.rec.id);
    if (from) audit_lease(tag, *from, heard, why);
    auto& out = leases_[ap.rec.id];
    std::erase(out.drop, rec.id);
    out.add.push_back({rec.id, rec.epoch});
    if (rec.planned) {
        rec.planned->accepted_at.reset();
        enqueue_ahead(tag);
    }
    if (!tag.job) return;
    clear_timer(tag);
    if (tag.job->state == JobState::failed) {
        if (tag.job->failure && tag.job->failure->kind != "render") retry(tag, "another AP");
        return;
    }
    tag.resends = 0;
    move_job(tag, JobState::queued, "service", "lease moved to " + ap.rec.id + ": " + why);
    enqueue(tag);
}

void Engine::audit_lease(const TagState& tag, const std::string& from, std::optional<std::int32_t> heard,
                         const std::string& why) {
    const auto& rec = tag.rec;
    ++metrics_.leases_moved;
    audit({now(),
           "service",
           "tag.lease",
           "tag:" + rec.id.text(),
           rec.store.value_or(""),
           tag.job ? tag.job->change : "",
           tag.job ? tag.job->id : "",
           rec.id.text(),
           {},
           audit_pairs({{"ap", from}, {"rssi", heard ? std::to_string(*heard) : ""}}),
           audit_pairs({{"ap", *rec.ap},
                        {"rssi", rec.rssi ? std::to_string(*rec.rssi) : ""},
                        {"epoch", std::to_string(rec.epoch)},
                        {"why", why}})});
}

void Engine::release(TagState& tag) {
    if (!tag.rec.ap) return;
    leave_window(tag);
    leave_ap_ahead(tag);
    auto& old = aps_.at(*tag.rec.ap);
    old.tags.erase(tag.rec.id);
    if (std::exchange(tag.queued, false)) std::erase(old.queue, tag.rec.id);
    if (auto& tasks = tasks_[old.rec.id]; !tasks.empty()) {
        std::erase_if(tasks, [&](const OutgoingTask& t) { return t.tag == tag.rec.id; });
    }
    auto& out = leases_[old.rec.id];
    std::erase_if(out.add, [&](const auto& e) { return e.tag == tag.rec.id; });
    out.drop.push_back(tag.rec.id);
    ap_writes_.insert(old.rec.id);
    tag.rec.ap.reset();
    tag_writes_.insert(tag.rec.id);
}

void Engine::claim(ApState& ap, const std::string& store, const Caller& caller) {
    const auto before = audit_pairs({{"store", ap.rec.store.value_or("")}});
    for (const auto id : std::set<TagId>(ap.tags)) release(tags_.at(id));
    ap.rec.store = store.empty() ? std::nullopt : std::optional(store);
    ap_writes_.insert(ap.rec.id);
    audit({now(),
           caller.actor,
           "ap.claim",
           "ap:" + ap.rec.id,
           store,
           {},
           {},
           {},
           caller.source,
           before,
           audit_pairs({{"store", store}})});
    const bool online = std::exchange(ap.rec.online, false);  // its tasks go out with the welcome, not before
    for (auto& [id, tag] : tags_) {
        if (!tag.rec.ap && tag.hearers.contains(ap.rec.id) && may_lease(tag.rec, ap)) lease(tag, ap, "heard");
    }
    ap.rec.online = online;
    if (!online) return;
    if (store.empty()) command(ap.rec.id, contract::ApConfig{std::string(contract::kUnclaimed), 0});
    welcome(ap);
}

Result<ApView> Engine::update_ap(const Caller& caller, const std::string& id, const std::optional<std::string>& store,
                                 const std::optional<std::string>& name) {
    auto* ap = find_ap(id);
    if (ap == nullptr) return fail(ServiceError::not_found, "AP " + id);
    if (store && !store->empty() && !stores_.contains(*store)) {
        return fail(ServiceError::invalid, "/store: no store " + *store);
    }
    if (name && *name != ap->rec.name) {
        audit({now(),
               caller.actor,
               "ap.name",
               "ap:" + id,
               ap->rec.store.value_or(""),
               {},
               {},
               {},
               caller.source,
               audit_pairs({{"name", ap->rec.name}}),
               audit_pairs({{"name", *name}})});
        ap->rec.name = *name;
        ap_writes_.insert(id);
    }
    if (store && *store != ap->rec.store.value_or("")) claim(*ap, *store, caller);
    return ApView{ap->rec, ap->tags.size()};
}

Result<> Engine::permit_join(const Caller& caller, const std::string& id, std::uint32_t seconds) {
    auto* ap = find_ap(id);
    if (ap == nullptr) return fail(ServiceError::not_found, "AP " + id);
    if (!ap->rec.online) return fail(ServiceError::conflict, "AP " + id + " is offline");
    contract::Command c;
    c.id = new_uuid7(clock_);
    c.kind = contract::CommandKind::permit_join;
    c.seconds = seconds;
    command(id, std::move(c));
    ap->rec.permit_join_until = seconds == 0 ? std::nullopt : std::optional(now() + std::chrono::seconds(seconds));
    ap_writes_.insert(id);
    audit({now(),
           caller.actor,
           "ap.permit_join",
           "ap:" + id,
           ap->rec.store.value_or(""),
           {},
           {},
           {},
           caller.source,
           {},
           audit_pairs({{"seconds", std::to_string(seconds)}})});
    return {};
}

}  // namespace esl::mgmt
