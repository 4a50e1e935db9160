#include <algorithm>

#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using contract::TaskState;
using namespace std::chrono_literals;

ProductWrite row(unsigned n, std::optional<std::int64_t> price) {
    ProductWrite p;
    p.id = Harness::product(n);
    p.name = "Product " + std::to_string(n);
    p.price = price;
    return p;
}

std::optional<std::int64_t> price_now(Harness& h, unsigned n) {
    return h.engine->product("s1", Harness::product(n))->price_now;
}

TEST(EngineChanges, AScheduledChangeComesIntoForceAtItsMomentAlsoAfterARestart) {
    Harness h;
    h.furnish(2);
    h.display_all();
    const auto id = h.change_price(1, 250, h.clock.wall() + 1h).change.id;
    EXPECT_EQ(h.change(id).state, ChangeState::scheduled);
    EXPECT_EQ(h.store.change_items(id, 10).size(), 1U);
    h.restart();
    h.hello();
    h.advance(59min);
    EXPECT_EQ(price_now(h, 1), 100);
    h.engine->on_uplink(contract::ApHealth{kAp, {}, 0, 1, h.clock.wall()});
    (void)h.take_tasks();
    h.advance(2min);
    EXPECT_EQ(price_now(h, 1), 250);
    EXPECT_EQ(h.change(id).state, ChangeState::running);
    h.display_all();
    EXPECT_EQ(h.change(id).state, ChangeState::done);
    EXPECT_EQ(h.audited("change.start"), 1U);
}

TEST(EngineChanges, AScheduledChangeOfThePriceLeavesAPromotionMadeMeanwhile) {
    Harness h;
    h.furnish(1);
    h.change_price(1, 250, h.clock.wall() + 1h);
    std::vector<FieldError> errors;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{80, {}, h.clock.wall(), h.clock.wall() + 24h}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.advance(2h);
    EXPECT_EQ(price_now(h, 1), 80);
    EXPECT_EQ(h.engine->product("s1", Harness::product(1))->product.price, 250);
}

TEST(EngineChanges, ACancelledScheduledChangeNeverHappens) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 250, h.clock.wall() + 1h).change.id;
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    h.advance(2h);
    EXPECT_EQ(price_now(h, 1), 100);
    EXPECT_EQ(h.change(id).state, ChangeState::cancelled);
    EXPECT_TRUE(h.engine->cancel_change(h.ana, id).error().is(ServiceError::conflict));
    EXPECT_TRUE(h.engine->cancel_change(h.ana, "nothing").error().is(ServiceError::not_found));
}

TEST(EngineChanges, CancellingARunningChangeBringsBackWhatWasInForce) {
    Harness h;
    h.furnish(3);
    h.display_all();
    std::vector<FieldError> errors;
    std::vector<ChangeItemWrite> items;
    for (unsigned i = 1; i <= 3; ++i) items.push_back({Harness::product(i), 300, false, {}});
    const auto made = h.engine->create_change(h.ana, {"s1", "", {}, items, {}, {}}, errors);
    ASSERT_TRUE(made);
    h.run();
    const auto tasks = h.take_tasks();
    ASSERT_EQ(tasks.size(), 3U);
    h.report(tasks[0], TaskState::displayed);
    h.change_price(2, 400);
    (void)h.take_tasks();
    ASSERT_TRUE(h.engine->cancel_change(h.ana, made->change.id));
    h.run();
    EXPECT_EQ(price_now(h, 1), 100);
    EXPECT_EQ(price_now(h, 2), 400) << "decided by somebody else since";
    EXPECT_EQ(price_now(h, 3), 100);
    EXPECT_EQ(h.change(made->change.id).state, ChangeState::cancelled);
    EXPECT_EQ(h.store.job(tasks[2].job)->state, JobState::cancelled);
    const auto back = h.take_tasks();
    ASSERT_EQ(back.size(), 2U);
    EXPECT_EQ(back[0].tag, tasks[0].tag);
    EXPECT_EQ(back[1].tag, tasks[2].tag);
}

TEST(EngineChanges, CancellingEndsTheJobsThatAreNotShown) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 300).change.id;
    const auto task = h.take_tasks().at(0);
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    h.run();
    EXPECT_EQ(h.store.job(task.job)->state, JobState::cancelled);
    EXPECT_EQ(h.change(id).count(JobState::cancelled), 1U);
    h.display_all();
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(price_now(h, 1), 100);
}

TEST(EngineChanges, TheSameKeyDoesItOnceAlsoAcrossARestart) {
    Harness h;
    h.furnish(1);
    const auto first = h.change_price(1, 300, {}, "key-1");
    const auto again = h.change_price(1, 300, {}, "key-1");
    EXPECT_FALSE(first.replay);
    EXPECT_TRUE(again.replay);
    EXPECT_EQ(again.change.id, first.change.id);
    h.restart();
    EXPECT_EQ(h.change_price(1, 300, {}, "key-1").change.id, first.change.id);
    std::vector<FieldError> errors;
    const auto other = h.engine->create_change(
        h.ana, {"s1", "", {}, {{Harness::product(1), 5, false, {}}}, "key-1", "another body"}, errors);
    EXPECT_TRUE(other.error().is(ServiceError::idempotency_key_reused));
    h.advance(25h);
    EXPECT_NE(h.change_price(1, 300, {}, "key-1").change.id, first.change.id);
}

TEST(EngineChanges, EveryBadItemIsNamedAndNothingIsDone) {
    Harness h;
    h.furnish(2);
    std::vector<FieldError> errors;
    const auto now = h.clock.wall();
    NewChange bad{"s1", "", {}, {}, {}, {}};
    bad.items = {{Harness::product(1), 120, false, {}},
                 {"nope", 120, false, {}},
                 {Harness::product(2), {}, false, {}},
                 {Harness::product(1), -1, false, {}},
                 {Harness::product(2), {}, true, Promotion{50, {}, now, now}}};
    const auto out = h.engine->create_change(h.ana, bad, errors);
    ASSERT_FALSE(out);
    EXPECT_TRUE(out.error().is(ServiceError::invalid));
    std::vector<std::string> where;
    for (const auto& e : errors) where.push_back(e.where);
    EXPECT_EQ(where, (std::vector<std::string>{"/items/1/product", "/items/2", "/items/3/product", "/items/3/price",
                                               "/items/4/product", "/items/4/promotion/to"}));
    EXPECT_EQ(price_now(h, 1), 100);
    EXPECT_TRUE(
        h.engine->create_change(h.ana, {"nowhere", "", {}, {}, {}, {}}, errors).error().is(ServiceError::not_found));
}

TEST(EnginePromotions, APromotionBeginsAndEndsByItselfAndStrikesTheLowestPriceOf30Days) {
    Harness h;
    h.furnish(1);
    h.display_all();
    h.advance(24h);
    h.change_price(1, 90);
    h.advance(24h);
    h.change_price(1, 120);
    h.advance(24h);
    const auto from = h.clock.wall() + 1h;
    std::vector<FieldError> errors;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{70, {}, from, from + 48h}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.run();
    EXPECT_EQ(price_now(h, 1), 120);
    EXPECT_EQ(h.engine->product("s1", Harness::product(1))->product.promotion->prior_price, 90);
    h.advance(1h);
    EXPECT_EQ(price_now(h, 1), 70);
    h.restart();
    h.advance(48h);
    EXPECT_EQ(price_now(h, 1), 120);
    EXPECT_FALSE(h.engine->product("s1", Harness::product(1))->product.promotion);
    std::vector<std::optional<std::int64_t>> history;
    for (const auto& p : h.store.prices("s1", Harness::product(1), UnixMillis{})) history.push_back(p.price);
    EXPECT_EQ(history, (std::vector<std::optional<std::int64_t>>{100, 90, 120, 70, 120}));
    EXPECT_EQ(h.audited("promotion.begin"), 1U);
    EXPECT_EQ(h.audited("promotion.end"), 1U);
}

TEST(EnginePromotions, AStartOrEndThatWasSleptThroughIsMadeUpFor) {
    Harness h;
    h.furnish(1);
    std::vector<FieldError> errors;
    const auto from = h.clock.wall() + 1h;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{70, {}, from, from + 2h}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.run();
    h.clock.advance(2h);
    h.restart();
    h.run();
    EXPECT_EQ(price_now(h, 1), 70);
    EXPECT_EQ(h.store.prices("s1", Harness::product(1), UnixMillis{}).back().price, 70);
    const auto promoted = h.tag(1).desired->image;
    h.clock.advance(48h);
    h.restart();
    h.run();
    EXPECT_EQ(price_now(h, 1), 100);
    EXPECT_FALSE(h.engine->product("s1", Harness::product(1))->product.promotion);
    EXPECT_NE(h.tag(1).desired->image, promoted);
}

TEST(EnginePromotions, AWantedImageExpiresWhenThePromotionEnds) {
    Harness h;
    h.furnish(1);
    h.display_all();
    std::vector<FieldError> errors;
    const auto to = h.clock.wall() + 2h;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{70, {}, h.clock.wall(), to}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.run();
    const auto task = h.take_tasks().at(0);
    EXPECT_EQ(task.expires, to);
    h.advance(2h);
    EXPECT_EQ(h.store.job(task.job)->state, JobState::expired) << "not shown while it was right";
    EXPECT_FALSE(h.tag(1).desired->expires);
    EXPECT_NE(h.tag(1).desired->version, task.version);
}

TEST(EngineProducts, EachRowGetsItsVerdictAndASecondImportChangesNothing) {
    Harness h;
    h.furnish(2);
    h.display_all();
    auto same = row(1, 100);
    auto dearer = row(2, 130);
    auto fresh = row(3, {});
    ProductWrite nameless;
    nameless.id = "Z";
    auto negative = row(4, -1);
    const std::vector<ProductWrite> rows{same, dearer, fresh, nameless, negative};
    UpsertOptions dry{.merge = true, .dry_run = true};
    const auto tried = h.engine->upsert_products(h.ana, "s1", rows, dry);
    EXPECT_EQ(price_now(h, 2), 100);
    const auto out = h.engine->upsert_products(h.ana, "s1", rows, {.merge = true});
    ASSERT_TRUE(out && tried);
    std::vector<Verdict> verdicts, predicted;
    for (const auto& v : out->verdicts) verdicts.push_back(v.verdict);
    for (const auto& v : tried->verdicts) predicted.push_back(v.verdict);
    EXPECT_EQ(verdicts, (std::vector{Verdict::unchanged, Verdict::updated, Verdict::created, Verdict::rejected,
                                     Verdict::rejected}));
    EXPECT_EQ(predicted, verdicts);
    EXPECT_EQ(out->verdicts[3].reason, "no_name");
    EXPECT_EQ(out->verdicts[4].reason, "bad_price");
    ASSERT_TRUE(out->change);
    h.run();
    EXPECT_EQ(h.take_tasks().size(), 1U);
    const auto again = h.engine->upsert_products(h.ana, "s1", std::span(rows).first(3), {.merge = true});
    for (const auto& v : again->verdicts) EXPECT_EQ(v.verdict, Verdict::unchanged);
    EXPECT_FALSE(again->change);
}

TEST(EngineProducts, LaterBatchesOfAnImportGoOnWithItsChangeEvenWhenThatHadEnded) {
    Harness h;
    h.furnish(2);
    h.display_all();
    const std::vector<ProductWrite> one{row(1, 111)}, two{row(2, 222)};
    const auto first = h.engine->upsert_products(h.ana, "s1", one, {.merge = true});
    h.run();
    h.display_all();
    EXPECT_EQ(h.change(*first->change).state, ChangeState::done);
    UpsertOptions more{.merge = true};
    more.change = first->change;
    const auto second = h.engine->upsert_products(h.ana, "s1", two, more);
    EXPECT_EQ(second->change, first->change);
    h.run();
    EXPECT_EQ(h.change(*first->change).state, ChangeState::running);
    h.display_all();
    EXPECT_EQ(h.change(*first->change).state, ChangeState::done);
    EXPECT_EQ(h.change(*first->change).jobs_total, 2U);
}

TEST(EngineProducts, IfMatchGuardsAWrite) {
    Harness h;
    h.furnish(1);
    const std::vector<ProductWrite> rows{row(1, 5)};
    UpsertOptions options{.kind = "product"};
    options.if_version = 9;
    EXPECT_TRUE(h.engine->upsert_products(h.ana, "s1", rows, options).error().is(ServiceError::precondition_failed));
    options.if_version = 1;
    EXPECT_TRUE(h.engine->upsert_products(h.ana, "s1", rows, options));
}

TEST(EngineProducts, AreFoundByWordsWithoutAccentsAndByTheirCode) {
    Harness h;
    h.furnish(1);
    ProductWrite orange;
    orange.id = "09008700145268";
    orange.name = "Nektar Naranča";
    orange.brand = "Bravo";
    const std::vector<ProductWrite> rows{orange};
    ASSERT_TRUE(h.engine->upsert_products(h.ana, "s1", rows, {}));
    for (const char* q : {"naranca", "NARANČA brav", "nek nar", "9008700145268", "090087", "90087"}) {
        const auto page = h.engine->products({"s1", q, {}, {}}, {});
        ASSERT_EQ(page->total, 1U) << q;
        EXPECT_EQ(page->items[0].product.id, orange.id);
    }
    EXPECT_EQ(h.engine->products({"s1", "ananas", {}, {}}, {})->total, 0U);
    EXPECT_EQ(h.engine->products({"s1", "", true, {}}, {})->total, 1U);
    EXPECT_EQ(h.engine->products({"s1", "", false, {}}, {})->total, 1U);
}

TEST(EngineTags, PagesNeitherRepeatNorMissATag) {
    Harness h;
    h.furnish(7);
    std::vector<TagId> seen;
    PageRequest page{3, ""};
    for (;;) {
        const auto out = h.engine->tags({}, page);
        ASSERT_TRUE(out);
        EXPECT_EQ(out->total, 7U);
        for (const auto& t : out->items) seen.push_back(t.tag.id);
        if (!out->next) break;
        page.cursor = *out->next;
    }
    EXPECT_EQ(seen.size(), 7U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_TRUE(h.engine->tags({}, {3, "not a tag"}).error().is(ServiceError::invalid));
    TagFilter by_place;
    by_place.q = "a3";
    EXPECT_EQ(h.engine->tags(by_place, {})->total, 1U);
}

TEST(EngineTags, BindingNamesWhatIsWrong) {
    Harness h;
    h.furnish(1);
    EXPECT_TRUE(h.engine->bind(h.ana, tag_id(99), {"s1", {"P1"}, {}, "", {}}).error().is(ServiceError::not_found));
    const auto unknown = h.engine->bind(h.ana, tag_id(1), {"s1", {"P1", "P7"}, {}, "", {}});
    EXPECT_EQ(unknown.error().about(), "/products/1: no product P7 in store s1");
    EXPECT_TRUE(
        h.engine->bind(h.ana, tag_id(1), {"s1", {"P1"}, {}, "", 99}).error().is(ServiceError::precondition_failed));
}

TEST(EngineTags, AnUnboundTagTurnsToItsOwnPicture) {
    Harness h;
    h.furnish(1);
    h.display_all();
    ASSERT_TRUE(h.engine->unbind(h.ana, tag_id(1), {}));
    h.run();
    EXPECT_EQ(h.take_tasks().size(), 1U);
    EXPECT_TRUE(h.engine->product("s1", "P1")->tags.empty());
    h.change_price(1, 500);
    EXPECT_TRUE(h.take_tasks().empty());
}

TEST(EngineTags, TheLedGoesToTheTagsApOnlyWhileThatIsOnline) {
    Harness h;
    h.furnish(1);
    h.sends.clear();
    ASSERT_TRUE(h.engine->led(h.ana, tag_id(1), "green", 20));
    h.run();
    ASSERT_EQ(h.sends.size(), 1U);
    const auto command = std::get<contract::Command>(std::get<contract::Downlink>(h.sends[0].what));
    EXPECT_EQ(command.kind, contract::CommandKind::led);
    EXPECT_EQ(command.tag, tag_id(1));
    h.engine->on_uplink(contract::ApOffline{kAp, "b1"});
    EXPECT_TRUE(h.engine->led(h.ana, tag_id(1), "green", 20).error().is(ServiceError::conflict));
    EXPECT_EQ(h.audited("tag.led"), 1U);
}

TEST(EngineStats, CountWhatTheDashboardShows) {
    Harness h;
    h.furnish(3);
    const auto tasks = h.take_tasks();
    h.report(tasks[0], TaskState::displayed);
    h.fail_task(tasks[1], contract::FailClass::unreachable);
    auto s = h.engine->stats("s1");
    EXPECT_EQ(s.shown, 1U);
    EXPECT_EQ(s.failed, 1U);
    EXPECT_EQ(s.pending, 1U);
    EXPECT_EQ(s.failed_by_class["unreachable"], 1U);
    EXPECT_EQ(s.hour_displayed, 1U);
    EXPECT_EQ(s.minutes.size(), 60U);
    h.clock.advance(6min);
    s = h.engine->stats({});
    EXPECT_EQ(s.late, 2U);
    EXPECT_EQ(h.engine->stats("other").tags, 0U);
}

}  // namespace
}  // namespace esl::mgmt::test
