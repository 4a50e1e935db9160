// TaskEngine: how a task moves on.
#include "ap-agent/core/task_engine.hpp"

#include <algorithm>
#include <cassert>

namespace esl::ap {

using contract::FailClass;
using contract::TaskResult;
using contract::TaskState;

Effects TaskEngine::tick() {
    std::set<TagId> due;
    while (!wall_wakes_.empty() && wall_wakes_.begin()->first <= clock_.wall()) {
        due.insert(wall_wakes_.begin()->second);
        wall_wakes_.erase(wall_wakes_.begin());
    }
    while (!steady_wakes_.empty() && steady_wakes_.begin()->first <= clock_.steady()) {
        due.insert(steady_wakes_.begin()->second);
        steady_wakes_.erase(steady_wakes_.begin());
    }
    Effects out;
    for (const auto id : due) {
        if (auto* tag = find(id); tag != nullptr) advance(*tag, out);
    }
    hand_out(out);
    return out;
}

std::optional<std::chrono::milliseconds> TaskEngine::until_next_tick() const {
    std::optional<std::chrono::milliseconds> out;
    const auto consider = [&](std::chrono::milliseconds wait) {
        wait = std::max(wait, std::chrono::milliseconds(0));
        if (!out || wait < *out) out = wait;
    };
    if (!wall_wakes_.empty()) consider(wall_wakes_.begin()->first - clock_.wall());
    if (!steady_wakes_.empty()) {
        consider(std::chrono::ceil<std::chrono::milliseconds>(steady_wakes_.begin()->first - clock_.steady()));
    }
    return out;
}

// Decides what the tag's tasks do now. The newest version whose time has come is the one to show; all below it are
// superseded. Nothing is made ready while the radio has a task of this tag, so an older image can never arrive after a
// newer one.
void TaskEngine::advance(Tag& tag, Effects& out) {
    const auto now = clock_.wall();
    std::optional<std::uint64_t> due;
    for (const auto& [version, p] : tag.pending) {
        if (!p.drop_as && (!p.task.not_before || *p.task.not_before <= now)) due = version;
    }
    std::vector<std::pair<std::uint64_t, TaskState>> over;
    for (const auto& [version, p] : tag.pending) {
        if (p.drop_as) continue;
        if (due && version < *due) {
            over.emplace_back(version, TaskState::superseded);
        } else if (p.task.expires && *p.task.expires <= now && p.stage != Stage::running) {
            over.emplace_back(version, TaskState::expired);
        }
    }
    for (const auto& [version, as] : over) overtake(tag, version, as, FailClass::none, out);

    const bool with_radio = std::ranges::any_of(tag.pending, [](const auto& p) {
        return p.second.stage == Stage::starting || p.second.stage == Stage::running;
    });
    for (const auto& [version, p] : tag.pending) wake_at(tag, p);
    if (with_radio || !due) return;
    const auto next = tag.pending.find(*due);
    if (next == tag.pending.end() || next->second.stage != Stage::waiting) return;
    auto& p = next->second;
    if (tag.record.confirmed && tag.record.confirmed->image_id == p.task.image_id) {
        auto result = result_of(p.task, TaskState::displayed);
        result.attempts = p.attempts;
        result.detail = "already shown";
        finish(tag, *due, std::move(result), out);
        return;
    }
    if (p.waits_for_radio || (p.not_until && *p.not_until > clock_.steady())) return;
    make_ready(tag, p);
}

void TaskEngine::wake_at(const Tag& tag, const Pending& p) {
    const auto id = tag.record.tag;
    if (p.task.not_before && *p.task.not_before > clock_.wall()) wall_wakes_.emplace(*p.task.not_before, id);
    if (p.task.expires && *p.task.expires > clock_.wall()) wall_wakes_.emplace(*p.task.expires, id);
    if (p.not_until && *p.not_until > clock_.steady()) steady_wakes_.emplace(*p.not_until, id);
}

void TaskEngine::overtake(Tag& tag, std::uint64_t version, TaskState as, FailClass failure, Effects& out) {
    const auto found = tag.pending.find(version);
    if (found == tag.pending.end() || found->second.drop_as) return;
    auto& p = found->second;
    if (p.stage == Stage::starting || p.stage == Stage::running) {
        p.drop_as = as;
        p.drop_class = failure;
        out.cancel.push_back(tag.record.tag);
        return;
    }
    auto result = result_of(p.task, as);
    result.failure = failure;
    result.attempts = p.attempts;
    result.started = p.started;
    finish(tag, version, std::move(result), out);
}

void TaskEngine::make_ready(Tag& tag, Pending& p) {
    p.stage = Stage::ready;
    p.not_until.reset();
    p.waits_for_sighting = false;
    ready_[index(tag.record.tag)].emplace(p.task.priority, p.order, tag.record.tag, p.task.version);
}

void TaskEngine::unready(const Pending& p) {
    ready_[index(p.task.tag)].erase({p.task.priority, p.order, p.task.tag, p.task.version});
}

void TaskEngine::hand_out(Effects& out) {
    for (std::size_t kind = 0; kind < ready_.size(); ++kind) {
        while (running_[kind] < limits_.max_running && !ready_[kind].empty()) {
            const auto [priority, order, id, version] = *ready_[kind].begin();
            ready_[kind].erase(ready_[kind].begin());
            auto& tag = tags_.at(id);
            auto& p = tag.pending.at(version);
            assert(p.stage == Stage::ready);
            p.stage = Stage::starting;
            p.before = tag.record.confirmed;
            ++running_[kind];
            if (tag.record.confirmed) {  // from now on only the tag can say what it shows
                tag.record.confirmed.reset();
                out.write.push_back(PutTag{tag.record});
            }
            out.begin.push_back({id, version});
        }
    }
}

std::optional<UpdateRequest> TaskEngine::begin(const TaskKey& key) {
    auto* p = find(key);
    if (p == nullptr || p->stage != Stage::starting || p->drop_as) return std::nullopt;
    auto picture = image::inflate(p->task.width, p->task.height, *p->image);
    if (!picture) {  // checked when the task came: the store has changed under us
        p->drop_as = TaskState::failed;
        p->drop_class = FailClass::image;
        return std::nullopt;
    }
    p->stage = Stage::running;
    UpdateRequest out;
    out.tag = key.tag;
    out.image = std::make_shared<const image::TagImage>(std::move(*picture));
    out.image_id = p->task.image_id;
    out.slot = p->task.slot;
    out.priority = p->task.priority;
    return out;
}

Effects TaskEngine::transfer_started(const TaskKey& key) {
    Effects out;
    auto* p = find(key);
    if (p == nullptr || p->stage != Stage::running) return out;
    const bool first = !p->started;
    if (first) p->started = clock_.wall();
    if (first && !p->drop_as) {
        auto result = result_of(p->task, TaskState::transferring);
        result.attempts = p->attempts;
        result.started = p->started;
        out.progress.push_back(std::move(result));
    }
    return out;
}

Effects TaskEngine::finished(const TaskKey& key, const UpdateOutcome& outcome) {
    Effects out;
    auto* tag = find(key.tag);
    auto* p = find(key);
    if (p == nullptr || (p->stage != Stage::starting && p->stage != Stage::running)) return out;
    --running_[index(key.tag)];
    p->stage = Stage::waiting;
    // Looking for a tag that is not heard is an attempt, too.
    const bool tried = outcome.displayed() || !not_the_tags_fault(outcome.failure->error);
    p->attempts += std::max(outcome.attempts, tried ? 1U : 0U);
    if (!p->started) p->started = outcome.started;

    auto result = result_of(p->task, p->drop_as.value_or(TaskState::failed));
    result.failure = p->drop_as ? p->drop_class : FailClass::none;
    result.attempts = p->attempts;
    result.started = p->started;
    if (outcome.displayed()) {
        tag->record.confirmed = Confirmed{p->task.image_id, clock_.wall()};
        result.state = TaskState::displayed;
        result.failure = FailClass::none;
        finish(*tag, key.version, std::move(result), out);
    } else {
        const auto& failure = *outcome.failure;
        if (!outcome.started && p->before) {  // the tag never noticed: what it showed, it still shows
            tag->record.confirmed = p->before;
            out.write.push_back(PutTag{tag->record});
        }
        const bool tag_failed = !not_the_tags_fault(failure.error);
        if (tag_failed) ++p->rounds;
        if (p->drop_as) {
            finish(*tag, key.version, std::move(result), out);
        } else if (tag_failed && p->rounds >= retry_.rounds_for(failure.error)) {
            result.failure = fail_class(failure.error);
            result.code = failure.code;
            result.detail = failure.detail.empty() ? std::string(describe(failure.error)) : failure.detail;
            finish(*tag, key.version, std::move(result), out);
        } else {
            wait_for_retry(*tag, *p, outcome);
        }
    }
    advance(*tag, out);
    hand_out(out);
    return out;
}

void TaskEngine::wait_for_retry(Tag& tag, Pending& p, const UpdateOutcome& outcome) {
    const auto error = outcome.failure->error;
    p.before.reset();
    p.not_until = clock_.steady() + retry_.wait_after(error, p.rounds);
    // A tag that was not even heard is tried as soon as it is.
    p.waits_for_sighting = error == RadioError::unreachable && outcome.attempts == 0;
    p.waits_for_radio = error == RadioError::gone;
    wake_at(tag, p);
}

Effects TaskEngine::sighted(const TagSighting& sighting) {
    Effects out;
    auto* tag = find(sighting.tag);
    if (tag == nullptr) return out;
    auto& record = tag->record;
    bool with_radio = false;
    for (auto& [version, p] : tag->pending) {
        if (p.stage == Stage::starting || p.stage == Stage::running) {
            with_radio = true;
            if (sighting.restarted) p.before.reset();
        }
        if (p.waits_for_sighting && sighting.event != TagSighting::Event::left) {
            p.waits_for_sighting = false;
            p.not_until.reset();
        }
    }
    const auto before = record.confirmed;
    if (sighting.restarted) record.confirmed.reset();
    // While the radio has a task of this tag, the radio alone judges what the tag says.
    if (sighting.shown_image_id && !with_radio &&
        (!record.confirmed || record.confirmed->image_id != *sighting.shown_image_id)) {
        record.confirmed = Confirmed{*sighting.shown_image_id, clock_.wall()};
    }
    if (record.confirmed != before) out.write.push_back(PutTag{record});
    if (!tag->pending.empty()) advance(*tag, out);
    hand_out(out);
    return out;
}

Effects TaskEngine::radio_up(TagId::Kind kind) {
    Effects out;
    for (auto& [id, tag] : tags_) {
        if (id.kind() != kind) continue;
        bool waited = false;
        for (auto& [version, p] : tag.pending) {
            waited = waited || p.waits_for_radio;
            if (std::exchange(p.waits_for_radio, false)) p.not_until.reset();
        }
        if (waited) advance(tag, out);
    }
    hand_out(out);
    return out;
}

void TaskEngine::finish(Tag& tag, std::uint64_t version, TaskResult result, Effects& out) {
    const auto found = tag.pending.find(version);
    assert(found != tag.pending.end());
    if (found->second.stage == Stage::ready) unready(found->second);
    const auto image_id = found->second.task.image_id;
    tag.pending.erase(found);
    --task_count_;
    if (const auto image = images_.find(image_id); image != images_.end() && image->second.expired())
        images_.erase(image);

    if (!tag.record.last || tag.record.last->version <= version) tag.record.last = result;
    out.write.push_back(DropTask{tag.record.tag, version});
    out.write.push_back(PutTag{tag.record});
    add_outcome(std::move(result), out);
}

void TaskEngine::add_outcome(TaskResult result, Effects& out) {
    const auto sequence = ++last_sequence_;
    outcomes_.emplace(sequence, result);
    out.write.push_back(PutOutcome{{sequence, result}});
    out.outcomes.push_back({sequence, std::move(result)});
}

}  // namespace esl::ap
