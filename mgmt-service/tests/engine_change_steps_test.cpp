// Every state of a change with its time, in the database and in the audit log.
#include <algorithm>

#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using contract::TaskState;
using namespace std::chrono_literals;

std::string told(const Harness& h, const std::string& id) {
    std::string out;
    for (const auto& s : const_cast<Harness&>(h).store.change_steps(id)) {
        out +=
            (out.empty() ? "" : ", ") + std::string(name(s.action)) + ' ' + std::string(name(s.state)) + ' ' + s.actor;
    }
    return out;
}

std::string audited_of(const Harness& h, const std::string& id) {
    std::string out;
    for (const auto& e : h.audit) {
        if (e.object == "change:" + id) out += (out.empty() ? "" : ", ") + e.action;
    }
    return out;
}

TEST(EngineChangeSteps, AChangeTellsWhenItWasMadeAndWhenItWasDone) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto made = h.clock.wall();
    const auto id = h.change_price(1, 250).change.id;
    h.advance(7s);
    h.display_all();
    EXPECT_EQ(told(h, id), "create running user:ana, finish done service");
    const auto steps = h.store.change_steps(id);
    EXPECT_EQ(steps[0].at, made);
    EXPECT_EQ(steps[1].at, made + 7s);
    EXPECT_EQ(steps[1].at, h.change(id).finished_at);
    EXPECT_EQ(audited_of(h, id), "change.create, change.done");
}

TEST(EngineChangeSteps, AScheduledOneTellsWhenItBegan) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 250, h.clock.wall() + 2min).change.id;
    h.restart();
    h.hello();
    h.advance(2min);
    h.display_all();
    EXPECT_EQ(told(h, id), "create scheduled user:ana, start running service, finish done service");
    EXPECT_EQ(audited_of(h, id), "change.create, change.start, change.done");
}

TEST(EngineChangeSteps, ACancelledOneTellsByWhom) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 250, h.clock.wall() + 1h).change.id;
    ASSERT_TRUE(h.engine->cancel_change({"user:ben", "10.0.0.9"}, id));
    h.run();
    EXPECT_EQ(told(h, id), "create scheduled user:ana, cancel cancelled user:ben");
    const auto entry = std::ranges::find(h.audit, "change.cancel", &AuditEntry::action);
    ASSERT_NE(entry, h.audit.end());
    EXPECT_EQ(entry->source, "10.0.0.9");
}

TEST(EngineChangeSteps, AFailureThatIsMendedIsTwoSteps) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 250).change.id;
    h.fail_task(h.take_tasks().at(0), contract::FailClass::timeout);
    EXPECT_EQ(told(h, id), "create running user:ana, finish partly_failed service");
    h.advance(5min);
    h.display_all();
    EXPECT_EQ(told(h, id), "create running user:ana, finish partly_failed service, finish done service");
    EXPECT_EQ(audited_of(h, id), "change.create, change.partly_failed, change.done");
}

TEST(EngineChangeSteps, ChangesThatNobodyAskedForHaveStepsToo) {
    Harness h;
    h.furnish(1);
    std::uint64_t total = 0;
    for (const auto& change : h.store.changes({}, "", 100, total)) {
        EXPECT_FALSE(h.store.change_steps(change.id).empty()) << change.kind;
        EXPECT_EQ(h.store.change_steps(change.id).back().state, change.state) << change.kind;
    }
    EXPECT_GT(total, 0U);
}

TEST(EngineChangeSteps, AnImportWhoseChangeWasCancelledGoesOnWithAnother) {
    Harness h;
    h.furnish(2);
    h.display_all();
    ProductWrite row;
    row.id = Harness::product(1);
    row.price = 150;
    const auto first = h.engine->upsert_products(h.ana, "s1", {&row, 1}, {.merge = true}).value();
    ASSERT_TRUE(first.change);
    h.run();
    ASSERT_TRUE(h.engine->cancel_change(h.ana, *first.change));
    h.run();
    row.id = Harness::product(2);
    const auto second =
        h.engine->upsert_products(h.ana, "s1", {&row, 1}, {.merge = true, .change = first.change}).value();
    h.run();
    ASSERT_TRUE(second.change);
    EXPECT_NE(second.change, first.change);
    EXPECT_EQ(h.change(*first.change).state, ChangeState::cancelled);
    EXPECT_EQ(h.change(*second.change).state, ChangeState::running);
}

}  // namespace
}  // namespace esl::mgmt::test
