// What is given to the APs ahead of its moment.
#include <algorithm>

#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using contract::TaskState;
using namespace std::chrono_literals;

ServiceSettings with_lead(std::chrono::milliseconds lead = 2h) {
    ServiceSettings s;
    s.lead = lead;
    s.ap_silence = 24h;
    return s;
}

// One tag that shows its price of 1.00.
struct Plans : ::testing::Test {
    Harness h{with_lead()};
    UnixMillis six;

    void SetUp() override {
        h.furnish(1);
        h.display_all();
        six = h.clock.wall() + 1h;
    }
    void at(UnixMillis moment) { h.advance(moment - h.clock.wall()); }
    OutgoingTask only_task(const std::string& ap = kAp) {
        const auto tasks = h.take_tasks(ap);
        EXPECT_EQ(tasks.size(), 1U);
        return tasks.empty() ? OutgoingTask{} : tasks.back();
    }
    std::optional<Job> job_of(const std::string& change) {
        std::uint64_t total = 0;
        const auto jobs = h.store.jobs({change, {}, {}, {}}, "", 10, total);
        return jobs.size() == 1 ? std::optional(jobs.front()) : std::nullopt;
    }
};

TEST_F(Plans, AScheduledChangeIsGivenToTheApAheadAndItsJobIsMadeAtTheMoment) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto ahead = only_task();
    EXPECT_EQ(ahead.not_before, six);
    EXPECT_GT(ahead.version, h.tag(1).desired->version);
    EXPECT_EQ(h.status(1), TagStatus::shown) << "the price of now is on the shelf";
    EXPECT_FALSE(job_of(id)) << "nothing is under way yet";
    h.report(ahead, TaskState::accepted);
    const auto accepted = h.clock.wall();
    EXPECT_EQ(h.tag(1).planned->accepted_at, accepted);

    at(six + 10ms);
    EXPECT_TRUE(h.take_tasks().empty()) << "the AP has it";
    ASSERT_TRUE(job_of(id));
    EXPECT_EQ(job_of(id)->state, JobState::accepted);
    EXPECT_EQ(h.status(1), TagStatus::pending) << "nothing is displayed before the tag says so";
    EXPECT_EQ(h.tag(1).desired->not_before, six);
    EXPECT_FALSE(h.tag(1).planned);

    auto shown = h.result_of(ahead, TaskState::displayed);
    shown.at = six + 3ms;
    h.report(shown);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.tag(1).reported->at, six + 3ms);
    EXPECT_EQ(h.change(id).state, ChangeState::done);
    EXPECT_EQ(h.change(id).p50_ms, 3);
    const auto steps = h.store.steps(job_of(id)->id);
    ASSERT_EQ(steps.size(), 4U);
    EXPECT_EQ(steps[2].state, JobState::accepted);
    EXPECT_EQ(steps[2].at, accepted);
    EXPECT_EQ(steps[3].state, JobState::displayed);
    EXPECT_EQ(steps[3].at, six + 3ms);
}

TEST_F(Plans, NothingIsSentBeforeTheLead) {
    const auto later = h.clock.wall() + 5h;
    h.change_price(1, 250, later);
    EXPECT_TRUE(h.take_tasks().empty());
    at(later - 2h - 1min);
    EXPECT_TRUE(h.take_tasks().empty());
    at(later - 2h + 1s);
    EXPECT_EQ(only_task().not_before, later);
}

TEST_F(Plans, WithoutALeadOrWithAClockOfOurOwnAllIsSentAtTheMoment) {
    for (const bool test_clock : {false, true}) {
        auto settings = with_lead(test_clock ? 2h : 0h);
        settings.tasks_carry_times = !test_clock;
        Harness other(settings);
        other.furnish(1);
        other.display_all();
        other.change_price(1, 250, other.clock.wall() + 1h);
        EXPECT_TRUE(other.take_tasks().empty());
        other.advance(1h);
        const auto tasks = other.take_tasks();
        ASSERT_EQ(tasks.size(), 1U);
        EXPECT_FALSE(tasks[0].not_before);
    }
}

TEST_F(Plans, WhatHappenedWhileTheBrokerWasAwayIsTakenWithItsOwnTime) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    h.engine->on_link(false);
    at(six + 30min);
    EXPECT_TRUE(h.take_tasks().empty());
    EXPECT_EQ(h.status(1), TagStatus::pending);
    h.engine->on_link(true);
    h.run();
    EXPECT_EQ(only_task().version, ahead.version) << "asked for again under the same version";
    auto shown = h.result_of(ahead, TaskState::displayed);
    shown.at = six + 2s;
    h.report(shown);
    EXPECT_EQ(job_of(id)->state, JobState::displayed);
    EXPECT_EQ(job_of(id)->updated_at, six + 2s);
    EXPECT_EQ(h.tag(1).reported->at, six + 2s);
}

TEST_F(Plans, AnApThatIsAwayFromTheBrokerAsWeAreDoesNotLoseItsTags) {
    ServiceSettings s = with_lead();
    s.ap_silence = 5min;
    Harness other(s);
    other.furnish(1);
    other.display_all();
    const auto epoch = other.tag(1).epoch;
    other.engine->on_link(false);
    other.advance(2h);
    EXPECT_EQ(other.tag(1).epoch, epoch);
    EXPECT_TRUE(other.engine->ap(kAp)->ap.online);
}

TEST_F(Plans, ACancelledChangeIsTakenBackByANewerTaskWithThePictureOfNow) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    h.run();
    const auto back = only_task();
    EXPECT_GT(back.version, ahead.version);
    EXPECT_FALSE(back.not_before);
    EXPECT_EQ(back.image, h.tag(1).desired->image);
    EXPECT_NE(back.image, ahead.image);
    h.report(ahead, TaskState::superseded);  // what the AP says of the one that was taken back
    h.report(back, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    at(six + 1h);
    EXPECT_TRUE(h.take_tasks().empty());
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.change(id).state, ChangeState::cancelled);
}

TEST_F(Plans, AChangeThatIsCancelledBeforeItsTaskLeftSendsNothing) {
    h.engine->on_uplink(contract::ApOffline{kAp, "b1"});
    const auto id = h.change_price(1, 250, six).change.id;
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    h.run();
    h.hello(kAp, "b2");
    EXPECT_TRUE(h.take_tasks().empty());
    EXPECT_FALSE(h.tag(1).planned);
}

TEST_F(Plans, ACancelIsCarriedOutAlsoByTheServiceThatStartsAfterIt) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    h.flush(h.engine->take());  // the decision is kept, the rest of it never begun
    h.restart();
    h.hello();
    const auto tasks = h.take_tasks();
    ASSERT_FALSE(tasks.empty());
    EXPECT_GT(tasks.back().version, ahead.version);
    EXPECT_FALSE(tasks.back().not_before);
    EXPECT_EQ(tasks.back().image, h.tag(1).desired->image);
}

TEST_F(Plans, APriceOfNowDoesNotUndoThePriceOfLater) {
    const auto later = h.change_price(1, 250, six).change.id;
    const auto first = only_task();
    h.report(first, TaskState::accepted);
    h.change_price(1, 180);
    const auto tasks = h.take_tasks();
    ASSERT_EQ(tasks.size(), 1U) << "what is wanted now goes first";
    EXPECT_FALSE(tasks[0].not_before);
    EXPECT_GT(tasks[0].version, first.version);
    h.report(tasks[0], TaskState::accepted);
    h.report(first, TaskState::superseded);
    h.advance(2s);
    const auto again = only_task();
    EXPECT_EQ(again.not_before, six);
    EXPECT_GT(again.version, tasks[0].version) << "above it, or the AP would drop it";
    EXPECT_EQ(again.image, first.image);
    h.report(again, TaskState::accepted);
    h.report(tasks[0], TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    at(six);
    EXPECT_TRUE(h.take_tasks().empty());
    h.report(again, TaskState::displayed);
    EXPECT_EQ(h.change(later).state, ChangeState::done);
}

TEST_F(Plans, ATryOfNowAgainIsFollowedByThePlanUnderAHigherVersion) {
    h.change_price(1, 180);
    const auto now = only_task();
    h.report(now, TaskState::accepted);
    h.change_price(1, 250, six);
    const auto first = only_task();
    h.report(first, TaskState::accepted);
    h.fail_task(now, contract::FailClass::unreachable);
    h.advance(61s);
    const auto retried = only_task();
    EXPECT_GT(retried.version, first.version);
    h.report(retried, TaskState::accepted);
    h.advance(2s);
    const auto again = only_task();
    EXPECT_EQ(again.not_before, six);
    EXPECT_GT(again.version, retried.version);
}

TEST_F(Plans, AnUnansweredTaskOfLaterIsSentAgainAndAfterItsMomentAsAJob) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto first = only_task();
    h.advance(20s);
    EXPECT_EQ(only_task().version, first.version);
    h.advance(40s);
    EXPECT_EQ(only_task().version, first.version);
    at(six + 1s);
    (void)h.take_tasks();
    EXPECT_EQ(job_of(id)->state, JobState::sent);
    h.advance(20s);
    EXPECT_EQ(only_task().version, first.version);
}

TEST_F(Plans, ItsMomentComesForAServiceThatWasStoppedMeanwhile) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    h.clock.advance(2h);
    h.restart();
    h.run();
    EXPECT_EQ(job_of(id)->state, JobState::accepted);
    EXPECT_EQ(job_of(id)->version, ahead.version);
    auto shown = h.result_of(ahead, TaskState::displayed);
    shown.at = six + 1s;
    h.report(shown);
    EXPECT_EQ(job_of(id)->updated_at, six + 1s);
    EXPECT_EQ(h.status(1), TagStatus::shown);
}

TEST_F(Plans, AnApWhoseClockIsALittleAheadIsBelievedAndSaysItOnce) {
    const auto id = h.change_price(1, 250, six).change.id;
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    at(six - 1s);
    h.report(ahead, TaskState::displayed);
    EXPECT_EQ(h.tag(1).reported->version, ahead.version);
    at(six);
    EXPECT_TRUE(h.take_tasks().empty());
    EXPECT_EQ(job_of(id)->state, JobState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(std::ranges::count_if(h.audit,
                                    [&](const auto& e) { return e.action == "job.displayed" && e.job == ahead.job; }),
              1);
}

TEST_F(Plans, AJobOfNowThatGaveWayAtTheApALittleEarlyIsNotTriedAgain) {
    h.change_price(1, 180);
    const auto now = only_task();
    h.report(now, TaskState::accepted);
    h.change_price(1, 250, six);
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    at(six - 1s);
    (void)h.take_tasks();
    h.report(now, TaskState::superseded);
    EXPECT_TRUE(h.take_tasks().empty()) << "the old price must not come after the new one";
    at(six);
    h.report(ahead, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
}

TEST_F(Plans, APromotionsBeginAndItsReturnAreBothAhead) {
    std::vector<FieldError> errors;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{80, {}, six, six + 1h}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.run();
    const auto begin = only_task();
    EXPECT_EQ(begin.not_before, six);
    EXPECT_EQ(begin.expires, six + 1h);
    h.report(begin, TaskState::accepted);
    at(six);
    h.report(begin, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    const auto end = only_task();
    EXPECT_EQ(end.not_before, six + 1h);
    h.report(end, TaskState::accepted);
    h.engine->on_link(false);
    at(six + 1h);
    h.engine->on_link(true);
    h.run();
    (void)h.take_tasks();
    h.report(end, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.tag(1).reported->version, end.version);
    EXPECT_EQ(h.engine->product("s1", Harness::product(1))->price_now, 100);
}

TEST_F(Plans, APromotionThatIsMovedLaterIsTakenBackBeforeItIsPlannedAnew) {
    std::vector<FieldError> errors;
    const auto promote = [&](UnixMillis from) {
        ChangeItemWrite item{Harness::product(1), {}, true, Promotion{80, 100, from, six + 24h}};
        ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
        h.run();
    };
    promote(six);
    const auto first = only_task();
    h.report(first, TaskState::accepted);
    promote(six + 30min);
    const auto back = only_task();
    EXPECT_FALSE(back.not_before);
    EXPECT_EQ(back.image, h.tag(1).desired->image);
    h.report(back, TaskState::accepted);
    h.report(back, TaskState::displayed);
    h.advance(2s);
    const auto later = only_task();
    EXPECT_EQ(later.not_before, six + 30min);
    EXPECT_GT(later.version, back.version);
}

TEST_F(Plans, OfTwoScheduledChangesTheFirstIsPlannedAndThenTheNext) {
    h.change_price(1, 300, six + 30min);
    const auto wrong = only_task();
    h.report(wrong, TaskState::accepted);
    h.change_price(1, 250, six);
    const auto first = only_task();
    EXPECT_EQ(first.not_before, six);
    EXPECT_GT(first.version, wrong.version);
    h.report(first, TaskState::accepted);
    at(six);
    h.report(first, TaskState::displayed);
    const auto second = only_task();
    EXPECT_EQ(second.not_before, six + 30min);
    EXPECT_EQ(second.image, wrong.image);
    h.report(second, TaskState::accepted);
    at(six + 30min);
    h.report(second, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.engine->product("s1", Harness::product(1))->price_now, 300);
}

TEST_F(Plans, ATextThatChangesMeanwhileIsOnThePictureOfLaterToo) {
    h.change_price(1, 250, six);
    const auto first = only_task();
    h.report(first, TaskState::accepted);
    ProductWrite row;
    row.id = Harness::product(1);
    row.name = "Another name";
    row.price = 100;
    ASSERT_TRUE(h.engine->upsert_products(h.ana, "s1", std::vector{row}, {}));
    h.run();
    h.display_all();
    h.advance(2s);
    const auto again = only_task();
    EXPECT_EQ(again.not_before, six);
    EXPECT_NE(again.image, first.image);
}

TEST_F(Plans, APriceThatIsInForceAlreadyNeedsNoTaskAndNoPicture) {
    h.change_price(1, 250, six);
    const auto ahead = only_task();
    h.report(ahead, TaskState::accepted);
    h.change_price(1, 250);
    h.display_all();
    const auto drawn = h.drawn;
    at(six + 1min);
    EXPECT_TRUE(h.take_tasks().empty());
    EXPECT_EQ(h.drawn, drawn);
    EXPECT_EQ(h.status(1), TagStatus::shown);
}

TEST_F(Plans, ALeaseThatMovesTakesThePlanWithIt) {
    h.change_price(1, 250, six);
    const auto first = only_task();
    h.report(first, TaskState::accepted);
    h.hello(kOtherAp);
    ASSERT_TRUE(h.engine->update_ap(h.ana, kOtherAp, "s1", std::nullopt));
    h.sight(1, kOtherAp);
    h.engine->on_uplink(contract::ApOffline{kAp, "b1"});
    h.run();
    const auto moved = only_task(kOtherAp);
    EXPECT_EQ(moved.not_before, six);
    EXPECT_GT(moved.epoch, first.epoch);
    h.report(moved, TaskState::accepted, kOtherAp);
    at(six);
    h.report(first, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::pending) << "of an old epoch";
    h.report(moved, TaskState::displayed, kOtherAp);
    EXPECT_EQ(h.status(1), TagStatus::shown);
}

TEST_F(Plans, AnApThatComesBackIsGivenThePlanAgain) {
    h.change_price(1, 250, six);
    const auto first = only_task();
    h.report(first, TaskState::accepted);
    h.hello(kAp, "b2");
    EXPECT_EQ(only_task().version, first.version) << "its store may be gone";
}

TEST_F(Plans, AnApThatHasNoRoomIsAskedAgain) {
    h.change_price(1, 250, six);
    const auto first = only_task();
    h.fail_task(first, contract::FailClass::internal);
    EXPECT_EQ(h.status(1), TagStatus::shown) << "nothing has failed for the shop";
    EXPECT_TRUE(h.take_tasks().empty());
    h.advance(61s);
    EXPECT_EQ(only_task().version, first.version);
}

TEST_F(Plans, TheWindowOfAnApBoundsWhatIsUnansweredAheadToo) {
    auto settings = with_lead();
    settings.ap_window = 3;
    Harness other(settings);
    other.furnish(10);
    for (int i = 0; i < 10; ++i) other.display_all();
    std::vector<FieldError> errors;
    std::vector<ChangeItemWrite> items;
    for (unsigned i = 1; i <= 10; ++i) items.push_back({Harness::product(i), 300, false, {}});
    ASSERT_TRUE(other.engine->create_change(other.ana, {"s1", "", other.clock.wall() + 1h, items, {}, {}}, errors));
    other.run();
    std::size_t seen = 0;
    for (int i = 0; i < 10; ++i) {
        const auto tasks = other.take_tasks();
        EXPECT_LE(tasks.size(), 3U);
        seen += tasks.size();
        for (const auto& t : tasks) other.report(t, TaskState::accepted);
    }
    EXPECT_EQ(seen, 10U);
    other.advance(1h);
    EXPECT_TRUE(other.take_tasks().empty());
}

TEST_F(Plans, APictureThatCannotBeDrawnIsAFailureOnlyWhenItsMomentHasCome) {
    std::vector<FieldError> errors;
    ChangeItemWrite item{Harness::product(1), 250, false, {}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", six, {item}, {}, {}}, errors));
    const auto draw_badly = [&] {
        h.engine->tick();
        const auto renders = h.engine->take_renders();
        for (const auto& r : renders) {
            h.engine->on_rendered(r.tag, r.inputs, fail(RenderError::bad_content, "no glyph"), r.ahead);
        }
        h.flush(h.engine->take());
        return renders.size();
    };
    EXPECT_EQ(draw_badly(), 1U);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    h.clock.advance(1h);
    EXPECT_EQ(draw_badly(), 1U);
    EXPECT_EQ(h.status(1), TagStatus::failed);
}

}  // namespace
}  // namespace esl::mgmt::test
