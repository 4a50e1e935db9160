// Whatever is lost on the way, whoever dies, however prices change meanwhile: in the end every tag shows what is
// wanted, and nothing was ever called displayed without the tag showing it.
#include <map>
#include <random>

#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using namespace std::chrono_literals;
using contract::FailClass;
using contract::TaskState;

// An access point with a store of its own, and the tags it reaches, as the contract describes them.
struct SimAp {
    std::string id;
    bool up = true;
    unsigned life = 1;
    std::map<TagId, std::uint64_t> epochs;  // leases
    struct Taken {
        OutgoingTask task;
        TaskState state = TaskState::accepted;
    };
    struct TagTasks {
        std::map<std::uint64_t, OutgoingTask> pending;  // by version; some for later
        std::uint64_t highest = 0;
        std::optional<Taken> last;  // of the highest finished version
    };
    std::map<TagId, TagTasks> tasks;  // survives a restart
    [[nodiscard]] std::string boot() const { return "boot" + std::to_string(life); }
};

class World {
public:
    explicit World(unsigned seed) : random_(seed), h_(settings()) {
        aps_[kAp].id = kAp;
        aps_[kOtherAp].id = kOtherAp;
        bool created = false;
        EXPECT_TRUE(h_.engine->put_store(h_.ana, "s1", {"Shop", "EUR", "en"}, created));
        std::vector<ProductWrite> rows;
        for (unsigned i = 1; i <= kTags; ++i) {
            ProductWrite p;
            p.id = Harness::product(i);
            p.name = "P" + std::to_string(i);
            p.price = 100;
            rows.push_back(p);
        }
        EXPECT_TRUE(h_.engine->upsert_products(h_.ana, "s1", rows, {}));
        for (auto& [id, ap] : aps_) hello(ap);
        settle();
        for (unsigned i = 1; i <= kTags; ++i) {
            h_.sight(i, kAp);
            h_.sight(i, kOtherAp, {}, contract::TagEvent::seen, -80);
            EXPECT_TRUE(h_.engine->bind(h_.ana, tag_id(i), {"s1", {Harness::product(i)}, {}, "", {}}));
        }
        settle();
    }

    void shake(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            settle();
            check();
        }
    }

    // The troubles end: everything must come right within some hours.
    void calm_down() {
        loss_ = 0;
        dead_.clear();
        for (auto& [id, ap] : aps_) {
            if (std::exchange(ap.up, true)) continue;  // those that were up have no reason to say hello
            ++ap.life;
            hello(ap);
        }
        for (int i = 0; i < 400 && (i < kMinutesAhead || !all_shown()); ++i) {
            h_.advance(1min);
            for (auto& [id, ap] : aps_) h_.engine->on_uplink(contract::ApHealth{id, {}, 0, 1, h_.clock.wall()});
            for (unsigned t = 1; t <= kTags; ++t) sight(t);
            settle();
            work(100);
            settle();
            check();
        }
        for (unsigned t = 1; t <= kTags; ++t) {
            const auto tag = h_.tag(t);
            ASSERT_EQ(h_.status(t), TagStatus::shown)
                << "tag " << t << " version " << tag.version << " ap " << tag.ap.value_or("none") << " failure "
                << (tag.failure ? tag.failure->kind + " " + tag.failure->detail : "none");
            EXPECT_EQ(screens_[tag_id(t)], tag.desired->image.crc);
            EXPECT_EQ(wanted_crc(t), tag.desired->image.crc) << "the price in force";
        }
        std::uint64_t total = 0;
        for (const auto& c : h_.store.changes({}, "", 100'000, total)) {
            EXPECT_TRUE(c.state == ChangeState::done || c.state == ChangeState::cancelled)
                << c.id << " is " << name(c.state);
            std::uint32_t sum = 0;
            for (const auto n : c.counts) sum += n;
            EXPECT_EQ(sum, c.jobs_total);
        }
    }

private:
    static constexpr unsigned kTags = 6;
    static constexpr int kMinutesAhead = 12;  // so far ahead are changes scheduled

    static ServiceSettings settings() {
        ServiceSettings s;
        s.ap_window = 4;
        s.lease_hold = 1min;
        s.lease_sightings = 2;
        s.auto_claim_store = "s1";
        return s;
    }
    bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
    bool lost() { return chance(loss_); }

    void step() {
        switch (random_() % 14) {
            case 0:
            case 1:
                h_.change_price(1 + static_cast<unsigned>(random_() % kTags), 100 + static_cast<int>(random_() % 5));
                return;
            case 2: {
                std::vector<FieldError> errors;
                std::vector<ChangeItemWrite> all;
                const auto price = 100 + static_cast<int>(random_() % 5);
                for (unsigned i = 1; i <= kTags; ++i) all.push_back({Harness::product(i), price, false, {}});
                const auto made = h_.engine->create_change(h_.ana, {"s1", "", {}, all, {}, {}}, errors);
                ASSERT_TRUE(made);
                if (chance(30)) (void)h_.engine->cancel_change(h_.ana, made->change.id);
                return;
            }
            case 3:
                h_.restart();
                return;
            case 4: {  // the service dies with things decided and not kept
                h_.engine->tick();
                (void)h_.engine->take_renders();
                h_.restart();
                return;
            }
            case 5: {
                auto& ap = chance(50) ? aps_[kAp] : aps_[kOtherAp];
                if (ap.up) {
                    ap.up = false;
                    if (!lost()) h_.engine->on_uplink(contract::ApOffline{ap.id, ap.boot()});
                } else {
                    ap.up = true;
                    ++ap.life;
                    hello(ap);
                }
                return;
            }
            case 6: {
                const auto tag = tag_id(1 + static_cast<unsigned>(random_() % kTags));
                if (!dead_.erase(tag)) dead_.insert(tag);
                return;
            }
            case 7: {  // a tag falls back to old content
                screens_[tag_id(1 + static_cast<unsigned>(random_() % kTags))] = 0xBAD;
                return;
            }
            case 8:
                sight(1 + static_cast<unsigned>(random_() % kTags));
                return;
            case 9:
                h_.advance(std::chrono::seconds(random_() % 200));
                return;
            case 10: {  // something for later, which is given to the APs ahead
                const auto made = h_.change_price(
                    1 + static_cast<unsigned>(random_() % kTags), 100 + static_cast<int>(random_() % 5),
                    h_.clock.wall() + std::chrono::seconds(60 + random_() % (60 * (kMinutesAhead - 2))));
                scheduled_.push_back(made.change.id);
                return;
            }
            case 11:
                if (scheduled_.empty()) return;
                (void)h_.engine->cancel_change(h_.ana, scheduled_[random_() % scheduled_.size()]);
                return;
            default:
                work(static_cast<int>(random_() % 5));
                return;
        }
    }

    void hello(SimAp& ap) {
        ap.epochs.clear();
        h_.engine->on_uplink(contract::ApHello{ap.id, "sim", ap.boot(), {}, 0, h_.clock.wall()});
    }

    void sight(unsigned n) {
        const auto tag = tag_id(n);
        for (auto& [id, ap] : aps_) {
            if (!ap.up || dead_.contains(tag) || lost()) continue;
            const auto screen = screens_.find(tag);
            h_.sight(n, id, screen == screens_.end() ? std::nullopt : std::optional(screen->second),
                     contract::TagEvent::seen, -50 - static_cast<std::int32_t>(random_() % 40));
        }
    }

    // The engine comes to rest; what it sends reaches the APs, or is lost.
    void settle() {
        h_.run();
        for (auto& send : std::exchange(h_.sends, {})) {
            auto& ap = aps_[send.ap];
            if (auto* tasks = std::get_if<std::vector<OutgoingTask>>(&send.what)) {
                for (const auto& t : *tasks) {
                    if (ap.up && !lost()) take(ap, t);
                }
                continue;
            }
            const auto& message = std::get<contract::Downlink>(send.what);
            const auto* lease = std::get_if<contract::Lease>(&message);
            if (lease == nullptr || !ap.up || lost()) continue;
            if (lease->full) ap.epochs.clear();
            for (const auto& e : lease->add) ap.epochs[e.tag] = std::max(ap.epochs[e.tag], e.epoch);
            for (const auto& t : lease->drop) {
                ap.epochs.erase(t);
                ap.tasks[t].pending.clear();
            }
        }
        h_.run();
    }

    void take(SimAp& ap, const OutgoingTask& t) {
        auto& epoch = ap.epochs[t.tag];
        if (t.epoch < epoch) return answer(ap, t, TaskState::failed, FailClass::lease);
        epoch = t.epoch;
        auto& known = ap.tasks[t.tag];
        if (const auto open = known.pending.find(t.version); open != known.pending.end()) {
            open->second.epoch = t.epoch;
            return answer(ap, t, TaskState::accepted);
        }
        if (known.last && known.last->task.version == t.version) {
            known.last->task.epoch = t.epoch;
            return answer(ap, known.last->task, known.last->state);
        }
        if (t.version < known.highest) return answer(ap, t, TaskState::superseded);
        known.highest = t.version;
        known.pending[t.version] = t;
        answer(ap, t, TaskState::accepted);
    }

    // The newest of the tag's tasks whose time has come; what is below it has been overtaken.
    std::optional<OutgoingTask> due(SimAp& ap, SimAp::TagTasks& known) {
        std::optional<OutgoingTask> out;
        for (auto it = known.pending.begin(); it != known.pending.end();) {
            if (it->second.not_before.value_or(UnixMillis{}) > h_.clock.wall()) {
                ++it;
                continue;
            }
            if (out) answer(ap, *out, TaskState::superseded);
            out = it->second;
            it = known.pending.erase(it);
        }
        if (!out) return out;
        for (auto it = known.pending.begin(); it != known.pending.end() && it->first < out->version;) {
            answer(ap, it->second, TaskState::superseded);
            it = known.pending.erase(it);
        }
        return out;
    }

    void work(int count) {
        for (auto& [id, ap] : aps_) {
            if (!ap.up) continue;
            for (auto& [tag, known] : ap.tasks) {
                if (known.pending.empty() || count-- <= 0) continue;
                const auto task = due(ap, known);
                if (!task) continue;
                const bool dead = dead_.contains(tag);
                known.last = {*task, dead ? TaskState::failed : TaskState::displayed};
                if (!dead) {
                    screens_[tag] = task->image.crc;
                    shown_by_tags_.insert({tag, task->version, task->image.crc});
                }
                answer(ap, *task, known.last->state, FailClass::unreachable);
            }
        }
    }

    void answer(SimAp& ap, const OutgoingTask& t, TaskState state, FailClass failure = FailClass::unreachable) {
        for (int copies = chance(10) ? 2 : 1; copies > 0; --copies) {
            if (lost()) continue;
            auto r = h_.result_of(t, state);
            if (state == TaskState::failed) r.failure = failure;
            h_.engine->on_uplink(contract::ResultReport{ap.id, {r}});
        }
    }

    // Invariants after every step.
    void check() {
        std::uint64_t total = 0;
        for (const auto& j :
             h_.store.jobs({.change = {}, .store = {}, .tag = {}, .state = JobState::displayed}, "", 100'000, total)) {
            ASSERT_TRUE(shown_by_tags_.contains({j.tag, j.version, j.image.crc}))
                << "job " << j.id << " is called displayed, the tag never showed it";
        }
        for (unsigned t = 1; t <= kTags; ++t) {
            const auto tag = h_.tag(t);
            auto& last = versions_[tag.id];
            ASSERT_GE(tag.version, last) << "versions of a tag never go back";
            last = tag.version;
            if (h_.status(t) != TagStatus::shown) continue;
            ASSERT_TRUE(shown_by_tags_.contains({tag.id, tag.reported->version, tag.reported->image.crc}));
        }
    }

    bool all_shown() {
        for (unsigned t = 1; t <= kTags; ++t) {
            if (h_.status(t) != TagStatus::shown || screens_[tag_id(t)] != h_.tag(t).desired->image.crc) return false;
        }
        return true;
    }
    std::uint32_t wanted_crc(unsigned n) {
        Scene scene;
        scene.panel = kPanel;
        scene.tag = tag_id(n).text();
        scene.currency = "EUR";
        scene.locale = "en";
        const auto product = h_.engine->product("s1", Harness::product(n))->product;
        Scene::Item item;
        item.code = product.id;
        item.name = product.name;
        item.price = product.price;
        scene.items.push_back(item);
        return picture_of(scene).crc();
    }

    std::mt19937 random_;
    Harness h_;
    int loss_ = 20;
    std::map<std::string, SimAp> aps_;
    std::set<TagId> dead_;
    std::vector<std::string> scheduled_;
    std::map<TagId, std::uint32_t> screens_;
    std::set<std::tuple<TagId, std::uint64_t, std::uint32_t>> shown_by_tags_;
    std::map<TagId, std::uint64_t> versions_;
};

class EngineProperty : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, EngineProperty, ::testing::Range(1U, 41U));

TEST_P(EngineProperty, EveryTagConvergesAndNoneIsCalledDisplayedWrongly) {
    World world(GetParam());
    world.shake(150);
    if (!HasFatalFailure()) world.calm_down();
}

}  // namespace
}  // namespace esl::mgmt::test
