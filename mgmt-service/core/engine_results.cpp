// What access points answer to tasks: accepted, under way, displayed, failed.
#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::chrono::milliseconds kLinkRetry{1'000};
constexpr std::chrono::minutes kClocksApart{1};

}  // namespace

void Engine::on_sent(const std::vector<OutgoingTask>& tasks, const Result<>& result) {
    if (result) return;
    for (const auto& task : tasks) {
        auto* tag = find_tag(task.tag);
        if (tag != nullptr && task.not_before && tag->ahead_in_window) {
            leave_ahead_window(*tag);
            set_ahead_timer(*tag, kLinkRetry);
            continue;
        }
        if (tag == nullptr || !tag->job || tag->job->version != task.version || !tag->in_window) continue;
        leave_window(*tag);
        if (tag->job->state == JobState::sent) move_job(*tag, JobState::queued, "service", result.error().message());
        // Back into the queue by the timer: at once would spin while the broker refuses.
        set_timer(*tag, kLinkRetry);
    }
}

// What the job's picture said. The products are named only if they still hash to what it was drawn from: a price that
// has changed since was not on the tag.
std::string Engine::shown_text(const TagState& tag) const {
    const auto& desired = tag.rec.desired;
    if (desired && desired->version == tag.job->version && desired->image == tag.job->image) {
        const auto scene = scene_of(tag.rec);
        if (!scene.items.empty() && inputs_of(scene) == desired->inputs) return audit_shown(*tag.job, scene);
    }
    return audit_outcome(*tag.job);
}

void Engine::on_displayed(TagState& tag, ApState& ap, const contract::TaskResult& r) {
    const bool current = tag.job && tag.job->version == r.version;
    // The AP's time, unless its clock is plainly wrong.
    const bool believable = settings_.tasks_carry_times && r.at <= now() && (!current || r.at >= tag.job->created_at);
    const auto at = believable ? r.at : now();
    const auto known = tag.sent_images.find(r.version);
    const bool newer = !tag.rec.reported || r.version > tag.rec.reported->version;
    ImageRef shown{r.image_id, {}};
    if (known != tag.sent_images.end() && known->second.crc == r.image_id) shown = known->second;
    if (newer) {
        tag.rec.reported = Reported{r.version, shown, at};
        tag.displayed_at = clock_.steady();
        if (tag.rec.planned && tag.rec.planned->version <= r.version) leave_ap_ahead(tag);
        tag_writes_.insert(tag.rec.id);
        tag_events_.insert(tag.rec.id);
    }
    const auto actor = "ap:" + ap.rec.id;
    if (!current) {
        // An older version that reached the tag before the one that replaced it: true, but not what is wanted.
        if (newer) {
            Job old;
            old.version = r.version;
            old.image = shown;
            old.attempts = r.attempts;
            audit({at,
                   actor,
                   "job.displayed",
                   "tag:" + tag.rec.id.text(),
                   tag.rec.store.value_or(""),
                   {},
                   r.job,
                   tag.rec.id.text(),
                   {},
                   {},
                   audit_outcome(old)});
        }
        return;
    }
    auto& job = *tag.job;
    job.attempts += r.attempts;
    if (r.image_id != job.image.crc) {
        fail_job(tag, {"image", std::nullopt, "the tag shows image " + image_text(r.image_id), now(), 0}, actor);
        return;
    }
    job.failure.reset();
    tag.rec.failure.reset();
    ++metrics_.jobs_displayed;
    const auto took = std::max<std::int64_t>(0, to_millis(at) - to_millis(job.due));
    count_outcome(job.store, true, took);
    if (auto* change = live_change(job.change)) change->took_ms.push_back(took);
    audit({at,
           actor,
           "job.displayed",
           "tag:" + tag.rec.id.text(),
           job.store,
           job.change,
           job.id,
           tag.rec.id.text(),
           {},
           {},
           shown_text(tag)});
    end_job(tag, JobState::displayed, actor, {}, at);
}

void Engine::on_result(ApState& ap, const contract::TaskResult& r) {
    auto* tag = find_tag(r.tag);
    if (tag == nullptr || tag->rec.ap != ap.rec.id || tag->rec.epoch != r.epoch) {
        ++metrics_.results_refused;
        return;
    }
    if (r.state == contract::TaskState::displayed) return on_displayed(*tag, ap, r);
    if (tag->rec.planned && r.version == tag->rec.planned->version) return on_ahead_result(*tag, ap, r);
    if (!tag->job || tag->job->version != r.version) return;
    auto& job = *tag->job;
    const auto actor = "ap:" + ap.rec.id;
    tag->resends = 0;
    switch (r.state) {
        case contract::TaskState::accepted:
        case contract::TaskState::transferring: {
            leave_window(*tag);
            const auto next = r.state == contract::TaskState::accepted ? JobState::accepted : JobState::transferring;
            if (job.state != next && job.state != JobState::failed &&
                !(job.state == JobState::transferring && next == JobState::accepted)) {
                move_job(*tag, next, actor);
            }
            if (job.state != JobState::failed) set_timer(*tag, settings_.progress_timeout);
            return;
        }
        case contract::TaskState::failed:
            if (job.state == JobState::failed) return;
            job.attempts += r.attempts;
            fail_job(*tag, {std::string(name(r.failure)), r.code, r.detail, now(), 0}, actor);
            if (r.failure == contract::FailClass::lease) {
                leases_[ap.rec.id].add.push_back({tag->rec.id, tag->rec.epoch});
                set_timer(*tag, kLeaseRetry);
            }
            return;
        case contract::TaskState::superseded:
            // Its time has come at the AP a little before it has here.
            if (tag->rec.planned && tag->rec.planned->version > r.version &&
                tag->rec.planned->at <= now() + kClocksApart) {
                return set_timer(*tag, kClocksApart);
            }
            tag->rec.version += kVersionJump;
            retry(*tag, "the AP knows a higher version");
            return;
        case contract::TaskState::expired:
            if (tag->rec.desired->expires && *tag->rec.desired->expires <= now()) {
                end_job(*tag, JobState::expired, actor);
            } else if (job.state != JobState::failed) {
                fail_job(*tag, {"internal", std::nullopt, "expired at the AP: its clock may be wrong", now(), 0},
                         actor);
            }
            return;
        case contract::TaskState::displayed:
            return;
    }
}

}  // namespace esl::mgmt
