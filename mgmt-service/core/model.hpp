// What the management service keeps: plain records, named as in openapi.yaml. Money is integer minor units in the
// currency of the record's store; times are Unix milliseconds UTC. Immutable copies may be passed between threads.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/core/ids.hpp"
#include "common/core/result.hpp"
#include "common/image/tag_image.hpp"

namespace esl::mgmt {

enum class ServiceError {
    not_found,               // no such store, AP, tag, product, change, job
    invalid,                 // a value is not acceptable; `about` says which field and why
    conflict,                // not possible in the present state
    precondition_failed,     // If-Match does not fit
    idempotency_key_reused,  // same key, another request
    forbidden,               // not by this caller, whatever its rights elsewhere; `about` says why
    unavailable,             // stopping, or a queue is full: try again
};
constexpr std::string_view describe(ServiceError e) {
    switch (e) {
        case ServiceError::not_found:
            return "not found";
        case ServiceError::invalid:
            return "not acceptable";
        case ServiceError::conflict:
            return "conflict";
        case ServiceError::precondition_failed:
            return "precondition failed";
        case ServiceError::idempotency_key_reused:
            return "idempotency key used for another request";
        case ServiceError::forbidden:
            return "not allowed";
        case ServiceError::unavailable:
            return "unavailable";
    }
    return "service error";
}

struct Store {
    std::string id;  // [a-z0-9-]{1,16}
    std::string name;
    std::string currency;  // ISO 4217
    std::string locale = "en";
    UnixMillis created_at{};
    bool operator==(const Store&) const = default;
};

struct Ap {
    std::string id;                    // MQTT client id
    std::optional<std::string> store;  // absent until claimed
    std::string name;
    bool online = false;
    UnixMillis since{};  // online or offline since
    std::string software;
    std::string boot;                 // of its last hello
    std::vector<std::string> radios;  // "bluez:hci0", "znp:tcp://…"; the kind is what stands before the first ':'
    std::uint64_t queue = 0;          // updates it has accepted and not finished, as it says
    std::optional<UnixMillis> permit_join_until;
    UnixMillis last_seen{};
    bool operator==(const Ap&) const = default;
};

struct Panel {
    unsigned width = 0;
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;
    bool operator==(const Panel&) const = default;
};
[[nodiscard]] std::string text(const Panel& panel);  // "296x128-bwr"
[[nodiscard]] Result<Panel> panel_from(std::string_view text);

struct Promotion {
    std::int64_t price = 0;  // minor units
    std::optional<std::int64_t> prior_price;
    UnixMillis from{};
    UnixMillis to{};  // first moment at which it no longer holds
    bool operator==(const Promotion&) const = default;
};

// One price in force: from its time on until the next point of the same product. Append-only.
struct PricePoint {
    std::string store;
    std::string product;
    UnixMillis from{};
    std::optional<std::int64_t> price;  // absent: no price from here on
    bool promotion = false;
    std::string change;
    bool operator==(const PricePoint&) const = default;
};

struct Product {
    std::string store;
    std::string id;  // GTIN-14 or item code
    std::string name;
    std::string brand;
    std::string quantity;  // decimal as text; empty when unknown
    std::string unit;
    std::optional<std::int64_t> price;  // minor units
    std::optional<Promotion> promotion;
    std::string url;
    std::uint64_t version = 0;  // grows with each write; the ETag
    UnixMillis updated_at{};
    bool operator==(const Product&) const = default;

    [[nodiscard]] bool in_promotion(UnixMillis now) const {
        return promotion && promotion->from <= now && now < promotion->to;
    }
    // What the shelf says at that moment.
    [[nodiscard]] std::optional<std::int64_t> price_at(UnixMillis now) const {
        return in_promotion(now) ? std::optional(promotion->price) : price;
    }
};

// How an image is named: CRC-32 on the air, SHA-256 (lower-case hex) of the same bytes for store and audit.
struct ImageRef {
    std::uint32_t crc = 0;
    std::string sha;
    bool operator==(const ImageRef&) const = default;
};
struct StoredImage {
    ImageRef ref;
    unsigned width = 0;
    unsigned height = 0;
    Bytes deflated;
    bool operator==(const StoredImage&) const = default;
};

struct Desired {
    std::uint64_t version = 0;
    ImageRef image;
    UnixMillis at{};  // when it became wanted
    UnixMillis not_before{};
    std::optional<UnixMillis> expires;
    std::string change;
    std::string inputs;  // hash of what it was drawn from
    bool operator==(const Desired&) const = default;
};
// What the tag is to show from a later moment on, given to its AP ahead so that it happens there also while we are
// away.
struct Planned {
    UnixMillis at{};            // the moment
    std::uint64_t version = 0;  // of the task; 0: the picture is the one of now, so nothing is sent
    ImageRef image;
    std::string inputs;  // hash of what it was drawn from
    std::string job;     // id of the job that is made at that moment
    UnixMillis created_at{};
    std::optional<UnixMillis> expires;
    std::optional<UnixMillis> sent_at;
    std::optional<UnixMillis> accepted_at;  // in the AP's durable store since
    bool operator==(const Planned&) const = default;
};
struct Reported {
    std::uint64_t version = 0;
    ImageRef image;
    UnixMillis at{};  // when the tag confirmed
    bool operator==(const Reported&) const = default;
};
struct Failure {
    std::string kind;  // class of docs/formats/contract.md, or "no_ap", "render"
    std::optional<std::int64_t> code;
    std::string detail;
    UnixMillis at{};
    std::uint32_t attempts = 0;
    bool operator==(const Failure&) const = default;
};
struct Battery {
    std::optional<std::uint8_t> percent;
    std::optional<std::uint32_t> millivolts;
    UnixMillis at{};
    [[nodiscard]] bool low() const {
        return (percent && *percent <= 15) || (!percent && millivolts && *millivolts < 2'500);
    }
    bool operator==(const Battery&) const = default;
};

struct Tag {
    TagId id;
    std::optional<std::string> store;
    std::optional<std::string> ap;  // holds the lease
    std::uint64_t epoch = 0;        // of that lease; grows with each move
    std::string radio;
    std::string model;
    std::string firmware;
    Panel panel;
    std::vector<std::string> products;  // bound product ids, the first is the main one
    std::optional<std::string> template_id;
    std::string position;
    std::uint64_t version = 0;  // highest ever given to a task of this tag
    std::optional<Desired> desired;
    std::optional<Planned> planned;
    std::optional<Reported> reported;
    std::optional<Failure> failure;  // of the last attempt for the wanted version
    std::optional<Battery> battery;
    std::optional<std::int32_t> rssi;
    UnixMillis first_seen{};
    UnixMillis last_seen{};
    std::uint64_t revision = 0;        // grows with each binding; the ETag
    std::optional<std::string> dirty;  // change whose effect on this tag is not drawn yet
    bool operator==(const Tag&) const = default;
};

enum class TagStatus { shown, pending, failed, unknown };
[[nodiscard]] std::string_view name(TagStatus status);
[[nodiscard]] std::optional<TagStatus> tag_status_from(std::string_view name);
// From desired, reported and failure alone.
[[nodiscard]] TagStatus status_of(const Tag& tag);

enum class ChangeState { draft, awaiting_approval, scheduled, running, done, partly_failed, cancelled };
[[nodiscard]] std::string_view name(ChangeState state);
[[nodiscard]] std::optional<ChangeState> change_state_from(std::string_view name);

// What moves a change from state to state (core/change_flow.hpp).
enum class ChangeAction { create, edit, submit, recheck, approve, reject, discard, start, resume, finish, cancel };
inline constexpr std::size_t kChangeActions = 11;
[[nodiscard]] std::string_view name(ChangeAction action);

enum class JobState { fresh, queued, sent, accepted, transferring, displayed, failed, superseded, expired, cancelled };
inline constexpr std::size_t kJobStates = 10;
[[nodiscard]] std::string_view name(JobState state);  // `fresh` is "new"
[[nodiscard]] std::optional<JobState> job_state_from(std::string_view name);
// Displayed, superseded, expired and cancelled jobs never move again; a failed one is tried again.
[[nodiscard]] constexpr bool is_final(JobState s) {
    return s == JobState::displayed || s == JobState::superseded || s == JobState::expired || s == JobState::cancelled;
}

struct PriceAndPromotion {
    std::optional<std::int64_t> price;
    std::optional<Promotion> promotion;
    bool operator==(const PriceAndPromotion&) const = default;
};
// The least that a person must be to approve; in rising order.
enum class ApproverRole { operator_, store_manager, chain_admin };
[[nodiscard]] std::string_view name(ApproverRole role);
[[nodiscard]] std::optional<ApproverRole> approver_role_from(std::string_view name);

// When a change waits for another person. Of one store, or with an empty `store` of the chain, for all stores whose own
// rule inherits (as it does until somebody writes it).
struct ApprovalRule {
    std::string store;
    bool inherits = false;
    std::optional<std::uint32_t> max_up_percent, max_down_percent;  // more than that needs approval; absent: no limit
    std::optional<std::uint32_t> max_items;                         // likewise
    ApproverRole role = ApproverRole::store_manager;
    std::uint64_t version = 0;  // grows with each write; the ETag
    [[nodiscard]] bool on() const { return max_up_percent || max_down_percent || max_items; }
    bool operator==(const ApprovalRule&) const = default;
};
enum class TripKind { price, promotion };
// How far an item went beyond a limit: per mille of the price before, below zero for down.
struct Trip {
    TripKind kind = TripKind::price;
    std::int64_t per_mille = 0;
    bool operator==(const Trip&) const = default;
};
// Why a change waits: the limits of the rule at the time, and how many items went beyond.
struct ApprovalNeed {
    ApproverRole role = ApproverRole::store_manager;
    std::optional<std::uint32_t> max_up_percent, max_down_percent, max_items;
    std::uint32_t tripped = 0;
    bool too_many = false;  // more items than max_items
    bool operator==(const ApprovalNeed&) const = default;
};

struct ChangeItem {
    std::string change;
    std::uint32_t index = 0;
    std::string product;
    std::optional<PriceAndPromotion> before;  // absent for a new product
    PriceAndPromotion after;
    bool sets_price = false;  // what of `after` this item decides; the rest only was so
    bool sets_promotion = false;
    std::vector<Trip> trips{};  // why it needs approval
    bool operator==(const ChangeItem&) const = default;
};

struct Change {
    std::string id;  // UUIDv7
    std::string store;
    ChangeState state = ChangeState::running;
    std::string kind;  // price, import, promotion, product, binding, repair
    std::string title;
    UnixMillis created_at{};
    std::string created_by;  // actor
    UnixMillis at{};         // when it comes or came into force
    std::optional<UnixMillis> finished_at;
    std::uint32_t items_total = 0;
    std::uint32_t jobs_total = 0;
    std::array<std::uint32_t, kJobStates> counts{};  // by JobState
    std::optional<std::int64_t> p50_ms;              // from `at` to displayed
    std::optional<std::int64_t> p99_ms;
    std::uint64_t version = 1;               // grows with what is to be seen before approving: items, moment, reasons
    std::vector<std::string> authors{};      // who made, edited or submitted it: none of them may approve
    std::optional<ApprovalNeed> approval{};  // since it was last submitted
    bool operator==(const Change&) const = default;

    [[nodiscard]] std::uint32_t count(JobState s) const { return counts[static_cast<std::size_t>(s)]; }
};

// One moment in the life of a change; append-only.
struct ChangeStep {
    std::string change;
    ChangeState state = ChangeState::running;  // from here on
    ChangeAction action = ChangeAction::create;
    UnixMillis at{};
    std::string actor;
    std::string note;  // what the actor said, or why
    bool operator==(const ChangeStep&) const = default;
};

struct Job {
    std::string id;  // UUIDv7
    std::string change;
    std::string store;
    TagId tag;
    std::optional<std::string> ap;
    std::uint64_t version = 0;
    ImageRef image;
    JobState state = JobState::fresh;
    std::optional<Failure> failure;
    std::uint32_t attempts = 0;  // as the APs counted them, over all tries
    std::uint32_t tries = 0;     // tasks with a version of their own
    UnixMillis created_at{};
    UnixMillis due{};  // from here the time to displayed is counted
    UnixMillis updated_at{};
    bool operator==(const Job&) const = default;
};
struct JobStep {
    std::string job;
    JobState state = JobState::fresh;
    UnixMillis at{};
    std::string actor;
    std::string detail;
    bool operator==(const JobStep&) const = default;
};

// The first answer to a request with an Idempotency-Key: a change that was made, or the answer itself.
struct Idempotency {
    std::string actor;
    std::string key;
    std::string digest;  // of the request
    std::string change;
    UnixMillis at{};
    int status = 0;         // 0: the answer is the change
    std::string headers{};  // JSON object
    std::string body{};
    bool operator==(const Idempotency&) const = default;
};

// One entry for the audit log; empty fields are left out of it. `before` and `after` are JSON texts.
struct AuditEntry {
    UnixMillis at{};
    std::string actor;   // user:<name>, token:<name>, ap:<client id>, service
    std::string action;  // "job.displayed"
    std::string object;  // "tag:<id>"
    std::string store;
    std::string change;
    std::string job;
    std::string tag;
    std::string source;
    std::string before;
    std::string after;
    bool operator==(const AuditEntry&) const = default;
};

}  // namespace esl::mgmt
