// An engine with a store in memory, a hand-moved clock, drawn-at-once images and access points that do what a test
// says.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "common/testing/testing.hpp"
#include "mgmt-service/adapters/memory/memory_task_store.hpp"
#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine.hpp"

namespace esl::mgmt::test {

inline const Panel kPanel{32, 8, image::Palette::bwr};
inline const std::string kAp = "GID_esl_ap@@@A1";
inline const std::string kOtherAp = "GID_esl_ap@@@A2";

inline TagId tag_id(unsigned n) {
    return TagId::eui48(0xFFFF92000000ULL + n);
}

// The hash of the scene as black pixels: other inputs, another picture.
inline image::TagImage picture_of(const Scene& scene) {
    image::TagImage out(scene.panel.width, scene.panel.height);
    const auto hash = scene_hash(scene, "t1");
    for (unsigned i = 0; i < hash.size() && i < scene.panel.width * scene.panel.height / 4; ++i) {
        const auto nibble = hash[i] >= 'a' ? hash[i] - 'a' + 10 : hash[i] - '0';
        for (unsigned bit = 0; bit < 4; ++bit) {
            const unsigned at = i * 4 + bit;
            if (nibble >> bit & 1) out.set(at % scene.panel.width, at / scene.panel.width, image::Colour::black);
        }
    }
    return out;
}

class Harness {
public:
    explicit Harness(ServiceSettings settings = {}) : settings_(std::move(settings)) { restart(); }

    // As after kill -9: whatever was not flushed is gone.
    void restart() {
        Engine::Lookups lookups{
            [](const Panel&, const std::optional<std::string>&) { return std::string("t1"); },
            [this](const auto& s, const auto& p, UnixMillis since) { return store.prices(s, p, since); },
            [this](const auto& a, const auto& k) { return store.idempotency(a, k); },
            [this](const auto& id) { return store.change(id); },
            [this](const auto& id) { return store.change_items(id, 100'000); },
            [this](const auto& id) { return store.durations(id); }};
        engine = std::make_unique<Engine>(clock, std::move(lookups), settings_);
        engine->load(store.load());
        sends.clear();
        engine->on_link(true);
    }

    void draw(const RenderRequest& r) {
        ++drawn;
        const auto picture = picture_of(r.scene);
        Bytes named(picture.bytes().begin(), picture.bytes().end());
        engine->on_rendered(
            r.tag, r.inputs,
            RenderedImage{StoredImage{
                {picture.crc(), sha256_hex(named)}, picture.width(), picture.height(), image::deflate(picture)}},
            r.ahead);
    }
    // Commits, draws what is to be drawn, and collects what is to be sent, until nothing moves any more.
    void run() {
        for (int i = 0; i < 100; ++i) {
            engine->tick();
            const auto renders = engine->take_renders();
            for (const auto& r : renders) draw(r);
            auto out = engine->take();
            if (renders.empty() && out.empty()) return;
            flush(std::move(out));
        }
        FAIL() << "the engine does not come to rest";
    }
    void advance(std::chrono::milliseconds by) {
        clock.advance(by);
        run();
    }
    void flush(Output out) {
        store.commit(out.batch);
        audit.insert(audit.end(), out.audit.begin(), out.audit.end());
        events.insert(events.end(), out.events.begin(), out.events.end());
        for (auto& s : out.sends) sends.push_back(std::move(s));
    }

    std::vector<OutgoingTask> take_tasks(const std::string& ap = kAp) {
        std::vector<OutgoingTask> out;
        std::erase_if(sends, [&](Send& s) {
            auto* tasks = std::get_if<std::vector<OutgoingTask>>(&s.what);
            if (tasks == nullptr || s.ap != ap) return false;
            out.insert(out.end(), tasks->begin(), tasks->end());
            return true;
        });
        return out;
    }

    void hello(const std::string& ap = kAp, const std::string& boot = "b1") {
        engine->on_uplink(contract::ApHello{ap, "test", boot, {{"bluez:hci0", "up", 0}}, 0, clock.wall()});
        run();
    }
    void sight(unsigned tag, const std::string& ap = kAp, std::optional<std::uint32_t> shown = {},
               contract::TagEvent event = contract::TagEvent::seen, std::int32_t rssi = -60) {
        contract::Sighting s;
        s.tag = tag_id(tag);
        s.event = event;
        s.radio = "bluez";
        s.model = "gicisky-test";
        s.width = kPanel.width;
        s.height = kPanel.height;
        s.palette = kPanel.palette;
        s.rssi = rssi;
        s.shown_image_id = shown;
        s.at = clock.wall();
        engine->on_uplink(contract::TagsReport{ap, false, {s}});
        run();
    }
    contract::TaskResult result_of(const OutgoingTask& task, contract::TaskState state) const {
        contract::TaskResult r;
        r.tag = task.tag;
        r.version = task.version;
        r.job = task.job;
        r.state = state;
        r.image_id = task.image.crc;
        r.epoch = task.epoch;
        r.attempts = 1;
        r.at = clock.wall();
        return r;
    }
    void report(const contract::TaskResult& r, const std::string& ap = kAp) {
        engine->on_uplink(contract::ResultReport{ap, {r}});
        run();
    }
    void report(const OutgoingTask& task, contract::TaskState state, const std::string& ap = kAp) {
        report(result_of(task, state), ap);
    }
    void fail_task(const OutgoingTask& task, contract::FailClass kind, const std::string& ap = kAp) {
        auto r = result_of(task, contract::TaskState::failed);
        r.failure = kind;
        r.code = -3;
        r.detail = "as the test says";
        report(r, ap);
    }

    // A store with products 1..n at 1.00 each, an online AP that is claimed, and tags 1..n bound to them.
    void furnish(unsigned n) {
        bool created = false;
        ASSERT_TRUE(engine->put_store(ana, "s1", {"Shop", "EUR", "en"}, created));
        std::vector<ProductWrite> rows;
        for (unsigned i = 1; i <= n; ++i) {
            ProductWrite p;
            p.id = product(i);
            p.name = "Product " + std::to_string(i);
            p.price = 100;
            rows.push_back(p);
        }
        ASSERT_TRUE(engine->upsert_products(ana, "s1", rows, {}));
        hello();
        ASSERT_TRUE(engine->update_ap(ana, kAp, "s1", std::nullopt));
        for (unsigned i = 1; i <= n; ++i) {
            sight(i);
            ASSERT_TRUE(engine->bind(ana, tag_id(i), {"s1", {product(i)}, {}, "A" + std::to_string(i), {}}));
        }
        run();
    }
    // Every task out there is displayed.
    void display_all() {
        for (const auto& task : take_tasks()) {
            report(task, contract::TaskState::accepted);
            report(task, contract::TaskState::displayed);
        }
    }
    static std::string product(unsigned n) { return "P" + std::to_string(n); }
    CreatedChange change_price(unsigned n, std::int64_t price, std::optional<UnixMillis> at = {},
                               const std::string& key = {}) {
        auto out = decide_price(n, price, at, key);
        run();
        return out;
    }
    // Nothing is drawn yet.
    CreatedChange decide_price(unsigned n, std::int64_t price, std::optional<UnixMillis> at = {},
                               const std::string& key = {}) {
        std::vector<FieldError> errors;
        ChangeItemWrite item;
        item.product = product(n);
        item.price = price;
        auto out = engine->create_change(ana, {"s1", "test", at, {item}, key, "d" + std::to_string(price)}, errors);
        EXPECT_TRUE(out) << (out ? "" : out.error().message());
        return out.value_or(CreatedChange{});
    }
    Tag tag(unsigned n) { return engine->tag(tag_id(n)).value().tag; }
    TagStatus status(unsigned n) { return engine->tag(tag_id(n)).value().status; }
    Change change(const std::string& id) { return store.change(id).value_or(Change{}); }
    std::size_t audited(const std::string& action) const {
        std::size_t n = 0;
        for (const auto& e : audit) n += e.action == action ? 1U : 0U;
        return n;
    }

    esl::testing::ManualClock clock;
    MemoryTaskStore store;
    std::unique_ptr<Engine> engine;
    std::vector<Send> sends;
    std::vector<AuditEntry> audit;
    std::vector<Event> events;
    std::size_t drawn = 0;
    Caller ana{"user:ana", "127.0.0.1"};

private:
    ServiceSettings settings_;
};

}  // namespace esl::mgmt::test
