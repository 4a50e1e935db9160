// Drafts and approval: who may say yes to what, and that nothing is in force before.
#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using namespace std::chrono_literals;

class EngineApproval : public ::testing::Test {
protected:
    void SetUp() override {
        h.furnish(3);
        h.display_all();
        ApprovalRule rule;
        rule.max_up_percent = 20;
        rule.max_down_percent = 30;
        rule.max_items = 2;
        ASSERT_TRUE(h.engine->put_approval_rule(boss, rule, {}));
        h.run();
    }
    Change made(std::vector<ChangeItemWrite> items, std::optional<UnixMillis> at = {}, bool draft = false) {
        auto out = h.engine->create_change(h.ana, {"s1", "t", at, std::move(items), {}, {}, draft}, errors);
        EXPECT_TRUE(out) << (out ? "" : out.error().message());
        h.run();
        return out ? out->change : Change{};
    }
    static ChangeItemWrite price(unsigned n, std::int64_t cents) { return {Harness::product(n), cents, false, {}}; }
    std::optional<std::int64_t> price_now(unsigned n) {
        return h.engine->product("s1", Harness::product(n))->price_now;
    }
    template <class R>
    R ran(R result) {
        h.run();
        return result;
    }
    Harness h;
    Caller boss{"user:boss", "10.0.0.1", ApproverRole::chain_admin};
    Caller manager{"user:mia", "10.0.0.2", ApproverRole::store_manager};
    Caller clerk{"user:cle", "10.0.0.3", ApproverRole::operator_};
    Caller machine{"token:erp", "10.0.0.4", {}};
    std::vector<FieldError> errors;
};

TEST_F(EngineApproval, WhatStaysWithinTheRuleGoesItsWay) {
    const auto change = made({price(1, 120), price(2, 70)});
    EXPECT_EQ(change.state, ChangeState::running);
    EXPECT_FALSE(change.approval);
    EXPECT_EQ(price_now(1), 120);
}

TEST_F(EngineApproval, ATrippedChangeWaitsWithReasonsAndIsInForceOnceAnotherPersonApproves) {
    const auto change = made({price(1, 121), price(2, 100)});
    EXPECT_EQ(change.state, ChangeState::awaiting_approval);
    ASSERT_TRUE(change.approval);
    EXPECT_EQ(change.approval->tripped, 1U);
    EXPECT_EQ(price_now(1), 100);
    EXPECT_TRUE(h.take_tasks().empty());
    const auto items = h.store.item_page(change.id, -1, true, 10);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].trips, (std::vector<Trip>{{TripKind::price, 210}}));

    const auto done = ran(h.engine->approve_change(manager, change.id, "seen", change.version));
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(done->state, ChangeState::running);
    EXPECT_EQ(price_now(1), 121);
    h.display_all();
    const auto steps = h.store.change_steps(change.id);
    ASSERT_EQ(steps.size(), 3U);
    EXPECT_EQ(steps[1].action, ChangeAction::approve);
    EXPECT_EQ(steps[1].actor, "user:mia");
    EXPECT_EQ(steps[1].note, "seen");
    EXPECT_EQ(steps[2].state, ChangeState::done);
    EXPECT_EQ(h.audited("change.approve"), 1U);
}

TEST_F(EngineApproval, NeitherItsAuthorNorAMachineNorALesserRoleMayDecide) {
    h.ana.approves = ApproverRole::chain_admin;
    const auto change = made({price(1, 200)});
    for (const auto& by : {h.ana, machine, clerk}) {
        EXPECT_TRUE(h.engine->approve_change(by, change.id, "", change.version).error().is(ServiceError::forbidden));
        EXPECT_TRUE(h.engine->reject_change(by, change.id, "", change.version).error().is(ServiceError::forbidden));
    }
    h.run();
    EXPECT_EQ(h.change(change.id).state, ChangeState::awaiting_approval);
    EXPECT_EQ(price_now(1), 100);
}

TEST_F(EngineApproval, WhoEditsOrSubmitsIsAnAuthorToo) {
    const auto change = made({price(1, 200)}, {}, true);
    ChangeEdit edit;
    edit.items = std::vector<ChangeItemWrite>{price(1, 300)};
    ASSERT_TRUE(ran(h.engine->edit_change(manager, change.id, edit, {}, errors)));
    const auto sent = ran(h.engine->submit_change(boss, change.id, "", {}));
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->state, ChangeState::awaiting_approval);
    for (const auto& by : {manager, boss}) {
        EXPECT_TRUE(h.engine->approve_change(by, change.id, "", sent->version).error().is(ServiceError::forbidden));
    }
}

TEST_F(EngineApproval, WhatIsApprovedIsWhatWasSeen) {
    const auto change = made({price(1, 200)});
    ChangeEdit edit;
    edit.items = std::vector<ChangeItemWrite>{price(1, 900)};
    ASSERT_TRUE(ran(h.engine->edit_change(h.ana, change.id, edit, change.version, errors)));
    EXPECT_EQ(h.change(change.id).state, ChangeState::draft);
    const auto gone = h.engine->approve_change(manager, change.id, "", change.version);
    EXPECT_TRUE(gone.error().is(ServiceError::precondition_failed)) << gone.error().message();
    const auto sent = ran(h.engine->submit_change(h.ana, change.id, "", {}));
    ASSERT_TRUE(sent);
    EXPECT_TRUE(
        h.engine->approve_change(manager, change.id, "", change.version).error().is(ServiceError::precondition_failed));
    EXPECT_EQ(price_now(1), 100);
    ASSERT_TRUE(ran(h.engine->approve_change(manager, change.id, "", sent->version)));
    EXPECT_EQ(price_now(1), 900);
}

TEST_F(EngineApproval, APriceThatMovedMeanwhileIsShownBeforeItIsApproved) {
    const auto change = made({price(1, 200)});
    made({price(1, 110)});
    const auto refused = ran(h.engine->approve_change(manager, change.id, "", change.version));
    ASSERT_TRUE(refused.error().is(ServiceError::precondition_failed));
    const auto now = h.change(change.id);
    EXPECT_EQ(now.state, ChangeState::awaiting_approval);
    EXPECT_GT(now.version, change.version);
    const auto items = h.store.change_items(change.id, 10);
    EXPECT_EQ(items[0].before->price, 110);
    EXPECT_EQ(items[0].trips, (std::vector<Trip>{{TripKind::price, 818}}));
    EXPECT_EQ(h.store.change_steps(change.id).back().action, ChangeAction::recheck);
    ASSERT_TRUE(ran(h.engine->approve_change(manager, change.id, "", now.version)));
    EXPECT_EQ(price_now(1), 200);
}

TEST_F(EngineApproval, ARejectedChangeIsADraftThatCanBeMadeGoodAndSubmittedAgain) {
    const auto change = made({price(1, 200)});
    const auto back = ran(h.engine->reject_change(manager, change.id, "too dear", change.version));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->state, ChangeState::draft);
    EXPECT_EQ(h.store.change_steps(change.id).back().note, "too dear");
    ChangeEdit edit;
    edit.items = std::vector<ChangeItemWrite>{price(1, 115)};
    ASSERT_TRUE(ran(h.engine->edit_change(h.ana, change.id, edit, {}, errors)));
    const auto sent = ran(h.engine->submit_change(h.ana, change.id, "", {}));
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->state, ChangeState::running);
    EXPECT_EQ(price_now(1), 115);
}

TEST_F(EngineApproval, DraftsAndWaitingChangesSurviveARestartWithTheirItemsAndRules) {
    const auto waiting = made({price(1, 200), price(2, 100), price(3, 100)});
    EXPECT_TRUE(waiting.approval->too_many);
    const auto draft = made({price(2, 105)}, {}, true);
    EXPECT_EQ(draft.state, ChangeState::draft);
    h.restart();
    h.hello();
    const auto sent = ran(h.engine->submit_change(h.ana, draft.id, "", {}));
    ASSERT_TRUE(sent) << sent.error().message();
    EXPECT_EQ(price_now(2), 105);
    const auto again = ran(h.engine->approve_change(manager, waiting.id, "", waiting.version));
    EXPECT_TRUE(again.error().is(ServiceError::precondition_failed)) << "product 2 has moved";
    ASSERT_TRUE(ran(h.engine->approve_change(manager, waiting.id, "", h.change(waiting.id).version)));
    EXPECT_EQ(price_now(1), 200);
    EXPECT_EQ(price_now(2), 100);
    EXPECT_EQ(made({price(3, 300)}).state, ChangeState::awaiting_approval) << "the rule is still there";
}

TEST_F(EngineApproval, AnEditWithFewerItemsLeavesNoneOfTheOldOnes) {
    const auto draft = made({price(1, 105), price(2, 105), price(3, 105)}, {}, true);
    ChangeEdit edit;
    edit.items = std::vector<ChangeItemWrite>{price(3, 106)};
    ASSERT_TRUE(ran(h.engine->edit_change(h.ana, draft.id, edit, {}, errors)));
    const auto items = h.store.change_items(draft.id, 10);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].product, Harness::product(3));
    ASSERT_TRUE(ran(h.engine->submit_change(h.ana, draft.id, "", {})));
    EXPECT_EQ(price_now(1), 100);
    EXPECT_EQ(price_now(3), 106);
}

TEST_F(EngineApproval, ACancelledDraftIsDiscardedAndAWaitingChangeNeverHappens) {
    const auto draft = made({price(1, 105)}, {}, true);
    ASSERT_TRUE(ran(h.engine->cancel_change(h.ana, draft.id)));
    EXPECT_EQ(h.store.change_steps(draft.id).back().action, ChangeAction::discard);
    const auto waiting = made({price(1, 200)});
    ASSERT_TRUE(ran(h.engine->cancel_change(h.ana, waiting.id)));
    EXPECT_TRUE(h.engine->approve_change(manager, waiting.id, "", waiting.version).error().is(ServiceError::conflict));
    EXPECT_TRUE(h.engine->submit_change(h.ana, draft.id, "", {}).error().is(ServiceError::conflict));
    EXPECT_EQ(price_now(1), 100);
}

TEST_F(EngineApproval, AnApprovedChangeStillWaitsForItsMoment) {
    const auto at = h.clock.wall() + 1h;
    const auto change = made({price(1, 200)}, at);
    EXPECT_EQ(change.state, ChangeState::awaiting_approval);
    ASSERT_TRUE(ran(h.engine->approve_change(manager, change.id, "", change.version)));
    EXPECT_EQ(h.change(change.id).state, ChangeState::scheduled);
    EXPECT_EQ(price_now(1), 100);
    h.advance(1h);
    EXPECT_EQ(price_now(1), 200);
}

TEST_F(EngineApproval, AMomentThatPassedWhileItWaitedIsNow) {
    const auto change = made({price(1, 200)}, h.clock.wall() + 1h);
    h.advance(2h);
    EXPECT_EQ(price_now(1), 100) << "not without approval";
    ASSERT_TRUE(ran(h.engine->approve_change(manager, change.id, "", change.version)));
    EXPECT_EQ(price_now(1), 200);
    EXPECT_EQ(h.change(change.id).at, h.clock.wall());
}

TEST_F(EngineApproval, AStoresOwnRuleStandsBeforeTheChainsUntilItInherits) {
    ApprovalRule own;
    own.store = "s1";
    ASSERT_TRUE(ran(h.engine->put_approval_rule(boss, own, 0)));
    EXPECT_EQ(made({price(1, 200)}).state, ChangeState::running) << "switched off here";
    own.inherits = true;
    EXPECT_TRUE(h.engine->put_approval_rule(boss, own, 0).error().is(ServiceError::precondition_failed));
    ASSERT_TRUE(ran(h.engine->put_approval_rule(boss, own, 1)));
    EXPECT_EQ(made({price(1, 500)}).state, ChangeState::awaiting_approval);
    own.store.clear();
    EXPECT_TRUE(h.engine->put_approval_rule(boss, own, {}).error().is(ServiceError::invalid));
    own = ApprovalRule{};
    own.store = "nowhere";
    EXPECT_TRUE(h.engine->put_approval_rule(boss, own, {}).error().is(ServiceError::not_found));
    EXPECT_EQ(h.audited("rule.write"), 3U);
}

TEST_F(EngineApproval, AProductWriteHoldsBackOnlyThePrice) {
    ProductWrite row;
    row.id = Harness::product(1);
    row.name = "New name";
    row.price = 200;
    const auto out = ran(h.engine->upsert_products(h.ana, "s1", {&row, 1}, {.kind = "product"}));
    ASSERT_TRUE(out);
    ASSERT_TRUE(out->held);
    EXPECT_EQ(h.change(*out->held).state, ChangeState::awaiting_approval);
    EXPECT_EQ(h.engine->product("s1", row.id)->product.name, "New name");
    EXPECT_EQ(price_now(1), 100);
    ASSERT_TRUE(ran(h.engine->approve_change(manager, *out->held, "", h.change(*out->held).version)));
    EXPECT_EQ(price_now(1), 200);
    EXPECT_EQ(h.engine->product("s1", row.id)->product.name, "New name");
}

TEST_F(EngineApproval, AFileIsJudgedAsAWholeWhenItIsOver) {
    const UpsertOptions file{.merge = true, .kind = "import", .title = "f.csv", .whole_file = true};
    std::optional<std::string> held;
    for (unsigned n = 1; n <= 3; ++n) {
        ProductWrite row;
        row.id = Harness::product(n);
        row.price = 105;
        auto options = file;
        options.held = held;
        const auto out = ran(h.engine->upsert_products(h.ana, "s1", {&row, 1}, options));
        ASSERT_TRUE(out);
        EXPECT_EQ(out->verdicts[0].verdict, Verdict::updated);
        ASSERT_TRUE(out->held);
        if (held) {
            EXPECT_EQ(out->held, held);
        }
        held = out->held;
        EXPECT_EQ(h.change(*held).state, ChangeState::draft);
        EXPECT_EQ(price_now(n), 100);
    }
    const auto sent = ran(h.engine->submit_change(h.ana, *held, "", {}));
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->state, ChangeState::awaiting_approval) << "three prices, two may";
    EXPECT_TRUE(sent->approval->too_many);
    ASSERT_TRUE(ran(h.engine->approve_change(manager, *held, "", sent->version)));
    for (unsigned n = 1; n <= 3; ++n) EXPECT_EQ(price_now(n), 105);
}

TEST_F(EngineApproval, AStoreHasABoundForWhatWaits) {
    for (int i = 0; i < 500; ++i) {
        ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {price(1, 200)}, {}, {}, true}, errors));
    }
    h.run();
    const auto more = h.engine->create_change(h.ana, {"s1", "", {}, {price(1, 200)}, {}, {}, true}, errors);
    EXPECT_TRUE(more.error().is(ServiceError::conflict)) << more.error().message();
}

}  // namespace
}  // namespace esl::mgmt::test
