// From "this tag is to look different" to a task on its way: drawing, jobs, sending, trying again.
#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::size_t kSentImagesKept = 8;

}  // namespace

void Engine::remember_sent(TagState& tag, std::uint64_t version, const ImageRef& image) {
    tag.sent_version = std::max(tag.sent_version, version);
    tag.sent_images[version] = image;
    while (tag.sent_images.size() > kSentImagesKept) tag.sent_images.erase(tag.sent_images.begin());
}

bool Engine::looks_different(const TagState& tag) const {
    if (tag.rec.dirty || !tag.rec.desired) return true;
    return inputs_of(scene_of(tag.rec)) != tag.rec.desired->inputs;
}

// The tag is to be drawn anew on behalf of the change.
void Engine::redraw(TagState& tag, LiveChange& change) {
    if (tag.rec.dirty) {
        if (auto* before = live_change(*tag.rec.dirty); before != nullptr && before->rec.id != change.rec.id) {
            --before->pending;
            ++change.pending;
            const auto id = before->rec.id;
            tag.rec.dirty = change.rec.id;
            settle(id);
        }
    } else {
        ++change.pending;
    }
    tag.rec.dirty = change.rec.id;
    tag_writes_.insert(tag.rec.id);
    to_draw_.insert(tag.rec.id);
}

std::vector<RenderRequest> Engine::take_renders() {
    std::vector<RenderRequest> out;
    for (const auto id : std::exchange(to_draw_, {})) {
        auto& tag = tags_.at(id);
        if (tag.drawing) {
            tag.draw_again = true;
            continue;
        }
        auto scene = scene_of(tag.rec);
        auto inputs = inputs_of(scene);
        if (tag.rec.desired && tag.rec.desired->inputs == inputs) {
            ++metrics_.render_skipped;
            if (tag.job && tag.rec.failure && tag.rec.failure->kind == "render") {
                tag.rec.failure.reset();
                tag_events_.insert(id);
                supersede(tag, tag.rec.dirty);
            }
            drawn(tag);
            continue;
        }
        if (adopt(tag, inputs)) continue;
        tag.drawing = true;
        ++drawing_;
        out.push_back({id, std::move(scene), std::move(inputs)});
    }
    drawing_ += to_draw_ahead_.size();
    std::ranges::move(std::exchange(to_draw_ahead_, {}), std::back_inserter(out));
    return out;
}

void Engine::drawn(TagState& tag) {
    if (!tag.rec.dirty) return;
    const auto change = std::exchange(tag.rec.dirty, std::nullopt);
    to_plan_.insert(tag.rec.id);
    tag_writes_.insert(tag.rec.id);
    if (auto* live = live_change(*change)) --live->pending;
    settle(*change);
}

void Engine::on_rendered(TagId id, const std::string& inputs, Result<RenderedImage> image, bool ahead) {
    auto& tag = tags_.at(id);
    --drawing_;
    if (ahead) return drawn_ahead(tag, inputs, std::move(image));
    tag.drawing = false;
    const bool again = std::exchange(tag.draw_again, false);
    if (!tag.rec.dirty) return;
    // Decided otherwise since it was asked for, whether or not take_renders() has seen that yet: nobody wants it now.
    if (again || inputs != inputs_of(scene_of(tag.rec))) {
        to_draw_.insert(id);
        return;
    }
    const auto change = *tag.rec.dirty;
    if (!image) {
        if (tag.job) supersede(tag, change);
        start_job(tag, change);
        tag.job->version = ++tag.rec.version;
        tag.job->image = {};
        fail_job(tag, {"render", std::nullopt, image.error().message(), now(), 0}, "service");
        drawn(tag);
        return;
    }
    ++metrics_.rendered;
    if (tag.rec.desired && tag.rec.desired->image == image->image.ref) {
        tag.rec.desired->inputs = inputs;
        tag.rec.desired->expires = next_boundary(tag.rec, now());
        tag_writes_.insert(id);
        ++metrics_.same_image_skipped;
        drawn(tag);
        return;
    }
    const auto ref = image->image.ref;
    batch_.images.push_back(std::move(image->image));
    want(tag, ref, inputs, change);
    drawn(tag);
}

void Engine::want(TagState& tag, const ImageRef& image, const std::string& inputs, const std::string& change) {
    auto& rec = tag.rec;
    if (tag.job) supersede(tag, change);
    rec.failure.reset();
    tag_writes_.insert(rec.id);
    tag_events_.insert(rec.id);
    const bool back_to_shown =
        rec.reported && rec.reported->image == image && tag.sent_version <= rec.reported->version;
    rec.desired = Desired{back_to_shown ? rec.reported->version : rec.version + 1,
                          image,
                          now(),
                          now(),
                          next_boundary(rec, now()),
                          change,
                          inputs};
    if (back_to_shown) {
        // Nothing newer has left for the tag: it shows what is wanted, so nothing is sent.
        ++metrics_.same_image_skipped;
        return;
    }
    rec.version = rec.desired->version;
    start_job(tag, change);
    move_job(tag, JobState::queued, "service");
    enqueue(tag);
}

void Engine::start_job(TagState& tag, const std::string& change_id, const Planned* planned) {
    auto& change = *live_change(change_id);
    Job job;
    job.id = new_uuid7(clock_);
    job.change = change_id;
    job.store = change.rec.store;
    job.tag = tag.rec.id;
    job.ap = tag.rec.ap;
    if (tag.rec.desired) {
        job.version = tag.rec.desired->version;
        job.image = tag.rec.desired->image;
    }
    job.created_at = job.updated_at = now();
    if (planned != nullptr) {
        job.id = planned->job;
        job.created_at = planned->created_at;
        job.tries = 1;
        job.state = planned->accepted_at ? JobState::accepted : JobState::sent;
        job.updated_at = planned->accepted_at.value_or(*planned->sent_at);
    }
    job.due = std::max(change.rec.at, change.rec.created_at);
    change.tags.insert(tag.rec.id);
    ++change.rec.jobs_total;
    ++change.rec.counts[static_cast<std::size_t>(job.state)];
    touch(change);
    batch_.steps.push_back({job.id, JobState::fresh, job.created_at, change.rec.created_by, {}});
    if (planned != nullptr) {
        batch_.steps.push_back({job.id, JobState::sent, *planned->sent_at, "service", "ahead"});
        if (planned->accepted_at) {
            batch_.steps.push_back(
                {job.id, JobState::accepted, *planned->accepted_at, "ap:" + tag.rec.ap.value_or(""), {}});
        }
    }
    job_writes_[job.id] = job;
    tag.job = std::move(job);
    tag.resends = 0;
    ++metrics_.jobs_created;
    ++metrics_.live_jobs;
}

void Engine::move_job(TagState& tag, JobState state, const std::string& actor, std::string detail,
                      std::optional<UnixMillis> at) {
    auto& job = *tag.job;
    if (auto* change = live_change(job.change)) {
        --change->rec.counts[static_cast<std::size_t>(job.state)];
        ++change->rec.counts[static_cast<std::size_t>(state)];
        touch(*change);
    }
    job.state = state;
    job.updated_at = std::max(job.updated_at, at.value_or(now()));
    job.ap = tag.rec.ap;
    batch_.steps.push_back({job.id, state, job.updated_at, actor, std::move(detail)});
    job_writes_[job.id] = job;
}

void Engine::end_job(TagState& tag, JobState state, const std::string& actor, const std::string& why,
                     std::optional<UnixMillis> at) {
    leave_window(tag);
    clear_timer(tag);
    move_job(tag, state, actor, why, at);
    const auto change = tag.job->change;
    if (state != JobState::displayed) audit_end(*tag.job, actor, why);
    if (auto* live = live_change(change)) live->tags.erase(tag.rec.id);
    if (state == JobState::superseded) ++metrics_.jobs_superseded;
    --metrics_.live_jobs;
    tag.job.reset();
    settle(change);
}

// The job gives way to what the change wants: whoever made that change ended it.
void Engine::supersede(TagState& tag, const std::optional<std::string>& change) {
    const auto* by = change ? live_change(*change) : nullptr;
    end_job(tag, JobState::superseded, by != nullptr ? by->rec.created_by : "service",
            by != nullptr ? "change:" + by->rec.id : "");
}

// job.superseded, job.expired, job.cancelled. A display has its entry where it is reported, with the AP's time.
void Engine::audit_end(const Job& job, const std::string& actor, const std::string& why) {
    audit({now(),
           actor,
           "job." + std::string(name(job.state)),
           "tag:" + job.tag.text(),
           job.store,
           job.change,
           job.id,
           job.tag.text(),
           {},
           {},
           audit_outcome(job, why)});
}

void Engine::fail_job(TagState& tag, Failure failure, const std::string& actor) {
    leave_window(tag);
    auto& job = *tag.job;
    failure.attempts = job.attempts;
    job.failure = failure;
    tag.rec.failure = failure;
    tag.failed_at = clock_.steady();
    tag_writes_.insert(tag.rec.id);
    tag_events_.insert(tag.rec.id);
    ++metrics_.jobs_failed;
    count_outcome(job.store, false, 0);
    move_job(tag, JobState::failed, actor, failure.kind + (failure.detail.empty() ? "" : ": " + failure.detail));
    audit({now(),
           actor,
           "job.failed",
           "tag:" + tag.rec.id.text(),
           job.store,
           job.change,
           job.id,
           tag.rec.id.text(),
           {},
           {},
           audit_outcome(job)});
    if (failure.kind == "render") {
        clear_timer(tag);
    } else {
        const auto doubled = settings_.retry_first * (std::int64_t{1} << std::min<std::uint32_t>(job.tries, 12));
        set_timer(tag, std::min(std::max(doubled / 2, settings_.retry_first), settings_.retry_limit));
    }
    settle(job.change);
}

// The same image under a new version: an AP does each (tag, version) once.
void Engine::retry(TagState& tag, const std::string& why) {
    auto& rec = tag.rec;
    if (rec.desired->expires && *rec.desired->expires <= now()) {
        end_job(tag, JobState::expired, "service");
        return;
    }
    rec.version = std::max(rec.version, rec.desired->version) + 1;
    rec.desired->version = rec.version;
    tag.job->version = rec.version;
    to_plan_.insert(rec.id);  // a newer task of now ends what the AP holds for later
    tag.resends = 0;
    tag_writes_.insert(rec.id);
    leave_window(tag);
    move_job(tag, JobState::queued, "service", why);
    enqueue(tag);
}

void Engine::enqueue(TagState& tag) {
    if (!tag.rec.ap) {
        if (tag.job->state == JobState::queued) {
            fail_job(tag, {"no_ap", std::nullopt, "no AP hears this tag", now(), 0}, "service");
        }
        return;
    }
    auto& ap = aps_.at(*tag.rec.ap);
    if (!tag.queued) {
        tag.queued = true;
        ap.queue.push_back(tag.rec.id);
    }
    pump(ap);
}

void Engine::pump(ApState& ap) {
    while (link_up_ && ap.rec.online && ap.window < settings_.ap_window && !ap.queue.empty()) {
        auto& tag = tags_.at(ap.queue.front());
        ap.queue.pop_front();
        tag.queued = false;
        if (!tag.job || tag.rec.ap != ap.rec.id || tag.job->state == JobState::failed) continue;
        auto& job = *tag.job;
        if (tag.rec.desired->expires && *tag.rec.desired->expires <= now()) {
            end_job(tag, JobState::expired, "service");
            continue;
        }
        const bool again = job.state != JobState::queued || tag.sent_version >= job.version;
        if (!tag.in_window) ++ap.window;
        tag.in_window = true;
        if (again) ++metrics_.tasks_resent;
        if (tag.sent_version < job.version) ++job.tries;
        remember_sent(tag, job.version, job.image);
        ++metrics_.tasks_sent;
        // An accepted job that is sent again stays what it is: the AP answers a repetition with the state it has.
        if (job.state == JobState::queued || job.state == JobState::sent) {
            move_job(tag, JobState::sent, "service", again ? "again" : "");
        }
        audit({now(),
               "service",
               "job.sent",
               "tag:" + tag.rec.id.text(),
               job.store,
               job.change,
               job.id,
               tag.rec.id.text(),
               {},
               {},
               audit_outcome(job)});
        tasks_[ap.rec.id].push_back({tag.rec.id, job.version, job.id, job.image, tag.rec.panel, tag.rec.epoch,
                                     settings_.tasks_carry_times ? tag.rec.desired->expires : std::nullopt,
                                     std::nullopt});
        const bool accepted = job.state == JobState::accepted || job.state == JobState::transferring;
        const auto base = accepted ? settings_.progress_timeout : settings_.accept_timeout;
        set_timer(tag,
                  std::min(base * (std::int64_t{1} << std::min<std::uint32_t>(tag.resends, 5)), settings_.retry_limit));
    }
    pump_ahead(ap);
}

void Engine::leave_window(TagState& tag) {
    if (!std::exchange(tag.in_window, false) || !tag.rec.ap) return;
    auto& ap = aps_.at(*tag.rec.ap);
    --ap.window;
}

void Engine::on_timer(TagState& tag) {
    if (!tag.job) return;
    leave_window(tag);
    switch (tag.job->state) {
        case JobState::sent:
        case JobState::accepted:
        case JobState::transferring:
            ++tag.resends;
            enqueue(tag);
            return;
        case JobState::queued:
        case JobState::fresh:
            enqueue(tag);
            return;
        case JobState::failed:
            if (tag.rec.desired && tag.job->failure && tag.job->failure->kind != "render") {
                retry(tag, "tried again after a while");
            }
            return;
        case JobState::displayed:
        case JobState::superseded:
        case JobState::expired:
        case JobState::cancelled:
            return;
    }
}

}  // namespace esl::mgmt
