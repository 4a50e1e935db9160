// A database that an earlier version wrote: opened by this one, with everything still in it.
#include <gtest/gtest.h>

#include "common/testing/testing.hpp"
#include "mgmt-service/adapters/sqlite/schema.hpp"
#include "mgmt-service/adapters/sqlite/sqlite_task_store.hpp"

namespace esl::mgmt {
namespace {

constexpr UnixMillis at(std::int64_t ms) {
    return from_millis(ms);
}

// As version 3 wrote them: before the plans of tags and the kept answers.
constexpr const char* kRowsOfVersion3 = R"sql(
INSERT INTO stores VALUES ('s1', 'Shop', 'EUR', 'hr-HR', 1);
INSERT INTO aps VALUES ('GID_esl_ap@@@1', 's1', 'Aisle', 1, 2, '0.1', 'boot', '["bluez:hci0","znp:x"]', 4, 3, 5);
INSERT INTO tags (id, store, ap, epoch, radio, model, firmware, panel, products, template_id, position, version, revision,
    dirty, d_version, d_crc, d_sha, d_at, d_not_before, d_expires, d_change, d_inputs, r_version, r_crc, r_sha, r_at,
    f_kind, f_code, f_detail, f_at, f_attempts, b_percent, b_millivolts, b_at, rssi, first_seen, last_seen) VALUES
    ('00124B0001020304', 's1', 'GID_esl_ap@@@1', 3, 'znp', 'price-display', '1.2', '296x128-bwry', '["A","B"]', 'shelf',
     'A3', 9, 2, 'c2', 9, 4294967295, 'aa', 10, 11, 12, 'c2', 'hash', 8, 7, 'bb', 13, 'unreachable', -5, 'no answer', 14,
     3, 80, 2900, 15, -71, 16, 17),
    ('FFFF92000001', NULL, NULL, 0, 'bluez', 'm', '1', '250x122-bwr', '[]', NULL, '', 0, 0, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 18, 19);
INSERT INTO products VALUES ('s1', 'A', 'Milk', 'Farm', '1 l', 'l', 129, 99, 129, 20, 30, 'https://x.example', 4, 21);
INSERT INTO prices (store, product, valid_from, price, promotion, change) VALUES
    ('s1', 'A', 22, 129, 0, 'c1'), ('s1', 'A', 23, 99, 1, 'c2');
INSERT INTO changes VALUES
    ('c1', 's1', 4, 'price', 'done before', 24, 'user:ana', 24, 26, 1, 1, '[0,0,0,0,0,1,0,0,0,0]', 7, 9, 1, '["user:ana"]',
     NULL),
    ('c2', 's1', 1, 'price', 'waits', 25, 'user:ana', 25, NULL, 1, 0, '[0,0,0,0,0,0,0,0,0,0]', NULL, NULL, 3,
     '["user:ana","user:ben"]', '[1,20,null,100,1,false]');
INSERT INTO change_items VALUES
    ('c2', 0, 'A', 1, 129, NULL, NULL, NULL, NULL, 300, NULL, NULL, NULL, NULL, 1, 0, '[[0,1325]]');
INSERT INTO change_steps (change, state, action, at, actor, note) VALUES
    ('c1', 3, 0, 24, 'user:ana', ''), ('c1', 4, 9, 26, 'service', ''), ('c2', 1, 2, 25, 'user:ben', 'please');
INSERT INTO approval_rules VALUES ('s1', 0, 20, NULL, 100, 1, 6);
INSERT INTO jobs VALUES
    ('j1', 'c1', 's1', '00124B0001020304', 'GID_esl_ap@@@1', 8, 7, 'bb', 5, NULL, NULL, NULL, NULL, NULL, 2, 1, 24, 24, 26),
    ('j2', 'c2', 's1', '00124B0001020304', NULL, 9, 5, 'aa', 6, 'timeout', -3, 'd', 27, 2, 2, 1, 25, 25, 28);
INSERT INTO job_steps (job, state, at, actor, detail) VALUES ('j1', 0, 24, 'user:ana', ''), ('j1', 5, 26, 'ap:1', '');
INSERT INTO images VALUES ('aa', 5, 8, 2, x'010203'), ('bb', 7, 8, 2, x'0405');
INSERT INTO idempotency VALUES ('user:ana', 'k1', 'digest', 'c1', 29);
)sql";

struct Version3 : ::testing::Test {
    void SetUp() override {
        sqlite::Database db((dir / "service.db").string(), false);
        sqlite::migrate(db, 3);
        db.run(kRowsOfVersion3);
    }
    testing::TempDir dir;
};

TEST_F(Version3, TagsAndWhatTheyShowAreAllThere) {
    SqliteTaskStore store(dir / "service.db");
    const auto all = store.load();
    EXPECT_EQ(all.stores, (std::vector<Store>{{"s1", "Shop", "EUR", "hr-HR", at(1)}}));
    EXPECT_EQ(
        all.aps,
        (std::vector<Ap>{
            {"GID_esl_ap@@@1", "s1", "Aisle", true, at(2), "0.1", "boot", {"bluez:hci0", "znp:x"}, 4, at(3), at(5)}}));
    Tag full;
    full.id = TagId::eui64(0x00124B0001020304);
    full.store = "s1";
    full.ap = "GID_esl_ap@@@1";
    full.epoch = 3;
    full.radio = "znp";
    full.model = "price-display";
    full.firmware = "1.2";
    full.panel = {296, 128, image::Palette::bwry};
    full.products = {"A", "B"};
    full.template_id = "shelf";
    full.position = "A3";
    full.version = 9;
    full.revision = 2;
    full.dirty = "c2";
    full.desired = Desired{9, {0xFFFFFFFF, "aa"}, at(10), at(11), at(12), "c2", "hash"};
    full.reported = Reported{8, {7, "bb"}, at(13)};
    full.failure = Failure{"unreachable", -5, "no answer", at(14), 3};
    full.battery = Battery{80, 2900, at(15)};
    full.rssi = -71;
    full.first_seen = at(16);
    full.last_seen = at(17);
    Tag bare;
    bare.id = TagId::eui48(0xFFFF92000001);
    bare.radio = "bluez";
    bare.model = "m";
    bare.firmware = "1";
    bare.panel = {250, 122, image::Palette::bwr};
    bare.first_seen = at(18);
    bare.last_seen = at(19);
    EXPECT_EQ(all.tags, (std::vector<Tag>{full, bare}));
    EXPECT_EQ(store.image("aa"), (StoredImage{{5, "aa"}, 8, 2, {1, 2, 3}}));
    store.clean(at(0));
    EXPECT_TRUE(store.image("aa")) << "wanted";
    EXPECT_TRUE(store.image("bb")) << "shown";
}

TEST_F(Version3, PricesChangesAndJobsAreAllThere) {
    SqliteTaskStore store(dir / "service.db");
    const auto all = store.load();
    Product milk;
    milk.store = "s1";
    milk.id = "A";
    milk.name = "Milk";
    milk.brand = "Farm";
    milk.quantity = "1 l";
    milk.unit = "l";
    milk.price = 129;
    milk.promotion = Promotion{99, 129, at(20), at(30)};
    milk.url = "https://x.example";
    milk.version = 4;
    milk.updated_at = at(21);
    EXPECT_EQ(all.products, std::vector<Product>{milk});
    EXPECT_EQ(store.prices("s1", "A", at(0)),
              (std::vector<PricePoint>{{"s1", "A", at(22), 129, false, "c1"}, {"s1", "A", at(23), 99, true, "c2"}}));
    ASSERT_EQ(all.changes.size(), 1U);
    const auto& waits = all.changes[0];
    EXPECT_EQ(waits.id, "c2");
    EXPECT_EQ(waits.state, ChangeState::awaiting_approval);
    EXPECT_EQ(waits.version, 3U);
    EXPECT_EQ(waits.authors, (std::vector<std::string>{"user:ana", "user:ben"}));
    EXPECT_EQ(waits.approval, (ApprovalNeed{ApproverRole::store_manager, 20, std::nullopt, 100, 1, false}));
    const ChangeItem item{"c2", 0, "A", PriceAndPromotion{129, {}}, {300, {}}, true, false, {{TripKind::price, 1325}}};
    EXPECT_EQ(all.items, std::vector<ChangeItem>{item});
    EXPECT_EQ(all.rules,
              (std::vector<ApprovalRule>{{"s1", false, 20, std::nullopt, 100, ApproverRole::store_manager, 6}}));
    EXPECT_EQ(store.change("c1")->p99_ms, 9);
    EXPECT_EQ(store.change("c1")->count(JobState::displayed), 1U);
    EXPECT_EQ(store.change_steps("c1").size(), 2U);
    EXPECT_EQ(store.change_steps("c2"),
              (std::vector<ChangeStep>{
                  {"c2", ChangeState::awaiting_approval, ChangeAction::submit, at(25), "user:ben", "please"}}));
    ASSERT_EQ(all.jobs.size(), 1U);
    EXPECT_EQ(all.jobs[0].id, "j2");
    EXPECT_EQ(all.jobs[0].failure, (Failure{"timeout", -3, "d", at(27), 2}));
    EXPECT_EQ(store.job("j1")->state, JobState::displayed);
    EXPECT_EQ(store.steps("j1").size(), 2U);
    EXPECT_EQ(store.idempotency("user:ana", "k1"), (Idempotency{"user:ana", "k1", "digest", "c1", at(29)}));
}

TEST_F(Version3, WhatIsWrittenAfterwardsStaysToo) {
    Tag tag;
    {
        SqliteTaskStore store(dir / "service.db");
        tag = store.load().tags.at(0);
        tag.planned = Planned{at(100), 10, {6, "cc"}, "later", "j3", at(90), at(200), at(91), std::nullopt};
        WriteBatch batch;
        batch.tags = {tag};
        batch.keys = {{"user:ana", "k2", "d", "", at(95), 201, "{}", "\"body\""}};
        store.commit(batch);
    }
    SqliteTaskStore store(dir / "service.db");
    EXPECT_EQ(store.load().tags.at(0), tag);
    EXPECT_EQ(store.idempotency("user:ana", "k2")->body, "\"body\"");
    EXPECT_EQ(store.idempotency("user:ana", "k1")->change, "c1");
}

}  // namespace
}  // namespace esl::mgmt
