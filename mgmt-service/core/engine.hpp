// The rules of the management service without any I/O: it takes calls of operators, reports of APs, drawn images and
// the passing of time, and says what is to be written, audited, drawn, sent and told. Desired against reported is the
// truth it works on; jobs follow from it.
//
// Shard-bound: one thread. Nothing of an Output may leave the process (send, tell, answer) before its batch is
// committed and its entries are in the audit log.
#pragma once

#include <deque>
#include <set>
#include <unordered_map>

#include "common/contract/messages.hpp"
#include "mgmt-service/core/search_index.hpp"
#include "mgmt-service/core/service.hpp"
#include "mgmt-service/ports/image_renderer.hpp"
#include "mgmt-service/ports/task_store.hpp"

namespace esl::mgmt {

// A task without its image's bytes, which the sender looks up by `image.sha`.
struct OutgoingTask {
    TagId tag;
    std::uint64_t version = 0;
    std::string job;
    ImageRef image;
    Panel panel;
    std::uint64_t epoch = 0;
    std::optional<UnixMillis> expires;
    std::optional<UnixMillis> not_before{};
};
struct Send {
    std::string ap;
    std::variant<std::vector<OutgoingTask>, contract::Downlink> what;
};
struct RenderRequest {
    TagId tag;
    Scene scene;
    std::string inputs;
    bool ahead = false;  // for a later moment: what is wanted now goes first
};
struct RenderedImage {
    StoredImage image;
};
struct Output {
    WriteBatch batch;
    std::vector<AuditEntry> audit;
    std::vector<Event> events;  // ids not given yet
    std::vector<Send> sends;    // in order per AP
    [[nodiscard]] bool empty() const { return batch.empty() && audit.empty() && events.empty() && sends.empty(); }
};

class Engine {
public:
    // What the engine asks of others; each answers at once.
    struct Lookups {
        std::function<std::string(const Panel&, const std::optional<std::string>&)> template_version;
        std::function<std::vector<PricePoint>(const std::string&, const std::string&, UnixMillis)> prices;
        std::function<std::optional<Idempotency>(const std::string&, const std::string&)> idempotency;
        std::function<std::optional<Change>(const std::string&)> change;
        std::function<std::vector<ChangeItem>(const std::string&)> change_items;
        std::function<std::vector<std::int64_t>(const std::string&)> durations;
    };
    Engine(const Clock& clock, Lookups lookups, ServiceSettings settings);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Once, first: goes on where the snapshot stands; every unfinished job is sent again, since a result may have been
    // acknowledged to the broker and lost before it was committed.
    void load(Snapshot snapshot);
    // What has come together since the last take(); ends group commits.
    [[nodiscard]] Output take();
    [[nodiscard]] std::vector<RenderRequest> take_renders();
    [[nodiscard]] bool drawing() const { return drawing_ > 0 || !to_draw_.empty() || !to_draw_ahead_.empty(); }

    // ---- time, drawing and sending
    void tick();
    // The answer to each RenderRequest: tag, inputs and `ahead` as there.
    void on_rendered(TagId tag, const std::string& inputs, Result<RenderedImage> image, bool ahead = false);
    void on_link(bool up);
    void on_sent(const std::vector<OutgoingTask>& tasks, const Result<>& result);

    // ---- reports
    void on_uplink(contract::Uplink message);
    void on_bad_message() { ++metrics_.messages_bad; }

    // ---- operators: as in Service
    [[nodiscard]] std::vector<StoreView> stores() const;
    [[nodiscard]] Result<StoreView> store(const std::string& id) const;
    [[nodiscard]] Result<StoreView> put_store(const Caller& caller, const std::string& id, const StoreWrite& write,
                                              bool& created);
    [[nodiscard]] std::vector<ApView> aps(const std::optional<std::string>& store) const;
    [[nodiscard]] Result<ApView> ap(const std::string& id) const;
    [[nodiscard]] Result<ApView> update_ap(const Caller& caller, const std::string& id,
                                           const std::optional<std::string>& store,
                                           const std::optional<std::string>& name);
    [[nodiscard]] Result<> permit_join(const Caller& caller, const std::string& ap, std::uint32_t seconds);
    [[nodiscard]] Result<Page<TagView>> tags(const TagFilter& filter, const PageRequest& page) const;
    [[nodiscard]] Result<TagView> tag(TagId id) const;
    [[nodiscard]] Result<TagView> bind(const Caller& caller, TagId id, const BindingWrite& write);
    [[nodiscard]] Result<TagView> unbind(const Caller& caller, TagId id, std::optional<std::uint64_t> if_revision);
    [[nodiscard]] Result<> led(const Caller& caller, TagId id, const std::string& colour, std::uint32_t seconds);
    [[nodiscard]] Result<Page<ProductView>> products(const ProductFilter& filter, const PageRequest& page) const;
    [[nodiscard]] Result<ProductView> product(const std::string& store, const std::string& id) const;
    [[nodiscard]] Result<UpsertOutcome> upsert_products(const Caller& caller, const std::string& store,
                                                        std::span<const ProductWrite> rows,
                                                        const UpsertOptions& options);
    [[nodiscard]] Result<Scene> preview_scene(const Service::PreviewRequest& request) const;
    [[nodiscard]] Result<CreatedChange> create_change(const Caller& caller, const NewChange& request,
                                                      std::vector<FieldError>& errors);
    [[nodiscard]] Result<Change> cancel_change(const Caller& caller, const std::string& id);
    [[nodiscard]] Result<Change> edit_change(const Caller& caller, const std::string& id, const ChangeEdit& edit,
                                             std::optional<std::uint64_t> if_version, std::vector<FieldError>& errors);
    [[nodiscard]] Result<Change> submit_change(const Caller& caller, const std::string& id, const std::string& note,
                                               std::optional<std::uint64_t> if_version);
    [[nodiscard]] Result<Change> approve_change(const Caller& caller, const std::string& id, const std::string& note,
                                                std::uint64_t version);
    [[nodiscard]] Result<Change> reject_change(const Caller& caller, const std::string& id, const std::string& note,
                                               std::uint64_t version);
    [[nodiscard]] Result<ApprovalRule> approval_rule(const std::string& store) const;
    [[nodiscard]] Result<ApprovalRule> put_approval_rule(const Caller& caller, const ApprovalRule& rule,
                                                         std::optional<std::uint64_t> if_version);
    [[nodiscard]] Stats stats(const std::optional<std::string>& store) const;
    [[nodiscard]] const Metrics& metrics() const { return metrics_; }
    [[nodiscard]] std::string product_name(const std::string& store, const std::string& id) const;
    void audit(AuditEntry entry);
    void keep_answer(Idempotency what) { batch_.keys.push_back(std::move(what)); }

private:
    struct TagState;
    struct ApState;
    struct ProductState;
    struct StoreState;
    struct LiveChange;
    struct Pulse;
    struct WallTimer {
        std::string store;    // of the product whose promotion begins or ends
        std::string product;  // empty: a scheduled change
        std::string change;
    };
    using Rows = std::map<std::string, ProductState>;

    [[nodiscard]] UnixMillis now() const { return clock_.wall(); }
    TagState* find_tag(TagId id);
    [[nodiscard]] const TagState* find_tag(TagId id) const;
    ApState* find_ap(const std::string& id);
    ProductState* find_product(const std::string& store, const std::string& id);

    // catalogue
    struct Effect {  // what a write to a product means for its tags
        std::vector<TagId> redraw;
    };
    void write_product(StoreState& store, Product next, const std::string& change, std::vector<TagId>& redraw);
    void fill_prior_price(const std::string& store, const std::string& product, Promotion& promotion) const;
    void watch_promotion(const Product& product);
    void add_point(ProductState& product, PricePoint point);
    [[nodiscard]] PricePoint last_point(const ProductState& product) const;
    void end_or_begin_promotions(const std::vector<WallTimer>& due);
    std::optional<std::string> check_write(const ProductWrite& row, std::string& reason) const;
    void index_tag(TagState& tag, bool add);
    [[nodiscard]] Scene scene_of(const Tag& tag) const { return scene_at(tag, now()); }
    [[nodiscard]] Scene scene_at(const Tag& tag, UnixMillis at) const;
    [[nodiscard]] Product product_at(const Product& product, UnixMillis at) const;
    [[nodiscard]] std::string inputs_of(const Scene& scene) const;
    [[nodiscard]] std::optional<UnixMillis> next_boundary(const Tag& tag, UnixMillis after) const;

    // changes
    LiveChange& new_change(const std::string& store, std::string kind, std::string title, const std::string& actor,
                           UnixMillis at);
    LiveChange& open_change(const std::string& store, std::string kind, std::string title, const std::string& actor,
                            UnixMillis at);
    // The one way from state to state: the step, its audit entry and the row.
    void step(LiveChange& change, ChangeAction action, ChangeState to, const Caller& by, const std::string& note = {});
    LiveChange* live_change(const std::string& id);
    void apply_items(LiveChange& change);
    void start_scheduled(const std::string& id);
    void settle(const std::string& change);
    void touch(LiveChange& change);
    Result<std::vector<ChangeItem>> check_items(const std::vector<ChangeItemWrite>& writes, StoreState& store,
                                                std::vector<FieldError>& errors) const;
    void set_items(LiveChange& change, std::vector<ChangeItem> items);

    // approval
    [[nodiscard]] const ApprovalRule& rule_for(const std::string& store) const;
    // Says why it needs approval, and where it goes now: to wait for that, for its moment, or into force.
    ChangeState judged(LiveChange& change);
    void release(LiveChange& change);
    void write_items(const LiveChange& change);
    [[nodiscard]] Result<LiveChange*> change_for(const std::string& id, ChangeAction action,
                                                 std::optional<std::uint64_t> version);
    [[nodiscard]] static Result<> may_decide(const Caller& caller, const Change& change);
    std::size_t take_moved_prices(LiveChange& change);
    [[nodiscard]] Result<> room_to_wait(const std::string& store, std::size_t items) const;
    struct Held;
    bool hold_price(Held& held, const Product& before, Product& next, RowVerdict& verdict) const;
    std::string keep_held(Held& held, const Caller& caller, const std::string& store, const UpsertOptions& options);

    // drawing and jobs
    bool looks_different(const TagState& tag) const;
    void redraw(TagState& tag, LiveChange& change);
    void drawn(TagState& tag);
    void want(TagState& tag, const ImageRef& image, const std::string& inputs, const std::string& change);
    // `planned`: what was done for it before its moment came.
    void start_job(TagState& tag, const std::string& change, const Planned* planned = nullptr);
    // `at`: when it happened, if that was before now.
    void move_job(TagState& tag, JobState state, const std::string& actor, std::string detail = {},
                  std::optional<UnixMillis> at = {});
    void end_job(TagState& tag, JobState state, const std::string& actor, const std::string& why = {},
                 std::optional<UnixMillis> at = {});
    [[nodiscard]] std::string shown_text(const TagState& tag) const;
    void supersede(TagState& tag, const std::optional<std::string>& change);
    void audit_end(const Job& job, const std::string& actor, const std::string& why);
    void fail_job(TagState& tag, Failure failure, const std::string& actor);
    void retry(TagState& tag, const std::string& why);
    void enqueue(TagState& tag);
    void pump(ApState& ap);
    void leave_window(TagState& tag);
    void set_timer(TagState& tag, std::chrono::milliseconds after);
    void clear_timer(TagState& tag);
    void on_timer(TagState& tag);
    static void remember_sent(TagState& tag, std::uint64_t version, const ImageRef& image);

    // what comes later, ahead (engine_plans.cpp)
    struct Moment {
        UnixMillis at{};
        std::string change;
        auto operator<=>(const Moment&) const = default;
    };
    void look_ahead(UnixMillis done_until);
    void look_at_scheduled(UnixMillis horizon);
    void plan_product(const std::string& store, const std::string& product);
    void plan(TagState& tag, UnixMillis after, UnixMillis horizon);
    [[nodiscard]] std::set<UnixMillis> moments_of(const Tag& tag, UnixMillis after, UnixMillis horizon) const;
    void drawn_ahead(TagState& tag, const std::string& inputs, Result<RenderedImage> image);
    void give_version(TagState& tag);
    void take_back(TagState& tag);
    void forget_plan(TagState& tag);
    bool adopt(TagState& tag, const std::string& inputs);
    void enqueue_ahead(TagState& tag);
    void pump_ahead(ApState& ap);
    void leave_ahead_window(TagState& tag);
    void set_ahead_timer(TagState& tag, std::chrono::milliseconds after);
    void clear_ahead_timer(TagState& tag);
    void leave_ap_ahead(TagState& tag);
    void on_ahead_result(TagState& tag, ApState& ap, const contract::TaskResult& r);
    void command(const std::string& ap, contract::Downlink message);

    // reports and leases
    void on_message(const contract::ResultReport& m);
    void on_message(const contract::TagsReport& m);
    void on_message(const contract::ApHello& m);
    void on_message(const contract::ApHealth& m);
    void on_message(const contract::ApLog& m);
    void on_message(const contract::ApOffline& m);
    void on_message(const contract::CommandAnswer& m);
    ApState& heard_ap(const std::string& id);
    void on_result(ApState& ap, const contract::TaskResult& r);
    void on_displayed(TagState& tag, ApState& ap, const contract::TaskResult& r);
    void on_sighting(ApState& ap, const contract::Sighting& s, std::string& repair);
    void repair(TagState& tag, const std::string& ap_store, std::string& change, std::uint32_t shown);
    // `why`: offline, left, joined, signal; heard for a tag that no AP serves.
    void lease(TagState& tag, ApState& ap, const std::string& why);
    void audit_lease(const TagState& tag, const std::string& from, std::optional<std::int32_t> heard,
                     const std::string& why);
    void release(TagState& tag);
    [[nodiscard]] ApState* best_hearer(TagState& tag);
    // Why the lease goes to the AP of this sighting now; empty: it stays.
    [[nodiscard]] std::string moves_at_once(const TagState& tag, const ApState& heard_by, const contract::Sighting& s);
    void weigh(TagState& tag, const ApState& heard_by);
    [[nodiscard]] ApState* stronger_hearer(TagState& tag);
    void move_by_signal();
    void forget_strength(const std::string& ap);
    void welcome(ApState& ap);
    void claim(ApState& ap, const std::string& store, const Caller& caller);
    void ap_offline(ApState& ap, const std::string& why);
    [[nodiscard]] bool may_lease(const Tag& tag, const ApState& ap) const;

    // views
    [[nodiscard]] TagView view(const TagState& tag) const;
    [[nodiscard]] ProductView view(const StoreState& store, const ProductState& product) const;
    [[nodiscard]] bool is_late(const Tag& tag, UnixMillis at) const;
    void count_outcome(const std::string& store, bool displayed, std::int64_t took_ms);

    const Clock& clock_;
    const Lookups lookups_;
    const ServiceSettings settings_;

    std::map<std::string, StoreState> stores_;
    std::map<std::string, ApState> aps_;
    std::map<TagId, TagState> tags_;
    std::unordered_map<std::string, LiveChange> changes_;  // with anything still to happen
    std::map<std::pair<std::string, std::string>, Idempotency> keys_;
    std::map<std::string, ApprovalRule> rules_;  // by store; "" the chain's

    std::set<std::pair<SteadyTime, TagId>> timers_;
    std::multimap<UnixMillis, WallTimer> wall_timers_;
    std::set<TagId> to_draw_;
    std::set<std::pair<SteadyTime, TagId>> ahead_timers_;
    std::vector<RenderRequest> to_draw_ahead_;
    std::set<TagId> to_plan_;
    UnixMillis planned_until_{};  // promotions that begin or end before are known to plan()
    UnixMillis looked_at_{};      // when the scheduled changes were last gone through
    bool schedule_moved_ = true;
    // Scheduled changes within the lead, and which of their items is about a product.
    std::map<Moment, std::pair<std::string, std::vector<std::string>>> ahead_;  // store and products
    std::map<std::pair<std::string, std::string>, std::map<Moment, std::size_t>> ahead_items_;
    std::map<std::string, std::string> taken_back_;  // by store: the change of this round
    std::size_t drawing_ = 0;
    bool link_up_ = false;
    SteadyTime next_ap_check_{};
    std::set<TagId> to_move_;       // that another AP hears clearly better
    std::deque<SteadyTime> moved_;  // by signal, in the last minute

    // since the last take()
    std::set<TagId> tag_writes_, tag_events_;
    std::set<std::string> ap_writes_, change_writes_, change_events_;
    std::map<std::string, Job> job_writes_;
    std::map<std::pair<std::string, std::string>, bool> product_writes_;  // true: tell it as an event
    std::set<std::string> store_writes_;
    WriteBatch batch_;
    std::vector<AuditEntry> audit_;
    std::vector<Send> sends_;
    std::map<std::string, contract::Lease> leases_;
    std::map<std::string, std::vector<OutgoingTask>> tasks_;
    std::map<std::string, Change> ended_changes_;

    std::map<std::string, Pulse> pulses_;  // by store: the last hour
    Metrics metrics_;
};

}  // namespace esl::mgmt
