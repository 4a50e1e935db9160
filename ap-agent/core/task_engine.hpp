// Which image goes to which tag, and what the service is told: the agent's rules, without I/O.
//
// Every call that changes something returns Effects. The caller carries them out in this order: `cancel` at once, then
// `write` durably, and only when that is on disk `progress`, `outcomes` and `begin`. So a task is called accepted only
// when a restart would still know it, an outcome is published only when it would be published again, and no byte goes
// to a tag while the store still vouches for what the tag showed before.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "ap-agent/core/retry_policy.hpp"
#include "ap-agent/ports/agent_store.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/contract/messages.hpp"
#include "common/core/clock.hpp"

namespace esl::ap {

struct EngineLimits {
    std::size_t max_tasks = 20'000;                  // one more is failed(internal), and may be sent again
    std::size_t max_tags = 50'000;                   // tags with a record; a task for one more is refused alike
    std::size_t max_image_bytes = 96 * 1024 * 1024;  // of all tasks' distinct images, as carried (compressed)
    std::size_t max_pending_per_tag = 8;             // versions that wait for their not_before
    std::size_t max_running = 256;                   // handed to the radios of one kind of tag
};

struct TaskKey {
    TagId tag;
    std::uint64_t version = 0;
    auto operator<=>(const TaskKey&) const = default;
};

struct Effects {
    std::vector<TagId> cancel;
    StoreBatch write;
    std::vector<contract::TaskResult> progress;  // accepted, transferring: told once, not kept
    std::vector<StoredOutcome> outcomes;         // kept until outcome_delivered()
    std::vector<TaskKey> begin;                  // ask begin() for each
};

// Bound to one thread.
class TaskEngine {
public:
    TaskEngine(const Clock& clock, RetryPolicy retry, EngineLimits limits);

    // Once, first. All tasks wait again; what a radio did with them before is unknown.
    void restore(const Snapshot& snapshot);

    [[nodiscard]] Effects take(const contract::Tasks& tasks);
    // For tasks that cannot be stored at all now: each becomes failed(internal) and may be sent again.
    [[nodiscard]] Effects refuse(const contract::Tasks& tasks, const std::string& why);
    [[nodiscard]] Effects lease(const contract::Lease& lease);
    // What is due by the clock: not_before, expiry, back-off.
    [[nodiscard]] Effects tick();
    // When tick() next has something to do; nothing when only an event can bring work.
    [[nodiscard]] std::optional<std::chrono::milliseconds> until_next_tick() const;

    // The update to hand to the radio; nothing when it was overtaken since. The image is decoded here.
    [[nodiscard]] std::optional<UpdateRequest> begin(const TaskKey& key);
    [[nodiscard]] Effects transfer_started(const TaskKey& key);
    [[nodiscard]] Effects finished(const TaskKey& key, const UpdateOutcome& outcome);
    [[nodiscard]] Effects sighted(const TagSighting& sighting);
    // A radio for this kind of tag is up again: what waited for it is due.
    [[nodiscard]] Effects radio_up(TagId::Kind kind);

    [[nodiscard]] Effects outcome_delivered(const std::vector<std::uint64_t>& sequences);
    // Outcomes not yet delivered, at most `limit`, oldest first, that are above `after`.
    [[nodiscard]] std::vector<StoredOutcome> undelivered(std::uint64_t after, std::size_t limit) const;
    // `accepted` of tasks for which the service was not told it for certain (told() not called).
    [[nodiscard]] std::vector<contract::TaskResult> untold() const;
    void told(const TaskKey& key);

    [[nodiscard]] std::size_t queued() const { return task_count_; }
    [[nodiscard]] std::size_t running() const { return running_[0] + running_[1]; }
    [[nodiscard]] std::size_t undelivered_count() const { return outcomes_.size(); }
    // The image that the agent has evidence of, for sightings.
    [[nodiscard]] std::optional<std::uint32_t> shown(TagId tag) const;

private:
    enum class Stage {
        waiting,   // for not_before, a back-off, or a sighting
        ready,     // in ready_
        starting,  // in Effects::begin, not with the radio yet
        running,   // with the radio
    };
    struct Pending {
        contract::Task task;  // without image bytes
        std::shared_ptr<const Bytes> image;
        Stage stage = Stage::waiting;
        std::uint64_t order = 0;  // of arrival
        unsigned rounds = 0;
        std::uint32_t attempts = 0;
        std::optional<UnixMillis> started;
        std::optional<SteadyTime> not_until;  // back-off
        bool waits_for_sighting = false;
        bool waits_for_radio = false;
        bool told = false;
        std::optional<contract::TaskState> drop_as;  // overtaken while starting or running
        contract::FailClass drop_class = contract::FailClass::none;
        std::optional<Confirmed> before;  // what was confirmed when the radio got the task
    };
    struct Tag {
        TagRecord record;
        std::map<std::uint64_t, Pending> pending;  // by version
    };
    using Ready = std::set<std::tuple<std::uint8_t, std::uint64_t, TagId, std::uint64_t>>;

    [[nodiscard]] static std::size_t index(TagId tag) { return tag.is_eui48() ? 0 : 1; }
    void take_one(const contract::Task& task, Effects& out);
    [[nodiscard]] bool repeats_open(Tag& tag, const contract::Task& task, Effects& out);
    [[nodiscard]] std::optional<contract::TaskResult> refusal(const contract::Task& task, const Tag* known) const;
    void accept(Tag& tag, const contract::Task& task, Effects& out);
    [[nodiscard]] std::shared_ptr<const Bytes> share_image(const contract::Task& task);
    void drop_lease(Tag& tag, Effects& out);
    void end_older_epochs(Tag& tag, Effects& out);

    void advance(Tag& tag, Effects& out);
    void overtake(Tag& tag, std::uint64_t version, contract::TaskState as, contract::FailClass failure, Effects& out);
    void hand_out(Effects& out);
    void make_ready(Tag& tag, Pending& pending);
    void unready(const Pending& pending);
    void wait_for_retry(Tag& tag, Pending& pending, const UpdateOutcome& outcome);
    void wake_at(const Tag& tag, const Pending& pending);
    void finish(Tag& tag, std::uint64_t version, contract::TaskResult result, Effects& out);
    void add_outcome(contract::TaskResult result, Effects& out);
    [[nodiscard]] contract::TaskResult result_of(const contract::Task& task, contract::TaskState state) const;
    [[nodiscard]] Tag* find(TagId tag);
    [[nodiscard]] Pending* find(const TaskKey& key);

    const Clock& clock_;
    const RetryPolicy retry_;
    const EngineLimits limits_;
    std::unordered_map<TagId, Tag> tags_;
    std::map<std::uint64_t, contract::TaskResult> outcomes_;
    std::map<std::uint32_t, std::weak_ptr<const Bytes>> images_;
    std::array<Ready, 2> ready_;
    std::array<std::size_t, 2> running_{};
    std::set<std::pair<UnixMillis, TagId>> wall_wakes_;
    std::set<std::pair<SteadyTime, TagId>> steady_wakes_;
    std::shared_ptr<std::size_t> image_bytes_ = std::make_shared<std::size_t>(0);
    std::size_t task_count_ = 0;
    std::uint64_t last_order_ = 0;
    std::uint64_t last_sequence_ = 0;
};

}  // namespace esl::ap
