// What tags are to show from a later moment on: drawn and given to their APs within the lead, so that a whole store
// changes at that moment even when we, or the way to the APs, are down. When the moment comes, the change or promotion
// finds the image already there and its job is made from what was planned (decision 0095).
#include <spdlog/spdlog.h>

#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

// What is wanted now is given to the AP first; so soon is looked again whether it has it.
constexpr std::chrono::milliseconds kAfterNow{1'000};
constexpr std::chrono::seconds kLookAtScheduledEvery{1};

}  // namespace

// `done_until`: the moments up to then have been dealt with.
void Engine::look_ahead(UnixMillis done_until) {
    if (settings_.lead <= settings_.lead.zero() || !settings_.tasks_carry_times) return;
    const auto horizon = done_until + settings_.lead;
    for (auto it = wall_timers_.upper_bound(planned_until_); it != wall_timers_.end() && it->first <= horizon; ++it) {
        if (it->second.change.empty()) plan_product(it->second.store, it->second.product);
    }
    planned_until_ = horizon;
    if (std::exchange(schedule_moved_, false) || done_until < looked_at_ ||
        done_until - looked_at_ >= kLookAtScheduledEvery) {
        looked_at_ = done_until;
        look_at_scheduled(horizon);
    }
    for (const auto id : std::exchange(to_plan_, {})) plan(tags_.at(id), done_until, horizon);
    for (const auto& [store, change] : std::exchange(taken_back_, {})) settle(change);
}

void Engine::plan_product(const std::string& store, const std::string& product) {
    if (const auto* p = find_product(store, product)) to_plan_.insert(p->tags.begin(), p->tags.end());
}

// Changes that have come within the lead, and those that have been cancelled, moved or carried out since.
void Engine::look_at_scheduled(UnixMillis horizon) {
    std::set<Moment> within;
    for (const auto& [id, change] : changes_) {
        if (change.rec.state == ChangeState::scheduled && change.rec.at <= horizon) within.insert({change.rec.at, id});
    }
    for (auto it = ahead_.begin(); it != ahead_.end();) {
        if (within.contains(it->first)) {
            ++it;
            continue;
        }
        const auto& [store, products] = it->second;
        for (const auto& product : products) {
            const auto items = ahead_items_.find({store, product});
            items->second.erase(it->first);
            if (items->second.empty()) ahead_items_.erase(items);
            plan_product(store, product);
        }
        it = ahead_.erase(it);
    }
    for (const auto& moment : within) {
        const auto [it, fresh] = ahead_.try_emplace(moment);
        if (!fresh) continue;
        const auto& change = changes_.at(moment.change);
        it->second.first = change.rec.store;
        for (std::size_t i = 0; i < change.items.size(); ++i) {
            const auto& product = change.items[i].product;
            it->second.second.push_back(product);
            ahead_items_[{change.rec.store, product}][moment] = i;
            plan_product(change.rec.store, product);
        }
    }
}

std::set<UnixMillis> Engine::moments_of(const Tag& tag, UnixMillis after, UnixMillis horizon) const {
    std::set<UnixMillis> out;
    if (!tag.store) return out;
    const auto add = [&](UnixMillis at) {
        if (at > after && at <= horizon) out.insert(at);
    };
    const auto store = stores_.find(*tag.store);
    if (store == stores_.end()) return out;
    for (const auto& id : tag.products) {
        const auto product = store->second.products.find(id);
        if (product == store->second.products.end()) continue;
        const auto add_ends = [&](const std::optional<Promotion>& promotion) {
            if (!promotion) return;
            add(promotion->from);
            add(promotion->to);
        };
        add_ends(product->second.rec.promotion);
        const auto items = ahead_items_.find({*tag.store, id});
        if (items == ahead_items_.end()) continue;
        for (const auto& [moment, index] : items->second) {
            add(moment.at);
            add_ends(product_at(product->second.rec, moment.at).promotion);
        }
    }
    return out;
}

// The first later moment at which the tag is to look different is the one that is planned; the next one follows when
// that has come.
void Engine::plan(TagState& tag, UnixMillis after, UnixMillis horizon) {
    auto& rec = tag.rec;
    if (rec.dirty || tag.drawing || !rec.desired) return;  // drawn() comes back to it
    for (const auto at : moments_of(rec, after, horizon)) {
        auto scene = scene_at(rec, at);
        auto inputs = inputs_of(scene);
        if (inputs == rec.desired->inputs) continue;
        auto& planned = rec.planned;
        if (planned && planned->at < at) take_back(tag);
        if (planned && planned->at == at && planned->inputs == inputs) {
            const bool nothing_to_send = planned->image == rec.desired->image;
            const bool outrun = !nothing_to_send && planned->version <= rec.desired->version;
            if (outrun || nothing_to_send != (planned->version == 0)) give_version(tag);
            return;
        }
        if (tag.drawing_ahead_for == at && tag.drawing_ahead == inputs) return;
        tag.drawing_ahead_for = at;
        tag.drawing_ahead = inputs;
        to_draw_ahead_.push_back({rec.id, std::move(scene), std::move(inputs), true});
        return;
    }
    tag.drawing_ahead_for.reset();
    take_back(tag);
}

void Engine::drawn_ahead(TagState& tag, const std::string& inputs, Result<RenderedImage> image) {
    if (!tag.drawing_ahead_for || tag.drawing_ahead != inputs) return;  // planned otherwise meanwhile
    const auto at = *std::exchange(tag.drawing_ahead_for, std::nullopt);
    if (!tag.rec.desired || at <= now()) return;
    if (!image) {  // said again, and to the operator, when the moment has come
        spdlog::warn("tag {}: what comes at {} cannot be drawn: {}", tag.rec.id.text(), to_millis(at),
                     image.error().message());
        return take_back(tag);
    }
    ++metrics_.rendered;
    Planned planned;
    planned.at = at;
    planned.image = image->image.ref;
    planned.inputs = inputs;
    planned.job = new_uuid7(clock_);
    planned.created_at = now();
    planned.expires = next_boundary(tag.rec, at);
    batch_.images.push_back(std::move(image->image));
    tag.rec.planned = std::move(planned);
    give_version(tag);
}

// A version above everything that went to the tag before, so that no older image can come after it.
void Engine::give_version(TagState& tag) {
    auto& rec = tag.rec;
    auto& planned = *rec.planned;
    leave_ap_ahead(tag);
    planned.sent_at.reset();
    planned.accepted_at.reset();
    tag_writes_.insert(rec.id);
    tag_events_.insert(rec.id);
    if (planned.image == rec.desired->image) {
        auto kept = std::move(planned);
        take_back(tag);  // an earlier plan with another image
        kept.version = 0;
        rec.planned = std::move(kept);
        return;
    }
    rec.version = std::max(rec.version, rec.desired->version) + 1;
    planned.version = rec.version;
    tag.ahead_resends = 0;
    enqueue_ahead(tag);
}

void Engine::forget_plan(TagState& tag) {
    leave_ap_ahead(tag);
    tag.rec.planned.reset();
    tag_writes_.insert(tag.rec.id);
    tag_events_.insert(tag.rec.id);
}

// What was planned is not to happen. An AP that may hold it gets a newer task with the image of now, which ends it
// there.
void Engine::take_back(TagState& tag) {
    auto& rec = tag.rec;
    if (!rec.planned) return;
    forget_plan(tag);
    if (!rec.desired || tag.sent_version <= rec.desired->version) return;
    if (tag.job && tag.job->image == rec.desired->image) return retry(tag, "what was sent ahead is taken back");
    auto& change = taken_back_[rec.store.value_or("")];
    if (change.empty()) {
        change =
            new_change(rec.store.value_or(""), "repair", "What was sent ahead is taken back", "service", now()).rec.id;
    }
    rec.version = std::max(rec.version, rec.desired->version) + 1;
    rec.desired->version = rec.version;
    rec.desired->change = change;
    if (tag.job) supersede(tag, change);
    start_job(tag, change);
    move_job(tag, JobState::queued, "service");
    enqueue(tag);
}

// The moment has come, and what is wanted is what was planned. True: nothing is left to draw.
bool Engine::adopt(TagState& tag, const std::string& inputs) {
    auto& rec = tag.rec;
    if (!rec.planned || !rec.desired || !rec.dirty || rec.planned->at > now() || rec.planned->inputs != inputs) {
        return false;
    }
    const auto planned = *rec.planned;
    const auto change = *rec.dirty;
    forget_plan(tag);
    ++metrics_.render_skipped;
    if (planned.image == rec.desired->image) {
        rec.desired->inputs = inputs;
        rec.desired->expires = next_boundary(rec, now());
        ++metrics_.same_image_skipped;
        drawn(tag);
        return true;
    }
    if (planned.version <= rec.desired->version || !planned.sent_at) {
        want(tag, planned.image, inputs, change);
        drawn(tag);
        return true;
    }
    if (tag.job) supersede(tag, change);
    rec.failure.reset();
    rec.desired = Desired{planned.version, planned.image, now(), planned.at, next_boundary(rec, now()), change, inputs};
    start_job(tag, change, &planned);
    if (rec.reported && rec.reported->version == planned.version && rec.reported->image == planned.image) {
        // Its AP was quicker than our clock. The entry in the audit log was made with the report.
        ++metrics_.jobs_displayed;
        count_outcome(tag.job->store, true,
                      std::max<std::int64_t>(0, to_millis(rec.reported->at) - to_millis(planned.at)));
        end_job(tag, JobState::displayed, rec.ap ? "ap:" + *rec.ap : "service", {}, rec.reported->at);
    } else {
        set_timer(tag, planned.accepted_at ? settings_.progress_timeout : settings_.accept_timeout);
    }
    drawn(tag);
    return true;
}

// ---- sending

void Engine::enqueue_ahead(TagState& tag) {
    if (!tag.rec.ap || !tag.rec.planned || tag.rec.planned->version == 0) return;
    auto* ap = find_ap(*tag.rec.ap);
    if (ap == nullptr) return;
    clear_ahead_timer(tag);
    if (!std::exchange(tag.ahead_queued, true)) ap->ahead.push_back(tag.rec.id);
    pump_ahead(*ap);
}

void Engine::pump_ahead(ApState& ap) {
    while (link_up_ && ap.rec.online && ap.queue.empty() && ap.window + ap.ahead_window < settings_.ap_window &&
           !ap.ahead.empty()) {
        auto& tag = tags_.at(ap.ahead.front());
        ap.ahead.pop_front();
        tag.ahead_queued = false;
        auto& planned = tag.rec.planned;
        if (!planned || planned->version == 0 || planned->at <= now()) continue;
        if (tag.job && (tag.job->state == JobState::queued || tag.job->state == JobState::sent)) {
            set_ahead_timer(tag, kAfterNow);
            continue;
        }
        if (!std::exchange(tag.ahead_in_window, true)) ++ap.ahead_window;
        if (planned->sent_at) ++metrics_.tasks_resent;
        ++metrics_.tasks_sent;
        if (!planned->sent_at) planned->sent_at = now();
        tag_writes_.insert(tag.rec.id);
        remember_sent(tag, planned->version, planned->image);
        Job job;
        job.id = planned->job;
        job.version = planned->version;
        job.image = planned->image;
        audit({now(),
               "service",
               "job.sent",
               "tag:" + tag.rec.id.text(),
               tag.rec.store.value_or(""),
               {},
               planned->job,
               tag.rec.id.text(),
               {},
               {},
               audit_outcome(job, "ahead, for " + std::to_string(to_millis(planned->at)))});
        tasks_[ap.rec.id].push_back({tag.rec.id, planned->version, planned->job, planned->image, tag.rec.panel,
                                     tag.rec.epoch, planned->expires, planned->at});
        set_ahead_timer(
            tag, std::min(settings_.accept_timeout * (std::int64_t{1} << std::min<std::uint32_t>(tag.ahead_resends, 5)),
                          settings_.retry_limit));
    }
}

void Engine::leave_ahead_window(TagState& tag) {
    if (!std::exchange(tag.ahead_in_window, false) || !tag.rec.ap) return;
    --aps_.at(*tag.rec.ap).ahead_window;
}

void Engine::set_ahead_timer(TagState& tag, std::chrono::milliseconds after) {
    clear_ahead_timer(tag);
    tag.ahead_timer = clock_.steady() + after;
    ahead_timers_.emplace(*tag.ahead_timer, tag.rec.id);
}

void Engine::clear_ahead_timer(TagState& tag) {
    if (!tag.ahead_timer) return;
    ahead_timers_.erase({*tag.ahead_timer, tag.rec.id});
    tag.ahead_timer.reset();
}

// The tag's AP gets nothing of the plan any more, until enqueue_ahead().
void Engine::leave_ap_ahead(TagState& tag) {
    leave_ahead_window(tag);
    clear_ahead_timer(tag);
    if (!std::exchange(tag.ahead_queued, false) || !tag.rec.ap) return;
    std::erase(aps_.at(*tag.rec.ap).ahead, tag.rec.id);
}

void Engine::on_ahead_result(TagState& tag, ApState& ap, const contract::TaskResult& r) {
    auto& planned = *tag.rec.planned;
    leave_ahead_window(tag);
    clear_ahead_timer(tag);
    switch (r.state) {
        case contract::TaskState::accepted:
        case contract::TaskState::transferring:
            tag.ahead_resends = 0;
            if (planned.accepted_at) return;
            planned.accepted_at = now();
            tag_writes_.insert(tag.rec.id);
            tag_events_.insert(tag.rec.id);
            return;
        case contract::TaskState::failed:
            // Nothing has failed yet for the operator: that is said when the moment has come and it still does.
            planned.accepted_at.reset();
            if (r.failure == contract::FailClass::lease) {
                leases_[ap.rec.id].add.push_back({tag.rec.id, tag.rec.epoch});
                set_ahead_timer(tag, kLeaseRetry);
            } else if (r.failure == contract::FailClass::internal) {
                set_ahead_timer(tag, settings_.retry_first);
            }
            return;
        case contract::TaskState::superseded:
            tag.rec.version += kVersionJump;
            return give_version(tag);
        case contract::TaskState::expired:
            planned.accepted_at.reset();
            return;
        case contract::TaskState::displayed:
            return;
    }
}

}  // namespace esl::mgmt
