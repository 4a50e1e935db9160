#include "mgmt-service/core/engine.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::chrono::milliseconds kTellChangesEvery{250};
// ~40 bytes an entry keeps a lease message below contract::kMaxPayload.
constexpr std::size_t kLeaseEntries = 1'200;
constexpr std::chrono::seconds kCheckApsEvery{1};

}  // namespace

Engine::Engine(const Clock& clock, Lookups lookups, ServiceSettings settings)
    : clock_(clock), lookups_(std::move(lookups)), settings_(std::move(settings)) {}

Engine::~Engine() = default;

void Engine::load(Snapshot snapshot) {
    for (auto& s : snapshot.stores) {
        auto& state = stores_[s.id];
        state.rec = std::move(s);
    }
    for (auto& p : snapshot.products) {
        const auto store = stores_.find(p.store);
        if (store == stores_.end()) continue;
        watch_promotion(p);
        store->second.index.add(p.id, p.name + " " + p.brand);
        auto& state = store->second.products[p.id];
        state.rec = std::move(p);
    }
    for (auto& a : snapshot.aps) {
        auto& state = aps_[a.id];
        state.rec = std::move(a);
        state.heard = clock_.steady();
    }
    for (auto& c : snapshot.changes) {
        if (c.state == ChangeState::scheduled) wall_timers_.emplace(c.at, WallTimer{c.store, {}, c.id});
        auto& state = changes_[c.id];
        state.rec = std::move(c);
    }
    for (auto& r : snapshot.rules) rules_[r.store] = std::move(r);
    for (auto& item : snapshot.items) {
        if (const auto c = changes_.find(item.change); c != changes_.end()) c->second.items.push_back(std::move(item));
    }
    for (auto& t : snapshot.tags) {
        auto& state = tags_[t.id];
        state.rec = std::move(t);
        state.sent_version = state.rec.version;
        if (state.rec.store) {
            if (const auto s = stores_.find(*state.rec.store); s != stores_.end()) ++s->second.tags;
        }
        index_tag(state, true);
        if (state.rec.ap) {
            if (auto* ap = find_ap(*state.rec.ap)) ap->tags.insert(state.rec.id);
        }
        if (state.rec.planned) {
            to_plan_.insert(state.rec.id);
            state.sent_images[state.rec.planned->version] = state.rec.planned->image;
            enqueue_ahead(state);
        }
        if (state.rec.dirty) {
            if (auto* c = live_change(*state.rec.dirty)) ++c->pending;
            to_draw_.insert(state.rec.id);
        }
    }
    for (auto& j : snapshot.jobs) {
        auto* tag = find_tag(j.tag);
        auto* change = live_change(j.change);
        if (tag == nullptr || change == nullptr) continue;
        change->tags.insert(j.tag);
        tag->sent_images[j.version] = j.image;
        const bool failed = j.state == JobState::failed;
        tag->job = std::move(j);
        if (failed) {
            set_timer(*tag, settings_.retry_first);
        } else {
            enqueue(*tag);
        }
    }
    std::vector<std::string> ids;
    for (const auto& [id, c] : changes_) {
        if (c.rec.state == ChangeState::running) ids.push_back(id);
    }
    for (const auto& id : ids) settle(id);
}

Engine::TagState* Engine::find_tag(TagId id) {
    const auto it = tags_.find(id);
    return it == tags_.end() ? nullptr : &it->second;
}
const Engine::TagState* Engine::find_tag(TagId id) const {
    const auto it = tags_.find(id);
    return it == tags_.end() ? nullptr : &it->second;
}
Engine::ApState* Engine::find_ap(const std::string& id) {
    const auto it = aps_.find(id);
    return it == aps_.end() ? nullptr : &it->second;
}
Engine::ProductState* Engine::find_product(const std::string& store, const std::string& id) {
    const auto s = stores_.find(store);
    if (s == stores_.end()) return nullptr;
    const auto p = s->second.products.find(id);
    return p == s->second.products.end() ? nullptr : &p->second;
}

void Engine::audit(AuditEntry entry) {
    if (entry.at == UnixMillis{}) entry.at = now();
    if (entry.actor.empty()) entry.actor = "service";
    audit_.push_back(std::move(entry));
}

Output Engine::take() {
    Output out;
    out.batch = std::exchange(batch_, {});
    for (const auto& id : store_writes_) out.batch.stores.push_back(stores_.at(id).rec);
    for (const auto& id : ap_writes_) {
        const auto& ap = aps_.at(id);
        out.batch.aps.push_back(ap.rec);
        out.events.push_back({0, ap.rec.store.value_or(""), ApView{ap.rec, ap.tags.size()}});
    }
    for (const auto& id : tag_writes_) out.batch.tags.push_back(tags_.at(id).rec);
    for (const auto& [key, tell] : product_writes_) {
        const auto& store = stores_.at(key.first);
        const auto& product = store.products.at(key.second);
        out.batch.products.push_back(product.rec);
        if (tell) out.events.push_back({0, key.first, view(store, product)});
    }
    for (auto& [id, job] : job_writes_) {
        out.batch.jobs.push_back(job);
        out.events.push_back({0, job.store, job});
    }
    for (const auto& id : tag_events_) {
        const auto& tag = tags_.at(id);
        out.events.push_back({0, tag.rec.store.value_or(""), view(tag)});
    }
    for (const auto& id : change_writes_) {
        if (const auto it = changes_.find(id); it != changes_.end()) out.batch.changes.push_back(it->second.rec);
    }
    for (auto it = change_events_.begin(); it != change_events_.end();) {
        const auto live = changes_.find(*it);
        const bool wait = live != changes_.end() && !live->second.rec.finished_at &&
                          clock_.steady() - live->second.told < kTellChangesEvery;
        if (wait) {
            ++it;
            continue;
        }
        if (live != changes_.end()) {
            live->second.told = clock_.steady();
            out.events.push_back({0, live->second.rec.store, live->second.rec});
        }
        it = change_events_.erase(it);
    }
    for (auto& [id, change] : ended_changes_) {
        out.events.push_back({0, change.store, change});
        out.batch.changes.push_back(std::move(change));
    }
    for (const auto& entry : audit_) out.events.push_back({0, entry.store, entry});
    out.audit = std::exchange(audit_, {});
    out.sends = std::exchange(sends_, {});
    for (auto& [ap, lease] : leases_) {
        // A full lease is never cut: what it does not name is no longer leased.
        while (!lease.full && lease.add.size() > kLeaseEntries) {
            contract::Lease part;
            part.add.assign(lease.add.end() - kLeaseEntries, lease.add.end());
            lease.add.resize(lease.add.size() - kLeaseEntries);
            out.sends.push_back({ap, contract::Downlink(std::move(part))});
        }
        out.sends.push_back({ap, contract::Downlink(std::move(lease))});
    }
    for (auto& [ap, tasks] : tasks_) out.sends.push_back({ap, std::move(tasks)});
    tag_writes_.clear();
    tag_events_.clear();
    ap_writes_.clear();
    change_writes_.clear();
    job_writes_.clear();
    product_writes_.clear();
    store_writes_.clear();
    leases_.clear();
    tasks_.clear();
    ended_changes_.clear();
    if (!out.batch.empty()) {
        ++metrics_.commits;
        metrics_.commit_rows += out.batch.rows();
    }
    return out;
}

void Engine::tick() {
    const auto steady = clock_.steady();
    while (!timers_.empty() && timers_.begin()->first <= steady) {
        auto* tag = find_tag(timers_.begin()->second);
        timers_.erase(timers_.begin());
        if (tag == nullptr) continue;
        tag->timer.reset();
        on_timer(*tag);
    }
    while (!ahead_timers_.empty() && ahead_timers_.begin()->first <= steady) {
        auto& tag = tags_.at(ahead_timers_.begin()->second);
        ahead_timers_.erase(ahead_timers_.begin());
        tag.ahead_timer.reset();
        leave_ahead_window(tag);
        ++tag.ahead_resends;
        enqueue_ahead(tag);
    }
    const auto at = now();
    std::vector<WallTimer> due;
    while (!wall_timers_.empty() && wall_timers_.begin()->first <= at) {
        due.push_back(std::move(wall_timers_.begin()->second));
        wall_timers_.erase(wall_timers_.begin());
        if (!due.back().change.empty()) {
            // What happens at one moment happens in the order in which it was asked for.
            auto change = std::move(due.back().change);
            due.pop_back();
            end_or_begin_promotions(std::exchange(due, {}));
            start_scheduled(change);
        }
    }
    end_or_begin_promotions(due);
    look_ahead(at);
    if (steady < next_ap_check_) return;
    next_ap_check_ = steady + kCheckApsEvery;
    for (auto& [id, ap] : aps_) {
        // Away from the broker we hear nobody: that says nothing about them.
        if (link_up_ && ap.rec.online && steady - ap.heard > settings_.ap_silence) ap_offline(ap, "silent");
    }
    if (link_up_) move_by_signal();
}

void Engine::on_link(bool up) {
    link_up_ = up;
    metrics_.link_up = up ? 1 : 0;
    if (!up) return;
    for (auto& [id, ap] : aps_) {
        // What it says while we are away comes from the persistent session; count its silence from now.
        ap.heard = clock_.steady();
        // What we sent before may be lost with the connection: leases and open tasks go out again.
        if (ap.rec.online) welcome(ap);
    }
}

void Engine::set_timer(TagState& tag, std::chrono::milliseconds after) {
    clear_timer(tag);
    tag.timer = clock_.steady() + after;
    timers_.emplace(*tag.timer, tag.rec.id);
}

void Engine::clear_timer(TagState& tag) {
    if (!tag.timer) return;
    timers_.erase({*tag.timer, tag.rec.id});
    tag.timer.reset();
}

void Engine::command(const std::string& ap, contract::Downlink message) {
    sends_.push_back({ap, std::move(message)});
}

}  // namespace esl::mgmt
