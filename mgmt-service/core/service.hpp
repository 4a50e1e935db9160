// The management service as its REST interface sees it.
//
// Threads: thread-safe; every call blocks (until its effect is on disk and in the audit log, for a write), so call it
// on a worker pool, never on an io_context thread. Reads may show what is a few milliseconds short of being on disk.
// Errors:  ServiceError, with the field and the reason in `about`.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <variant>

#include "mgmt-service/core/model.hpp"

namespace esl::mgmt {

class TaskStore;
class ImageRenderer;
class AuditSink;
class ApLink;

// On whose behalf: `actor` is "user:ana", "token:erp" or "service"; `source` the address the request came from.
struct Caller {
    std::string actor = "service";
    std::string source;
    std::optional<ApproverRole> approves{};  // as what a person may approve; absent for machines
};

struct PageRequest {
    std::size_t limit = 100;  // 1 to 500
    std::string cursor;       // opaque, from Page::next; a bad one is ServiceError::invalid
};
template <class T>
struct Page {
    std::vector<T> items;
    std::optional<std::string> next;
    std::uint64_t total = 0;
};

struct StoreView {
    Store store;
    std::uint64_t products = 0, tags = 0, aps = 0;
};
struct ApView {
    Ap ap;
    std::uint64_t tags = 0;  // leases it holds
};
struct ProductName {
    std::string id;
    std::string name;
};
struct TagView {
    Tag tag;
    TagStatus status = TagStatus::unknown;
    bool late = false;
    std::vector<ProductName> products;
};
struct TagOfProduct {
    TagId id;
    Panel panel;
    TagStatus status = TagStatus::unknown;
};
struct ProductView {
    Product product;
    std::optional<std::int64_t> price_now;
    std::vector<TagOfProduct> tags;
};
struct ChangeItemView {
    ChangeItem item;
    std::string name;  // of the product, as it is now
};
struct ChangeDetail {
    Change change;
    std::vector<ChangeItemView> items;  // the first 200
    std::vector<ChangeStep> steps;      // oldest first
};
struct JobDetail {
    Job job;
    std::vector<JobStep> steps;  // oldest first
};

struct TagFilter {
    std::optional<std::string> store;
    std::optional<TagStatus> status;
    std::optional<std::string> ap;
    std::optional<bool> bound, low_battery, late;
    std::string q;
};
struct ProductFilter {
    std::string store;
    std::string q;
    std::optional<bool> bound, promotion;
};
struct ChangeFilter {
    std::optional<std::string> store;
    std::optional<ChangeState> state;
};
struct JobFilter {
    std::optional<std::string> change, store;
    std::optional<TagId> tag;
    std::optional<JobState> state;
};

struct StoreWrite {
    std::string name, currency, locale = "en";
};

// A product as it is to be. `merge`: empty texts and absent values leave what the product has (rows of a file);
// otherwise all of it is replaced.
struct ProductWrite {
    std::string id;  // checked and padded by the caller
    std::string name, brand, quantity, unit, url;
    std::optional<std::int64_t> price;
    std::optional<Promotion> promotion;  // without prior_price: the lowest price of the 30 days before is filled in
};
enum class Verdict { created, updated, unchanged, rejected };
[[nodiscard]] std::string_view name(Verdict verdict);
struct RowVerdict {
    Verdict verdict = Verdict::unchanged;
    std::string reason;  // rejected only: "no_name", "bad_price", "bad_promotion"
    std::string detail;
};
struct UpsertOptions {
    bool merge = false;
    bool dry_run = false;
    std::string kind = "import";  // of the change, if one is needed
    std::string title{};
    std::optional<std::string> change{};        // go on with the change of an earlier batch
    std::optional<std::uint64_t> if_version{};  // If-Match; with a single row
    // Rows of one file are judged together at its end: with a rule in force the prices of products that are there wait
    // in a draft until Service::submit_change().
    bool whole_file = false;
    std::optional<std::string> held{};  // go on with the draft of an earlier batch
};
struct UpsertOutcome {
    std::vector<RowVerdict> verdicts;   // one a row, in order
    std::optional<std::string> change;  // when a tag is to look different; pass it on with the next batch
    std::optional<std::string> held;    // the change that has the prices which are not in force yet; likewise
};

struct ChangeItemWrite {
    std::string product;
    std::optional<std::int64_t> price;
    bool set_promotion = false;  // true with an absent promotion: end the present one
    std::optional<Promotion> promotion;
};
struct NewChange {
    std::string store;
    std::string title;
    std::optional<UnixMillis> at;        // in the future: scheduled
    std::vector<ChangeItemWrite> items;  // 1 to 20,000
    std::string idempotency_key;         // empty: none
    std::string request_digest;          // of the body, to tell a reused key
    bool draft = false;                  // to be submitted later
};
// Absent: stays as it is.
struct ChangeEdit {
    std::optional<std::string> title{};
    std::optional<std::optional<UnixMillis>> at{};  // present without a value: at once
    std::optional<std::vector<ChangeItemWrite>> items{};
};
struct CreatedChange {
    Change change;
    bool replay = false;  // the key had been used for the same request
};
struct FieldError {
    std::string where;  // JSON pointer
    std::string detail;
};

struct BindingWrite {
    std::string store;
    std::vector<std::string> products;  // 1 to 8
    std::optional<std::string> template_id;
    std::string position;
    std::optional<std::uint64_t> if_revision;  // If-Match
};

struct WantedImage {
    ImageRef ref;
    image::TagImage image;
};

struct MinuteStats {
    UnixMillis at{};
    std::uint32_t displayed = 0, failed = 0;
};
struct Stats {
    UnixMillis now{};
    std::uint64_t tags = 0, bound = 0, shown = 0, pending = 0, failed = 0, unknown = 0;
    std::uint64_t late = 0;
    std::optional<UnixMillis> late_oldest;
    std::map<std::string, std::uint64_t> failed_by_class;
    std::uint64_t aps_online = 0, aps_offline = 0, aps_unclaimed = 0;
    std::uint64_t batteries_low = 0, batteries_unknown = 0;
    std::uint64_t changes_running = 0, changes_scheduled = 0, changes_awaiting = 0;
    std::uint64_t hour_displayed = 0, hour_failed = 0;
    std::optional<std::int64_t> hour_p50_ms, hour_p99_ms;
    std::vector<MinuteStats> minutes;  // the last 60 whole minutes, oldest first
};

// What became different, after it is durable. `store` is empty when it concerns none.
struct Event {
    std::uint64_t id = 0;  // grows by one with each event of this process
    std::string store;
    std::variant<TagView, Job, Change, ApView, ProductView, AuditEntry> what;
};

struct Metrics {
    std::uint64_t jobs_created = 0, jobs_displayed = 0, jobs_failed = 0, jobs_superseded = 0;
    std::uint64_t tasks_sent = 0, tasks_resent = 0, results_refused = 0, messages_bad = 0;
    std::uint64_t leases_moved = 0;
    std::uint64_t rendered = 0, render_skipped = 0, same_image_skipped = 0, commits = 0, commit_rows = 0;
    std::uint64_t live_jobs = 0, link_up = 0;
};

struct ServiceSettings {
    std::chrono::milliseconds late_after{std::chrono::minutes(5)};
    // A task that the AP has not accepted is sent again after so long; one that makes no progress likewise.
    std::chrono::milliseconds accept_timeout{std::chrono::seconds(20)};
    std::chrono::milliseconds progress_timeout{std::chrono::minutes(5)};
    // A failed job is tried again after so long, doubled each time up to the limit; at once when the tag is heard
    // again.
    std::chrono::milliseconds retry_first{std::chrono::seconds(60)};
    std::chrono::milliseconds retry_limit{std::chrono::hours(1)};
    // An AP that says nothing for so long counts as offline.
    std::chrono::milliseconds ap_silence{std::chrono::minutes(5)};
    std::size_t ap_window = 256;  // tasks sent to one AP and not yet accepted
    std::size_t render_threads = 2;
    // False with a test clock: APs have the real time, so tasks then carry no times of ours.
    bool tasks_carry_times = true;
    // Every AP that says hello without a store is claimed for this one; empty: an operator claims.
    std::string auto_claim_store;
    std::uint32_t full_report_seconds = 0;
    // Images of scheduled changes and promotions are given to the APs so long before their moment; 0: at the moment.
    // Only with tasks_carry_times.
    std::chrono::milliseconds lead{std::chrono::hours(2)};
    // A tag's lease moves to an AP that hears it by so many dB better, in so many sightings on end over so long; 0 dB:
    // never by signal. At most so many moves a minute.
    std::uint32_t lease_margin = 15;
    std::uint32_t lease_sightings = 3;
    std::chrono::milliseconds lease_hold{std::chrono::minutes(10)};
    std::size_t lease_moves = 120;
};

class Service {
public:
    // All references outlive the service. Loads everything from the store; throws std::runtime_error when that fails.
    Service(const Clock& clock, TaskStore& store, ImageRenderer& renderer, AuditSink& audit, ApLink& link,
            ServiceSettings settings);
    // Finishes what was accepted.
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    void start();
    // Takes no more calls (unavailable), commits what is under way, stops its threads.
    void stop();

    // ---- stores and APs
    [[nodiscard]] std::vector<StoreView> stores();
    [[nodiscard]] Result<StoreView> store(const std::string& id);
    // `created` tells 201 from 200. conflict: another currency while there are products.
    [[nodiscard]] Result<StoreView> put_store(const Caller& caller, const std::string& id, const StoreWrite& write,
                                              bool& created);
    [[nodiscard]] std::vector<ApView> aps(const std::optional<std::string>& store);
    [[nodiscard]] Result<ApView> ap(const std::string& id);
    // `store`: absent leaves it; an empty text takes the AP out of its store.
    [[nodiscard]] Result<ApView> update_ap(const Caller& caller, const std::string& id,
                                           const std::optional<std::string>& store,
                                           const std::optional<std::string>& name);
    [[nodiscard]] Result<> permit_join(const Caller& caller, const std::string& ap, std::uint32_t seconds);

    // ---- tags
    [[nodiscard]] Result<Page<TagView>> tags(const TagFilter& filter, const PageRequest& page);
    [[nodiscard]] Result<TagView> tag(TagId id);
    [[nodiscard]] Result<TagView> bind(const Caller& caller, TagId id, const BindingWrite& write);
    [[nodiscard]] Result<TagView> unbind(const Caller& caller, TagId id, std::optional<std::uint64_t> if_revision);
    [[nodiscard]] Result<> led(const Caller& caller, TagId id, const std::string& colour, std::uint32_t seconds);
    [[nodiscard]] Result<WantedImage> wanted_image(TagId id);
    [[nodiscard]] Result<WantedImage> shown_image(TagId id);

    // ---- products
    [[nodiscard]] Result<Page<ProductView>> products(const ProductFilter& filter, const PageRequest& page);
    [[nodiscard]] Result<ProductView> product(const std::string& store, const std::string& id);
    // Up to 1,000 rows a call, one transaction. not_found: the store; precondition_failed.
    [[nodiscard]] Result<UpsertOutcome> upsert_products(const Caller& caller, const std::string& store,
                                                        std::span<const ProductWrite> rows,
                                                        const UpsertOptions& options);
    // Drawn as a tag of this panel would show it, with another price or promotion tried on it.
    struct PreviewRequest {
        std::string store, product;
        Panel panel;
        std::optional<std::string> template_id;
        std::optional<std::int64_t> price;
        std::optional<std::int64_t> promo_price;  // 0: without any promotion
    };
    [[nodiscard]] Result<image::TagImage> preview(const PreviewRequest& request);
    // Oldest first.
    [[nodiscard]] Result<std::vector<PricePoint>> price_history(const std::string& store, const std::string& product);

    // ---- changes and jobs
    // All items are checked before any is accepted; on ServiceError::invalid `errors` names each bad one.
    [[nodiscard]] Result<CreatedChange> create_change(const Caller& caller, const NewChange& request,
                                                      std::vector<FieldError>& errors);
    // A draft is discarded; what was in force before a running one comes back.
    [[nodiscard]] Result<Change> cancel_change(const Caller& caller, const std::string& id);
    // Of a draft, or of one that waits for approval, which becomes a draft again. conflict: in another state.
    [[nodiscard]] Result<Change> edit_change(const Caller& caller, const std::string& id, const ChangeEdit& edit,
                                             std::optional<std::uint64_t> if_version, std::vector<FieldError>& errors);
    // Lets a draft go its way, or wait for approval when the store's rule says so.
    [[nodiscard]] Result<Change> submit_change(const Caller& caller, const std::string& id, const std::string& note,
                                               std::optional<std::uint64_t> if_version);
    // `version` is that of what was seen. conflict: it does not wait for approval. forbidden: by one of its authors, by
    // a machine, or by somebody of a lesser role than the rule wants. precondition_failed: another version, or prices
    // have moved since (the items then say so and have a new version).
    [[nodiscard]] Result<Change> approve_change(const Caller& caller, const std::string& id, const std::string& note,
                                                std::uint64_t version);
    // Back to a draft. As above, but moved prices are no obstacle.
    [[nodiscard]] Result<Change> reject_change(const Caller& caller, const std::string& id, const std::string& note,
                                               std::uint64_t version);
    // Of the change, by index; `tripped`: only those that need approval.
    [[nodiscard]] Result<Page<ChangeItemView>> change_items(const std::string& id, bool tripped,
                                                            const PageRequest& page);
    // `store` empty: the chain's. One that was never written has version 0, and a store's then inherits.
    [[nodiscard]] Result<ApprovalRule> approval_rule(const std::string& store);
    [[nodiscard]] Result<ApprovalRule> put_approval_rule(const Caller& caller, const ApprovalRule& rule,
                                                         std::optional<std::uint64_t> if_version);
    [[nodiscard]] Result<ChangeDetail> change(const std::string& id);
    [[nodiscard]] Result<Page<Change>> changes(const ChangeFilter& filter, const PageRequest& page);  // newest first
    [[nodiscard]] Result<JobDetail> job(const std::string& id);
    [[nodiscard]] Result<Page<Job>> jobs(const JobFilter& filter, const PageRequest& page);  // newest first

    // ---- live
    [[nodiscard]] Stats stats(const std::optional<std::string>& store);
    [[nodiscard]] Metrics metrics();
    // `sink` is called on a thread of the service, in order, after the events are durable; it must not block and not
    // call the service (hand over to your own executor). The returned token ends the subscription when it goes; after
    // that `sink` is not called any more.
    using EventSink = std::function<void(std::shared_ptr<const std::vector<Event>>)>;
    [[nodiscard]] std::shared_ptr<void> subscribe(EventSink sink);

    // What was answered to a request with that key; of any age that the store still has.
    [[nodiscard]] std::optional<Idempotency> idempotency(const std::string& actor, const std::string& key);
    // Blocks until it is durable.
    [[nodiscard]] Result<> remember(Idempotency what);
    // Appends operator actions that are not the core's own (log-ins, users, tokens); blocks until durable.
    [[nodiscard]] Result<> audit(std::vector<AuditEntry> entries);
    // Decides all that is due at the clock's present time; returns when that is committed. For the test clock.
    void settle();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt
