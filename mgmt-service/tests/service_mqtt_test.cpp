// The service's core, threads, database, audit log and MQTT link together, against Debian's Mosquitto and an access
// point that speaks the contract.
#include "audit_log/log.hpp"
#include "common/mqttclient/tests/mosquitto.hpp"
#include "mgmt-service/adapters/audit/audit_log_sink.hpp"
#include "mgmt-service/adapters/mqtt/mqtt_ap_link.hpp"
#include "mgmt-service/adapters/sqlite/sqlite_task_store.hpp"
#include "mgmt-service/tests/engine_harness.hpp"
#include "mgmt-service/tests/fake_ap.hpp"

namespace esl::mgmt::test {
namespace {

using esl::testing::wait_until;

class PictureRenderer final : public ImageRenderer {
public:
    Result<image::TagImage> render(const Scene& scene) override { return picture_of(scene); }
    std::string template_version(const Panel&, const std::optional<std::string>&) override { return "t1"; }
    std::vector<TemplateInfo> templates() override { return {}; }
};

// One life of the service.
struct Life {
    Life(const std::filesystem::path& dir, const std::string& url, ServiceSettings settings = {})
        : log(std::move(*audit::Log::open({.dir = dir / "audit", .origin = "shelfwire/test"}, clock))),
          sink(*log),
          store(dir / "service.db"),
          link(options(url)),
          service(clock, store, renderer, sink, link, std::move(settings)) {
        service.start();
    }
    ~Life() { service.stop(); }

    static mqttclient::Options options(const std::string& url) {
        mqttclient::Options out;
        out.url = url;
        out.client_id = "GID_esl_mgmt@@@test";
        return out;
    }

    SystemClock clock;
    std::unique_ptr<audit::Log> log;
    AuditLogSink sink;
    SqliteTaskStore store;
    PictureRenderer renderer;
    MqttApLink link;
    Service service;
};

const Caller kAna{"user:ana", "127.0.0.1"};

void stock(Service& service, unsigned products) {
    bool created = false;
    ASSERT_TRUE(service.put_store(kAna, "s1", {"Shop", "EUR", "en"}, created));
    std::vector<ProductWrite> rows;
    for (unsigned i = 1; i <= products; ++i) {
        ProductWrite p;
        p.id = Harness::product(i);
        p.name = "Product " + std::to_string(i);
        p.price = 100;
        rows.push_back(std::move(p));
    }
    ASSERT_TRUE(service.upsert_products(kAna, "s1", rows, {}));
}

void hear_and_bind(Service& service, FakeAp& ap, unsigned tags) {
    std::vector<contract::Sighting> heard;
    for (unsigned i = 1; i <= tags; ++i)
        heard.push_back(sighting(tag_id(i), kPanel.width, kPanel.height, kPanel.palette));
    ap.hears(heard);
    ASSERT_TRUE(wait_until([&] { return service.tags({}, {}).value().total == tags; }));
    for (unsigned i = 1; i <= tags; ++i) {
        ASSERT_TRUE(service.bind(kAna, tag_id(i), {"s1", {Harness::product(i)}, {}, "", {}}));
    }
}

TEST(ServiceOverMqtt, APriceGoesFromTheCallToTheApAndBackAndIsAudited) {
    const testing::TempDir dir;
    const testing::Mosquitto broker;
    Life life(dir.path(), broker.url(), {.auto_claim_store = "s1"});
    stock(life.service, 20);
    FakeAp ap(broker.url(), "A1", true);
    ASSERT_TRUE(wait_until([&] { return ap.store() == "s1"; }));
    hear_and_bind(life.service, ap, 20);
    ASSERT_TRUE(wait_until([&] { return life.service.stats("s1").shown == 20; }));

    std::vector<ChangeItemWrite> items;
    for (unsigned i = 1; i <= 20; ++i) items.push_back({Harness::product(i), 199, false, {}});
    std::vector<FieldError> errors;
    const auto made = life.service.create_change(kAna, {"s1", "bulk", {}, items, {}, {}}, errors);
    ASSERT_TRUE(made);
    const auto id = made->change.id;
    ASSERT_TRUE(wait_until([&] { return life.service.change(id)->change.state == ChangeState::done; }));
    const auto change = life.service.change(id)->change;
    EXPECT_EQ(change.jobs_total, 20U);
    EXPECT_EQ(change.count(JobState::displayed), 20U);
    EXPECT_TRUE(change.p99_ms.has_value());
    const auto wanted = life.service.wanted_image(tag_id(7));
    const auto shown = life.service.shown_image(tag_id(7));
    ASSERT_TRUE(wanted && shown);
    EXPECT_EQ(wanted->image, shown->image);
    audit::Query q;
    q.change = id;
    q.action = "job.displayed";
    EXPECT_EQ(life.log->query(q)->size(), 20U);
    life.service.stop();
    life.log.reset();
    EXPECT_TRUE(audit::verify(dir / "audit").good);
}

TEST(ServiceOverMqtt, WhatWasAcceptedInOneLifeIsShownInTheNext) {
    const testing::TempDir dir;
    const testing::Mosquitto broker;
    std::string change;
    {
        Life life(dir.path(), broker.url(), {.auto_claim_store = "s1"});
        stock(life.service, 5);
        FakeAp deaf(broker.url(), "A1", true, [](const contract::Task&) { return std::vector<contract::TaskState>{}; });
        ASSERT_TRUE(wait_until([&] { return deaf.store() == "s1"; }));
        hear_and_bind(life.service, deaf, 5);
        ASSERT_TRUE(wait_until([&] { return deaf.tasks().size() == 5; }));
        std::vector<FieldError> errors;
        const auto made =
            life.service.create_change(kAna, {"s1", "", {}, {{Harness::product(1), 333, false, {}}}, {}, {}}, errors);
        ASSERT_TRUE(made);
        change = made->change.id;
    }
    FakeAp ap(broker.url(), "A1", true);
    Life life(dir.path(), broker.url(), {.auto_claim_store = "s1"});
    ASSERT_TRUE(wait_until([&] { return life.service.stats("s1").shown == 5; }));
    EXPECT_EQ(life.service.product("s1", Harness::product(1))->price_now, 333);
    ASSERT_TRUE(wait_until([&] { return life.service.change(change)->change.state == ChangeState::done; }));
}

TEST(ServiceOverMqtt, ABrokerThatGoesAwayDelaysButLosesNothing) {
    const testing::TempDir dir;
    testing::Mosquitto broker;
    ServiceSettings settings{.auto_claim_store = "s1"};
    settings.accept_timeout = std::chrono::milliseconds(500);
    Life life(dir.path(), broker.url(), settings);
    stock(life.service, 3);
    FakeAp ap(broker.url(), "A1", true);
    ASSERT_TRUE(wait_until([&] { return ap.store() == "s1"; }));
    hear_and_bind(life.service, ap, 3);
    ASSERT_TRUE(wait_until([&] { return life.service.stats("s1").shown == 3; }));
    broker.kill();
    ASSERT_TRUE(wait_until([&] { return life.service.metrics().link_up == 0; }));
    std::vector<FieldError> errors;
    ASSERT_TRUE(
        life.service.create_change(kAna, {"s1", "", {}, {{Harness::product(2), 444, false, {}}}, {}, {}}, errors));
    EXPECT_EQ(life.service.tag(tag_id(2))->status == TagStatus::shown, false);
    broker.start();
    ASSERT_TRUE(wait_until([&] { return life.service.stats("s1").shown == 3; }));
}

}  // namespace
}  // namespace esl::mgmt::test
