// The messages between service and AP: CBOR (RFC 8949) maps, described in docs/formats/contract.md. All types are plain
// values. Encoding never fails; decoding takes bytes from outside and says what was wrong and where, e.g.
// "malformed: tasks[3].image: expected bytes". Unknown fields are ignored; an unknown kind is
// ContractError::unknown_kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/core/ids.hpp"
#include "common/core/result.hpp"
#include "common/image/tag_image.hpp"

namespace esl::contract {

inline constexpr std::uint64_t kVersion = 1;
// A broker in apsara mode takes 64 KB; the rest is left for its own properties.
inline constexpr std::size_t kMaxPayload = 60 * 1024;

enum class ContractError { malformed, unsupported_version, unknown_kind, too_large };
constexpr std::string_view describe(ContractError e) {
    switch (e) {
        case ContractError::malformed:
            return "malformed";
        case ContractError::unsupported_version:
            return "unsupported contract version";
        case ContractError::unknown_kind:
            return "unknown kind of message";
        case ContractError::too_large:
            return "message too large";
    }
    return "contract error";
}

// ---- service -> AP ------------------------------------------------------------------------------------------------

// Show this image on this tag. (tag, version) names the task: an AP does each at most once and drops a version below
// the highest it has seen for the tag.
struct Task {
    TagId tag;
    std::uint64_t version = 0;   // of the tag's desired state; grows
    std::string job;             // UUIDv7 of the service's job
    std::uint32_t image_id = 0;  // TagImage::crc()
    unsigned width = 0;
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;
    Bytes image;                           // zlib stream of the canonical image
    std::uint8_t slot = 0;                 // where a tag with several image slots keeps it
    std::uint64_t epoch = 0;               // of the tag's lease to this AP
    std::uint8_t priority = 5;             // 0 first, 9 last
    std::optional<UnixMillis> not_before;  // absent: at once
    std::optional<UnixMillis> expires;     // absent: never
    bool operator==(const Task&) const = default;
};
struct Tasks {
    std::vector<Task> tasks;
    bool operator==(const Tasks&) const = default;
};

enum class CommandKind { led, identify, refresh, read_sensors, unbind, poll_policy, permit_join, ota };
[[nodiscard]] std::string_view name(CommandKind kind);
struct Command {
    std::string id;  // UUIDv7; the answer repeats it
    CommandKind kind = CommandKind::identify;
    std::optional<TagId> tag;   // absent: the AP itself (permit_join)
    std::string colour;         // led: "red", "green", "blue", "off"
    std::uint32_t seconds = 0;  // led: how long; permit_join: how long, 0 closes
    bool operator==(const Command&) const = default;
};

struct LeaseEntry {
    TagId tag;
    std::uint64_t epoch = 0;
    bool operator==(const LeaseEntry&) const = default;
};
// Tags this AP serves from now on, and those it no longer does. `full`: tags not named in `add` are no longer leased.
struct Lease {
    bool full = false;
    std::vector<LeaseEntry> add;
    std::vector<TagId> drop;
    bool operator==(const Lease&) const = default;
};
// The service's wall clock, for an AP without one of its own.
struct TimeNotice {
    UnixMillis now{};
    bool operator==(const TimeNotice&) const = default;
};
// The AP belongs to this store from now on; it keeps that over restarts.
struct ApConfig {
    std::string store;
    std::uint32_t full_report_seconds = 0;  // 0: the AP's own default
    bool operator==(const ApConfig&) const = default;
};

using Downlink = std::variant<Tasks, Command, Lease, TimeNotice, ApConfig>;

// ---- AP -> service ------------------------------------------------------------------------------------------------

enum class TaskState { accepted, transferring, displayed, failed, superseded, expired };
[[nodiscard]] std::string_view name(TaskState state);
enum class FailClass { none, unreachable, rejected, timeout, image, low_battery, lease, radio, internal };
[[nodiscard]] std::string_view name(FailClass failure);

// How far one task has come. accepted: in the AP's durable store. displayed: the tag itself gave evidence.
struct TaskResult {
    TagId tag;
    std::uint64_t version = 0;
    std::string job;
    TaskState state = TaskState::accepted;
    std::uint32_t image_id = 0;  // displayed: what the tag shows now
    std::uint64_t epoch = 0;
    FailClass failure = FailClass::none;  // failed only
    std::int64_t code = 0;                // failed: the radio's own code
    std::string detail;                   // failed: for a person
    std::uint32_t attempts = 0;
    UnixMillis at{};                    // when this state was reached, AP's clock
    std::optional<UnixMillis> started;  // first byte to the tag
    bool operator==(const TaskResult&) const = default;
};
struct ResultReport {
    std::string ap;  // client id
    std::vector<TaskResult> results;
    bool operator==(const ResultReport&) const = default;
};

enum class TagEvent { seen, joined, left };
[[nodiscard]] std::string_view name(TagEvent event);
struct Sighting {
    TagId tag;
    TagEvent event = TagEvent::seen;
    std::string radio;   // "bluez", "znp"
    std::string model;   // "gicisky-0033", "price-display"
    unsigned width = 0;  // of the canonical image that the tag takes
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;
    std::int32_t rssi = 0;  // dBm
    std::optional<std::uint32_t> battery_mv;
    std::optional<std::uint8_t> battery_percent;
    std::string firmware;
    std::optional<std::uint32_t> shown_image_id;  // only when the tag says it or the AP has evidence of it
    UnixMillis at{};
    bool operator==(const Sighting&) const = default;
};
struct TagsReport {
    std::string ap;
    bool full = false;  // all tags this AP hears; otherwise what changed
    std::vector<Sighting> tags;
    bool operator==(const TagsReport&) const = default;
};

struct RadioInfo {
    std::string name;   // "bluez:hci0", "znp:tcp://127.0.0.1:1"
    std::string state;  // "up", "starting", "gone"
    std::uint32_t tags = 0;
    std::uint64_t refused = 0;  // since the agent's start: what came from the radio's side in a form that is not known
    bool operator==(const RadioInfo&) const = default;
};
// Sent after every connect. `boot` is new at each start of the agent: the service then sends open tasks again.
struct ApHello {
    std::string ap;
    std::string software;
    std::string boot;  // UUIDv7
    std::vector<RadioInfo> radios;
    std::uint64_t queued = 0;  // tasks the AP still has
    UnixMillis at{};
    bool operator==(const ApHello&) const = default;
};
struct ApHealth {
    std::string ap;
    std::vector<RadioInfo> radios;
    std::uint64_t queued = 0;
    std::uint64_t uptime_seconds = 0;
    UnixMillis at{};
    bool operator==(const ApHealth&) const = default;
};
struct ApLog {
    std::string ap;
    std::string level;
    std::string message;
    UnixMillis at{};
    bool operator==(const ApLog&) const = default;
};
// The AP's will, and its goodbye.
struct ApOffline {
    std::string ap;
    std::string boot;
    bool operator==(const ApOffline&) const = default;
};
// Answer to a Command, or to a message that the AP did not understand (`id` empty).
struct CommandAnswer {
    std::string ap;
    std::string id;
    bool ok = false;
    std::string detail;
    bool operator==(const CommandAnswer&) const = default;
};

using Uplink = std::variant<ResultReport, TagsReport, ApHello, ApHealth, ApLog, ApOffline, CommandAnswer>;

[[nodiscard]] Bytes encode(const Downlink& message);
[[nodiscard]] Bytes encode(const Uplink& message);
[[nodiscard]] Result<Downlink> decode_downlink(BytesView cbor);
[[nodiscard]] Result<Uplink> decode_uplink(BytesView cbor);

// What one task adds to a Tasks message at most, for cutting batches below kMaxPayload.
[[nodiscard]] std::size_t encoded_bound(const Task& task);

}  // namespace esl::contract
