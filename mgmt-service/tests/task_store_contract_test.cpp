// What every TaskStore promises, asked of the one in memory and of SQLite on a file.
#include <gtest/gtest.h>

#include <sqlite3.h>

#include <algorithm>

#include "common/testing/testing.hpp"
#include "mgmt-service/adapters/memory/memory_task_store.hpp"
#include "mgmt-service/adapters/sqlite/schema.hpp"
#include "mgmt-service/adapters/sqlite/sqlite_task_store.hpp"

namespace esl::mgmt {
namespace {

constexpr UnixMillis at(std::int64_t ms) {
    return from_millis(1'700'000'000'000 + ms);
}

class TaskStoreContract : public ::testing::TestWithParam<bool> {
protected:
    TaskStoreContract() { open(); }
    void open() {
        store_.reset();
        if (GetParam()) {
            store_ = std::make_unique<SqliteTaskStore>(dir_ / "service.db");
        } else if (!memory_) {
            memory_ = std::make_shared<MemoryTaskStore>();
        }
    }
    TaskStore& store() { return GetParam() ? *store_ : *memory_; }

    testing::TempDir dir_;
    std::unique_ptr<TaskStore> store_;
    std::shared_ptr<MemoryTaskStore> memory_;
};
INSTANTIATE_TEST_SUITE_P(Stores, TaskStoreContract, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Sqlite" : "Memory"; });

Tag full_tag() {
    Tag t;
    t.id = TagId::eui64(0x00124B0001020304);
    t.store = "s1";
    t.ap = "GID_esl_ap@@@1";
    t.epoch = 3;
    t.radio = "znp";
    t.model = "price-display";
    t.firmware = "1.2";
    t.panel = {296, 128, image::Palette::bwry};
    t.products = {"A \"quoted\"", "B"};
    t.template_id = "shelf";
    t.position = "A3";
    t.version = 9;
    t.desired = Desired{9, {0xFFFFFFFF, "aa"}, at(1), at(2), at(3), "c1", "hash"};
    t.planned = Planned{at(12), 10, {0xFFFFFFFE, "ee"}, "later", "j1", at(9), at(13), at(10), at(11)};
    t.reported = Reported{8, {7, "bb"}, at(4)};
    t.failure = Failure{"unreachable", -5, "no answer", at(5), 3};
    t.battery = Battery{80, 2900, at(6)};
    t.rssi = -71;
    t.first_seen = at(7);
    t.last_seen = at(8);
    t.revision = 2;
    t.dirty = "c1";
    return t;
}

Change a_change(const std::string& id, ChangeState state, const std::string& shop = "s1") {
    Change c;
    c.id = id;
    c.store = shop;
    c.state = state;
    c.kind = "price";
    c.title = "Title";
    c.created_at = at(10);
    c.created_by = "user:ana";
    c.at = at(11);
    c.items_total = 2;
    c.jobs_total = 4'000'000'000;
    c.counts[5] = 3;
    c.version = 4;
    c.authors = {"user:ana", "user:\"b\""};
    c.approval = ApprovalNeed{ApproverRole::chain_admin, 20, std::nullopt, 100, 7, true};
    return c;
}

Job a_job(const std::string& id, const std::string& change, JobState state, TagId tag = TagId::eui48(1)) {
    Job j;
    j.id = id;
    j.change = change;
    j.store = "s1";
    j.tag = tag;
    j.ap = "GID_esl_ap@@@1";
    j.version = 5;
    j.image = {0x9A3C0F11, "aa"};
    j.state = state;
    j.failure = Failure{"timeout", std::nullopt, "d", at(1), 2};
    j.attempts = 2;
    j.tries = 1;
    j.created_at = at(20);
    j.due = at(21);
    j.updated_at = at(121);
    return j;
}

TEST_P(TaskStoreContract, GivesBackEveryFieldOfEveryRecordAfterOpeningAgain) {
    WriteBatch b;
    b.stores = {{"s1", "Shop", "EUR", "hr-HR", at(0)}};
    Ap ap{"GID_esl_ap@@@1", "s1", "Aisle", true, at(1), "0.1", "boot", {"bluez:hci0", "znp:x"}, 4, at(2), at(3)};
    b.aps = {ap, {"GID_esl_ap@@@2", {}, "", false, at(1), "", "", {}, 0, {}, at(3)}};
    Tag bare;
    bare.id = TagId::eui48(0xFFFF92000001);
    bare.panel = {250, 122, image::Palette::bw};
    b.tags = {full_tag(), bare};
    Product p{
        "s1", "09008700124195", "Žuti", "Brand", "2.00", "l", 249, Promotion{199, 249, at(1), at(2)}, "http://x", 7,
        at(9)};
    Product poor;
    poor.store = "s1";
    poor.id = "X";
    b.products = {p, poor};
    b.changes = {a_change("c1", ChangeState::running), a_change("c2", ChangeState::scheduled)};
    ChangeItem item{"c2", 0, "X", PriceAndPromotion{100, Promotion{90, {}, at(1), at(5)}}, {120, {}}, true, false};
    item.trips = {{TripKind::price, 200}, {TripKind::promotion, -999}};
    ChangeItem second{"c2", 1, "Y", {}, {{}, Promotion{80, 100, at(1), at(5)}}, false, true};
    b.rules = {{"", false, 20, std::nullopt, 100, ApproverRole::chain_admin, 3},
               {"s1", true, std::nullopt, 30, std::nullopt, ApproverRole::operator_, 1}};
    b.items = {item, second};
    b.jobs = {a_job("j1", "c1", JobState::sent)};
    store().commit(b);
    open();
    const auto s = store().load();
    EXPECT_EQ(s.stores, b.stores);
    EXPECT_EQ(s.aps, b.aps);
    ASSERT_EQ(s.tags.size(), 2U);
    EXPECT_TRUE(std::ranges::find(s.tags, full_tag()) != s.tags.end());
    EXPECT_TRUE(std::ranges::find(s.tags, bare) != s.tags.end());
    EXPECT_EQ(s.products, b.products);
    EXPECT_EQ(s.changes, b.changes);
    EXPECT_EQ(s.items, b.items);
    EXPECT_EQ(s.jobs, b.jobs);
    EXPECT_EQ(s.rules, b.rules);
}

TEST_P(TaskStoreContract, LoadsTheItemsOfWhateverIsNotInForce) {
    WriteBatch b;
    b.changes = {a_change("c1", ChangeState::draft), a_change("c2", ChangeState::awaiting_approval),
                 a_change("c3", ChangeState::scheduled), a_change("c4", ChangeState::running)};
    for (const auto& c : b.changes) b.items.push_back({c.id, 0, "X", {}, {}, true, false});
    store().commit(b);
    const auto items = store().load().items;
    ASSERT_EQ(items.size(), 3U);
    EXPECT_EQ(items[0].change, "c1");
    EXPECT_EQ(items[2].change, "c3");
}

TEST_P(TaskStoreContract, ClearsTheItemsOfAChangeBeforeItsNewOnesCome) {
    WriteBatch b;
    for (std::uint32_t i = 0; i < 3; ++i) b.items.push_back({"c1", i, "X" + std::to_string(i), {}, {}, true, false});
    b.items.push_back({"c2", 0, "Z", {}, {}, true, false});
    store().commit(b);
    WriteBatch next;
    next.clear_items = {"c1"};
    next.items = {{"c1", 0, "Y", {}, {}, true, false}};
    store().commit(next);
    EXPECT_EQ(store().change_items("c1", 10), next.items);
    EXPECT_EQ(store().change_items("c2", 10).size(), 1U);
}

TEST_P(TaskStoreContract, PagesItemsAndFindsThoseThatNeedApproval) {
    WriteBatch b;
    for (std::uint32_t i = 0; i < 9; ++i) {
        b.items.push_back({"c1", i, "X", {}, {}, true, false});
        if (i % 3 == 1) b.items.back().trips = {{TripKind::price, 500}};
    }
    store().commit(b);
    EXPECT_EQ(store().item_page("c1", -1, false, 4).size(), 4U);
    EXPECT_EQ(store().item_page("c1", 5, false, 100).at(0).index, 6U);
    const auto tripped = store().item_page("c1", 1, true, 100);
    ASSERT_EQ(tripped.size(), 2U);
    EXPECT_EQ(tripped[0].index, 4U);
    EXPECT_EQ(tripped[1].index, 7U);
}

TEST_P(TaskStoreContract, LoadsOnlyWhatHasNotComeToItsEnd) {
    WriteBatch b;
    b.changes = {a_change("c1", ChangeState::done), a_change("c2", ChangeState::partly_failed),
                 a_change("c3", ChangeState::running), a_change("c4", ChangeState::cancelled)};
    b.jobs = {a_job("j1", "c1", JobState::displayed), a_job("j2", "c2", JobState::failed),
              a_job("j3", "c4", JobState::cancelled), a_job("j4", "c1", JobState::superseded),
              a_job("j5", "c1", JobState::expired)};
    store().commit(b);
    const auto s = store().load();
    ASSERT_EQ(s.jobs.size(), 1U);
    EXPECT_EQ(s.jobs[0].id, "j2");
    ASSERT_EQ(s.changes.size(), 2U);
    EXPECT_EQ(s.changes[0].id, "c2");
    EXPECT_EQ(s.changes[1].id, "c3");
}

TEST_P(TaskStoreContract, ALaterRowReplacesTheEarlierOneOfItsKey) {
    WriteBatch b;
    b.jobs = {a_job("j1", "c1", JobState::sent)};
    store().commit(b);
    b.jobs[0].state = JobState::displayed;
    b.jobs[0].failure.reset();
    store().commit(b);
    EXPECT_EQ(store().job("j1"), b.jobs[0]);
    EXPECT_FALSE(store().job("j2"));
}

TEST_P(TaskStoreContract, PagesNewestFirstWithTheTotalOfTheFilter) {
    WriteBatch b;
    for (int i = 0; i < 9; ++i) {
        b.changes.push_back(
            a_change("c" + std::to_string(i), i % 2 ? ChangeState::done : ChangeState::running, i < 6 ? "s1" : "s2"));
        b.jobs.push_back(a_job("j" + std::to_string(i), i < 6 ? "c1" : "c2",
                               i % 3 ? JobState::displayed : JobState::failed, TagId::eui48(i % 2 ? 1 : 2)));
    }
    store().commit(b);
    std::uint64_t total = 0;
    auto page = store().changes({.store = "s1", .state = {}}, "", 4, total);
    ASSERT_EQ(page.size(), 4U);
    EXPECT_EQ(total, 6U);
    EXPECT_EQ(page[0].id, "c5");
    page = store().changes({.store = "s1", .state = {}}, page.back().id, 4, total);
    ASSERT_EQ(page.size(), 2U);
    EXPECT_EQ(page[0].id, "c1");
    EXPECT_EQ(total, 6U);
    page = store().changes({.store = {}, .state = ChangeState::done}, "", 10, total);
    EXPECT_EQ(total, 4U);
    const auto jobs = store().jobs(
        {.change = "c1", .store = "s1", .tag = TagId::eui48(1), .state = JobState::displayed}, "", 10, total);
    ASSERT_EQ(total, 2U);
    EXPECT_EQ(jobs[0].id, "j5");
    EXPECT_EQ(jobs[1].id, "j1");
}

TEST_P(TaskStoreContract, StepsStayInTheOrderTheyWereCommitted) {
    WriteBatch b;
    b.steps = {{"j1", JobState::fresh, at(5), "user:ana", ""}, {"j1", JobState::queued, at(5), "service", "d"}};
    store().commit(b);
    b.steps = {{"j2", JobState::fresh, at(1), "x", ""}, {"j1", JobState::sent, at(4), "service", ""}};
    store().commit(b);
    const auto steps = store().steps("j1");
    ASSERT_EQ(steps.size(), 3U);
    EXPECT_EQ(steps[0], (JobStep{"j1", JobState::fresh, at(5), "user:ana", ""}));
    EXPECT_EQ(steps[1].state, JobState::queued);
    EXPECT_EQ(steps[2].state, JobState::sent);
}

TEST_P(TaskStoreContract, StepsOfAChangeStayInTheOrderTheyWereCommitted) {
    WriteBatch b;
    b.change_steps = {{"c1", ChangeState::draft, ChangeAction::create, at(5), "user:ana", ""},
                      {"c1", ChangeState::awaiting_approval, ChangeAction::submit, at(5), "user:ana", "please"},
                      {"c2", ChangeState::running, ChangeAction::create, at(5), "service", ""}};
    store().commit(b);
    b.change_steps = {{"c1", ChangeState::draft, ChangeAction::reject, at(4), "user:ben", "too \"cheap\""}};
    store().commit(b);
    open();
    const auto steps = store().change_steps("c1");
    ASSERT_EQ(steps.size(), 3U);
    EXPECT_EQ(steps[1],
              (ChangeStep{"c1", ChangeState::awaiting_approval, ChangeAction::submit, at(5), "user:ana", "please"}));
    EXPECT_EQ(steps[2],
              (ChangeStep{"c1", ChangeState::draft, ChangeAction::reject, at(4), "user:ben", "too \"cheap\""}));
    EXPECT_TRUE(store().change_steps("c3").empty());
}

TEST_P(TaskStoreContract, GivesNoMoreStepsOfAChangeThanItPromises) {
    WriteBatch b;
    for (std::size_t i = 0; i < kMaxChangeSteps + 5; ++i) {
        b.change_steps.push_back({"c1", ChangeState::running, ChangeAction::resume, at(0), "x", std::to_string(i)});
    }
    store().commit(b);
    const auto steps = store().change_steps("c1");
    ASSERT_EQ(steps.size(), kMaxChangeSteps);
    EXPECT_EQ(steps.back().note, std::to_string(kMaxChangeSteps - 1));
}

TEST_P(TaskStoreContract, PricesBeginWithTheOneInForceAtTheAskedMoment) {
    WriteBatch b;
    b.prices = {{"s1", "X", at(100), 100, false, "c1"},
                {"s1", "X", at(300), std::nullopt, false, "c3"},
                {"s1", "X", at(200), 80, true, "c2"},
                {"s1", "Y", at(150), 5, false, ""}};
    store().commit(b);
    EXPECT_EQ(store().prices("s1", "X", at(250)).size(), 2U);
    EXPECT_EQ(store().prices("s1", "X", at(200)).size(), 2U);
    EXPECT_EQ(store().prices("s1", "X", at(199)).size(), 3U);
    const auto all = store().prices("s1", "X", at(0));
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[1], (PricePoint{"s1", "X", at(200), 80, true, "c2"}));
    EXPECT_FALSE(all[2].price);
    EXPECT_TRUE(store().prices("s1", "Z", at(0)).empty());
}

TEST_P(TaskStoreContract, MeasuresDisplayedJobsOfAChange) {
    WriteBatch b;
    b.jobs = {a_job("j1", "c1", JobState::displayed), a_job("j2", "c1", JobState::failed),
              a_job("j3", "c2", JobState::displayed)};
    store().commit(b);
    EXPECT_EQ(store().durations("c1"), std::vector<std::int64_t>{100});
}

TEST_P(TaskStoreContract, KeepsImagesThatAreReferredToAndForgetsTheOthers) {
    WriteBatch b;
    b.tags = {full_tag()};  // wants aa, later ee, shows bb
    auto job = a_job("j1", "c1", JobState::sent);
    job.image.sha = "cc";
    b.jobs = {job};
    for (const char* sha : {"aa", "bb", "cc", "dd", "ee"}) b.images.push_back({{1, sha}, 8, 2, {1, 2, 3, 0}});
    b.keys = {{"user:ana", "k1", "d", "c1", at(0)}, {"user:ana", "k2", "d", "", at(100), 201, "{}", "\"body\""}};
    store().commit(b);
    store().commit(b.images.empty() ? b : WriteBatch{.images = {{{1, "aa"}, 9, 9, {}}}});  // stays as it is
    store().clean(at(50));
    EXPECT_EQ(store().image("aa"), b.images[0]);
    EXPECT_TRUE(store().image("bb"));
    EXPECT_TRUE(store().image("cc"));
    EXPECT_TRUE(store().image("ee"));
    EXPECT_FALSE(store().image("dd"));
    EXPECT_FALSE(store().idempotency("user:ana", "k1"));
    EXPECT_EQ(store().idempotency("user:ana", "k2"), b.keys[1]);
    EXPECT_FALSE(store().idempotency("user:eve", "k2"));
}

TEST_P(TaskStoreContract, ItemsComeByIndexUpToTheLimit) {
    WriteBatch b;
    for (std::uint32_t i = 5; i-- > 0;) b.items.push_back({"c1", i, "P" + std::to_string(i), {}, {}, true, false});
    store().commit(b);
    const auto items = store().change_items("c1", 3);
    ASSERT_EQ(items.size(), 3U);
    EXPECT_EQ(items[0].product, "P0");
    EXPECT_EQ(items[2].product, "P2");
}

TEST(SqliteTaskStore, GivesChangesOfAnOlderDatabaseTheStepsTheirRowsTellOf) {
    const testing::TempDir dir;
    {
        sqlite::Database db((dir / "service.db").string(), false);
        sqlite::migrate(db, 1);
        const std::string into =
            "INSERT INTO changes (id, store, state, kind, title, created_at, created_by, at, finished_at, items_total, "
            "jobs_total, counts) VALUES ";
        const std::string counts = "0, 0, '[0,0,0,0,0,0,0,0,0,0]')";
        db.run((into + "('c1', 's1', 4, 'price', '', 100, 'user:ana', 200, 300, " + counts).c_str());
        db.run((into + "('c2', 's1', 2, 'price', '', 100, 'user:ana', 900, NULL, " + counts).c_str());
        db.run((into + "('c3', 's1', 6, 'price', '', 100, 'user:ana', 100, 150, " + counts).c_str());
    }
    SqliteTaskStore store(dir / "service.db");
    const auto t = [](std::int64_t ms) { return from_millis(ms); };
    EXPECT_EQ(store.change_steps("c1"),
              (std::vector<ChangeStep>{
                  {"c1", ChangeState::scheduled, ChangeAction::create, t(100), "user:ana", ""},
                  {"c1", ChangeState::running, ChangeAction::start, t(200), "service", ""},
                  {"c1", ChangeState::done, ChangeAction::finish, t(300), "service", ""},
              }));
    EXPECT_EQ(store.change_steps("c2").size(), 1U);
    EXPECT_EQ(store.change_steps("c3").back(),
              (ChangeStep{"c3", ChangeState::cancelled, ChangeAction::cancel, t(150), "service", ""}));
    const auto waiting = store.load().changes;
    ASSERT_EQ(waiting.size(), 1U);
    EXPECT_EQ(waiting[0].authors, std::vector<std::string>{"user:ana"});
    EXPECT_EQ(waiting[0].version, 1U);
}

TEST(SqliteTaskStore, RefusesADatabaseOfANewerVersion) {
    const testing::TempDir dir;
    {
        const SqliteTaskStore made(dir / "service.db");
    }
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir / "service.db").c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
    try {
        const SqliteTaskStore store(dir / "service.db");
        FAIL() << "opened";
    } catch (const std::runtime_error& e) {
        EXPECT_NE(std::string(e.what()).find("version 99"), std::string::npos) << e.what();
    }
}

TEST(SqliteTaskStore, NamesTheFileThatCannotBeOpened) {
    const testing::TempDir dir;
    try {
        const SqliteTaskStore store(dir / "no-such-folder/service.db");
        FAIL() << "opened";
    } catch (const std::runtime_error& e) {
        EXPECT_NE(std::string(e.what()).find("no-such-folder"), std::string::npos) << e.what();
    }
}

}  // namespace
}  // namespace esl::mgmt
