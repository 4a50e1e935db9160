// TaskEngine: what comes from the service and from the store.
#include <algorithm>

#include "ap-agent/core/task_engine.hpp"

namespace esl::ap {

using contract::FailClass;
using contract::TaskResult;
using contract::TaskState;

TaskEngine::TaskEngine(const Clock& clock, RetryPolicy retry, EngineLimits limits)
    : clock_(clock), retry_(retry), limits_(limits) {}

void TaskEngine::restore(const Snapshot& snapshot) {
    for (const auto& record : snapshot.tags) tags_[record.tag].record = record;
    for (const auto& stored : snapshot.tasks) {
        auto& tag = tags_[stored.task.tag];
        tag.record.tag = stored.task.tag;
        Pending pending;
        pending.task = stored.task;
        pending.order = ++last_order_;
        pending.task.image.assign(stored.image->begin(), stored.image->end());
        pending.image = share_image(pending.task);
        pending.task.image.clear();
        tag.pending.insert_or_assign(stored.task.version, std::move(pending));
        ++task_count_;
        steady_wakes_.emplace(clock_.steady(), stored.task.tag);
    }
    for (const auto& outcome : snapshot.outcomes) {
        outcomes_.emplace(outcome.sequence, outcome.result);
        last_sequence_ = std::max(last_sequence_, outcome.sequence);
    }
}

Effects TaskEngine::take(const contract::Tasks& tasks) {
    Effects out;
    for (const auto& task : tasks.tasks) take_one(task, out);
    hand_out(out);
    return out;
}

Effects TaskEngine::refuse(const contract::Tasks& tasks, const std::string& why) {
    Effects out;
    for (const auto& task : tasks.tasks) {
        auto result = result_of(task, TaskState::failed);
        result.failure = FailClass::internal;
        result.detail = why;
        out.progress.push_back(std::move(result));
    }
    return out;
}

void TaskEngine::take_one(const contract::Task& task, Effects& out) {
    Tag* known = find(task.tag);
    if (known != nullptr) {
        if (repeats_open(*known, task, out)) return;
        const auto& last = known->record.last;
        if (last && last->version == task.version && last->job == task.job && last->epoch == task.epoch) {
            out.progress.push_back(*last);
            return;
        }
    }
    if (auto refused = refusal(task, known)) {
        out.progress.push_back(std::move(*refused));
        return;
    }
    auto& tag = tags_[task.tag];
    tag.record.tag = task.tag;
    accept(tag, task, out);
}

// A task that the agent still has: it may come again under another job or a newer lease, which it then belongs to.
bool TaskEngine::repeats_open(Tag& tag, const contract::Task& task, Effects& out) {
    const auto open = tag.pending.find(task.version);
    if (open == tag.pending.end() || open->second.task.image_id != task.image_id) return false;
    auto& pending = open->second;
    if (task.epoch < tag.record.epoch || (!tag.record.leased && task.epoch == tag.record.epoch)) return false;
    // Given up only because its lease had ended: under the new one it is wanted again.
    if (pending.drop_as && (pending.drop_class != FailClass::lease || task.epoch <= pending.task.epoch)) return false;
    pending.drop_as.reset();
    pending.drop_class = FailClass::none;
    if (pending.task.job != task.job || pending.task.epoch != task.epoch) {
        pending.task.job = task.job;
        pending.task.epoch = task.epoch;
        tag.record.epoch = task.epoch;
        tag.record.leased = true;
        out.write.push_back(PutTask{{pending.task, pending.image}});
        out.write.push_back(PutTag{tag.record});
    }
    auto result = result_of(pending.task, TaskState::accepted);
    result.attempts = pending.attempts;
    out.progress.push_back(std::move(result));
    return true;
}

std::optional<TaskResult> TaskEngine::refusal(const contract::Task& task, const Tag* known) const {
    const auto failed = [&](FailClass failure, std::string detail) {
        auto result = result_of(task, TaskState::failed);
        result.failure = failure;
        result.detail = std::move(detail);
        return result;
    };
    if (known != nullptr) {
        const auto& r = known->record;
        if (task.epoch < r.epoch || (!r.leased && r.epoch > 0 && task.epoch == r.epoch)) {
            return failed(FailClass::lease, "epoch " + std::to_string(task.epoch) + " is past, the lease has " +
                                                std::to_string(r.epoch) + (r.leased ? "" : " and was dropped"));
        }
        if (task.version < r.highest) return result_of(task, TaskState::superseded);
        // The radio still has a task of this number that is being given up.
        if (known->pending.contains(task.version))
            return failed(FailClass::internal, "an earlier task is ending; send it again");
        if (known->pending.size() >= limits_.max_pending_per_tag) {
            return failed(FailClass::internal,
                          "the tag has " + std::to_string(known->pending.size()) + " tasks waiting");
        }
    } else if (tags_.size() >= limits_.max_tags) {
        return failed(FailClass::internal, "the agent knows " + std::to_string(tags_.size()) + " tags, no more fit");
    }
    if (task.expires && *task.expires <= clock_.wall()) return result_of(task, TaskState::expired);
    if (task_count_ >= limits_.max_tasks || task_count_ + outcomes_.size() >= 2 * limits_.max_tasks) {
        return failed(FailClass::internal, "the agent's queue is full (" + std::to_string(task_count_) + " tasks)");
    }
    if (*image_bytes_ + task.image.size() > limits_.max_image_bytes) {
        return failed(FailClass::internal, "the agent's image memory is full");
    }
    const auto picture = image::inflate(task.width, task.height, task.image);
    if (!picture) return failed(FailClass::image, picture.error().message());
    if (picture->crc() != task.image_id) return failed(FailClass::image, "image id does not match the image");
    if (const auto ok = picture->check(task.palette); !ok) return failed(FailClass::image, ok.error().message());
    return std::nullopt;
}

std::shared_ptr<const Bytes> TaskEngine::share_image(const contract::Task& task) {
    auto& slot = images_[task.image_id];
    if (auto shared = slot.lock()) return shared;
    *image_bytes_ += task.image.size();
    std::shared_ptr<const Bytes> made(new Bytes(task.image), [total = image_bytes_](const Bytes* gone) {
        *total -= gone->size();
        delete gone;
    });
    slot = made;
    return made;
}

void TaskEngine::accept(Tag& tag, const contract::Task& task, Effects& out) {
    Pending pending;
    pending.task = task;
    pending.image = share_image(task);
    pending.task.image.clear();
    pending.order = ++last_order_;
    ++task_count_;
    tag.record.highest = task.version;
    tag.record.epoch = task.epoch;
    tag.record.leased = true;
    out.write.push_back(PutTask{{pending.task, pending.image}});
    out.write.push_back(PutTag{tag.record});
    out.progress.push_back(result_of(task, TaskState::accepted));
    tag.pending.insert_or_assign(task.version, std::move(pending));
    end_older_epochs(tag, out);
    advance(tag, out);
}

Effects TaskEngine::lease(const contract::Lease& lease) {
    Effects out;
    std::set<TagId> named;
    for (const auto& entry : lease.add) {
        named.insert(entry.tag);
        if (find(entry.tag) == nullptr && tags_.size() >= limits_.max_tags) continue;
        auto& tag = tags_[entry.tag];
        tag.record.tag = entry.tag;
        if (entry.epoch < tag.record.epoch || (entry.epoch == tag.record.epoch && tag.record.leased)) continue;
        tag.record.epoch = entry.epoch;
        tag.record.leased = true;
        out.write.push_back(PutTag{tag.record});
        end_older_epochs(tag, out);
        advance(tag, out);
    }
    for (const auto& id : lease.drop) {
        if (auto* tag = find(id); tag != nullptr) drop_lease(*tag, out);
    }
    if (lease.full) {
        for (auto& [id, tag] : tags_) {
            if (!named.contains(id)) drop_lease(tag, out);
        }
    }
    hand_out(out);
    return out;
}

void TaskEngine::drop_lease(Tag& tag, Effects& out) {
    if (!tag.record.leased) return;
    tag.record.leased = false;
    out.write.push_back(PutTag{tag.record});
    std::vector<std::uint64_t> all;
    for (const auto& [version, pending] : tag.pending) all.push_back(version);
    for (const auto version : all) overtake(tag, version, TaskState::failed, FailClass::lease, out);
}

void TaskEngine::end_older_epochs(Tag& tag, Effects& out) {
    std::vector<std::uint64_t> old;
    for (const auto& [version, pending] : tag.pending) {
        if (pending.task.epoch < tag.record.epoch) old.push_back(version);
    }
    for (const auto version : old) overtake(tag, version, TaskState::failed, FailClass::lease, out);
}

Effects TaskEngine::outcome_delivered(const std::vector<std::uint64_t>& sequences) {
    Effects out;
    for (const auto sequence : sequences) {
        if (outcomes_.erase(sequence) > 0) out.write.push_back(DropOutcome{sequence});
    }
    return out;
}

std::vector<StoredOutcome> TaskEngine::undelivered(std::uint64_t after, std::size_t limit) const {
    std::vector<StoredOutcome> out;
    for (auto it = outcomes_.upper_bound(after); it != outcomes_.end() && out.size() < limit; ++it) {
        out.push_back({it->first, it->second});
    }
    return out;
}

std::vector<TaskResult> TaskEngine::untold() const {
    std::vector<TaskResult> out;
    for (const auto& [id, tag] : tags_) {
        for (const auto& [version, pending] : tag.pending) {
            if (pending.told || pending.drop_as) continue;
            auto result = result_of(pending.task, TaskState::accepted);
            result.attempts = pending.attempts;
            out.push_back(std::move(result));
        }
    }
    return out;
}

void TaskEngine::told(const TaskKey& key) {
    if (auto* pending = find(key); pending != nullptr) pending->told = true;
}

std::optional<std::uint32_t> TaskEngine::shown(TagId tag) const {
    const auto found = tags_.find(tag);
    if (found == tags_.end() || !found->second.record.confirmed) return std::nullopt;
    return found->second.record.confirmed->image_id;
}

TaskResult TaskEngine::result_of(const contract::Task& task, TaskState state) const {
    TaskResult out;
    out.tag = task.tag;
    out.version = task.version;
    out.job = task.job;
    out.state = state;
    out.image_id = task.image_id;
    out.epoch = task.epoch;
    out.at = clock_.wall();
    return out;
}

TaskEngine::Tag* TaskEngine::find(TagId tag) {
    const auto found = tags_.find(tag);
    return found == tags_.end() ? nullptr : &found->second;
}

TaskEngine::Pending* TaskEngine::find(const TaskKey& key) {
    auto* tag = find(key.tag);
    if (tag == nullptr) return nullptr;
    const auto found = tag->pending.find(key.version);
    return found == tag->pending.end() ? nullptr : &found->second;
}

}  // namespace esl::ap
