// The port to what the agent must not forget: tasks with their images, outcomes the broker has not acknowledged,
// leases, the last confirmed image of each tag, and a few settings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/contract/messages.hpp"
#include "common/core/bytes.hpp"
#include "common/core/ids.hpp"
#include "common/core/result.hpp"

namespace esl::ap {

enum class StoreError { broken };
constexpr std::string_view describe(StoreError) {
    return "agent's store failed";
}

// A task without its image bytes (`task.image` is empty), which are shared by tasks with the same picture.
struct StoredTask {
    contract::Task task;
    std::shared_ptr<const Bytes> image;  // zlib stream; never null
};

// An outcome that the service has not been told for certain. `sequence` grows.
struct StoredOutcome {
    std::uint64_t sequence = 0;
    contract::TaskResult result;
};

// The agent's own evidence of what a tag shows: the tag itself confirmed this image, and nothing was sent to it since.
struct Confirmed {
    std::uint32_t image_id = 0;
    UnixMillis at{};
    bool operator==(const Confirmed&) const = default;
};

struct TagRecord {
    TagId tag;
    std::uint64_t highest = 0;  // version
    std::uint64_t epoch = 0;    // of the lease
    bool leased = false;        // false with an epoch: dropped, that epoch and those below are refused
    std::optional<Confirmed> confirmed;
    std::optional<contract::TaskResult> last;  // of the highest finished version
};

// What one step of the core writes: all or nothing.
struct PutTask {
    StoredTask task;
};
struct DropTask {
    TagId tag;
    std::uint64_t version = 0;
};
struct PutOutcome {
    StoredOutcome outcome;
};
struct DropOutcome {
    std::uint64_t sequence = 0;
};
struct PutTag {
    TagRecord record;
};
struct PutSetting {
    std::string key;
    std::string value;
};
using StoreOp = std::variant<PutTask, DropTask, PutOutcome, DropOutcome, PutTag, PutSetting>;
using StoreBatch = std::vector<StoreOp>;

struct Snapshot {
    std::vector<StoredTask> tasks;
    std::vector<StoredOutcome> outcomes;  // by sequence
    std::vector<TagRecord> tags;
    std::vector<PutSetting> settings;
};

// Threads: bound to the agent's executor; `done` runs there, later. Batches become durable in the order of write(),
// each whole or not at all. After an error nothing more is written: what the core believes and what is on disk would
// part.
class AgentStore {
public:
    using Done = std::function<void(Result<>)>;
    virtual ~AgentStore() = default;
    // Once, before the first write. A store that cannot be read throws (start-up failure).
    [[nodiscard]] virtual Snapshot load() = 0;
    virtual void write(StoreBatch batch, Done done) = 0;
    // Batches handed over and not yet durable.
    [[nodiscard]] virtual std::size_t backlog() const = 0;
};

}  // namespace esl::ap
