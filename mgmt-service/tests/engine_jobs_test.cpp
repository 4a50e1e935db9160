#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using contract::FailClass;
using contract::TaskState;
using namespace std::chrono_literals;

// The picture of the price before is done when the next one is decided, and nobody has asked for that one's yet.
TEST(EngineJobs, APictureOfAPriceThatIsNoLongerInForceIsNotWanted) {
    Harness h;
    h.furnish(1);
    h.display_all();
    h.decide_price(1, 1'169);
    const auto mistaken = h.engine->take_renders();
    ASSERT_EQ(mistaken.size(), 1U);
    h.decide_price(1, 169);
    h.draw(mistaken.front());
    const auto right = h.engine->take_renders();
    ASSERT_EQ(right.size(), 1U);
    EXPECT_EQ(right.front().scene.items.front().price, 169);
    h.draw(right.front());
    h.run();
    ASSERT_TRUE(h.tag(1).desired);
    EXPECT_EQ(h.tag(1).desired->image.crc, picture_of(right.front().scene).crc());
    EXPECT_EQ(h.take_tasks().size(), 1U);  // and the mistaken one was never sent
}

TEST(EngineJobs, BindingATagSendsItsPictureAndOnlyTheApsEvidenceMakesItShown) {
    Harness h;
    h.furnish(1);
    const auto tasks = h.take_tasks();
    ASSERT_EQ(tasks.size(), 1U);
    EXPECT_EQ(tasks[0].version, 1U);
    EXPECT_EQ(tasks[0].epoch, 1U);
    EXPECT_EQ(h.status(1), TagStatus::pending);
    h.report(tasks[0], TaskState::accepted);
    h.report(tasks[0], TaskState::transferring);
    EXPECT_EQ(h.status(1), TagStatus::pending);
    h.report(tasks[0], TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    const auto steps = h.store.steps(tasks[0].job);
    std::vector<JobState> states;
    for (const auto& s : steps) states.push_back(s.state);
    EXPECT_EQ(states, (std::vector{JobState::fresh, JobState::queued, JobState::sent, JobState::accepted,
                                   JobState::transferring, JobState::displayed}));
    EXPECT_EQ(steps[0].actor, "user:ana");
    EXPECT_EQ(steps[5].actor, "ap:" + kAp);
    EXPECT_EQ(h.audited("job.displayed"), 1U);
    EXPECT_EQ(h.audited("job.sent"), 1U);
}

TEST(EngineJobs, AResultOfAnotherImageVersionEpochOrApIsNotCalledDisplayed) {
    Harness h;
    h.furnish(1);
    const auto task = h.take_tasks().at(0);
    auto r = h.result_of(task, TaskState::displayed);
    r.epoch = 0;
    h.report(r);
    EXPECT_EQ(h.status(1), TagStatus::pending);
    r = h.result_of(task, TaskState::displayed);
    h.hello(kOtherAp);
    h.report(r, kOtherAp);
    EXPECT_EQ(h.status(1), TagStatus::pending);
    r.version = 7;
    h.report(r);
    EXPECT_NE(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.engine->metrics().results_refused, 2U);
    r = h.result_of(task, TaskState::displayed);
    r.image_id ^= 1;
    h.report(r);
    EXPECT_NE(h.status(1), TagStatus::shown);
}

TEST(EngineJobs, TheApsTimeOfADisplayIsTakenUnlessItsClockIsPlainlyWrong) {
    Harness h;
    h.furnish(3);
    const auto tasks = h.take_tasks();
    ASSERT_EQ(tasks.size(), 3U);
    const auto sent = h.clock.wall();
    h.advance(10s);
    auto r = h.result_of(tasks[0], TaskState::displayed);
    r.at = sent + 4s;
    h.report(r);
    EXPECT_EQ(h.tag(1).reported->at, sent + 4s);
    r = h.result_of(tasks[1], TaskState::displayed);
    r.at = from_millis(0);
    h.report(r);
    EXPECT_EQ(h.tag(2).reported->at, h.clock.wall());
    r = h.result_of(tasks[2], TaskState::displayed);
    r.at = h.clock.wall() + 1h;
    h.report(r);
    EXPECT_EQ(h.tag(3).reported->at, h.clock.wall());
}

TEST(EngineJobs, ANewerPriceSupersedesTheOlderJob) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto first = h.change_price(1, 150).change.id;
    const auto older = h.take_tasks().at(0);
    const auto second = h.change_price(1, 175).change.id;
    const auto newer = h.take_tasks().at(0);
    EXPECT_GT(newer.version, older.version);
    EXPECT_EQ(h.store.job(older.job)->state, JobState::superseded);
    EXPECT_EQ(h.change(first).state, ChangeState::done);
    h.report(older, TaskState::displayed);  // it got there before the newer one: true, but not what is wanted
    EXPECT_EQ(h.status(1), TagStatus::pending);
    EXPECT_EQ(h.tag(1).reported->version, older.version);
    h.report(newer, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.change(second).state, ChangeState::done);
    EXPECT_EQ(h.change(second).count(JobState::displayed), 1U);
}

TEST(EngineJobs, AnIdenticalPictureIsNeitherDrawnNorSentAgain) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto drawn = h.drawn;
    const auto same = h.change_price(1, 100).change.id;
    EXPECT_EQ(h.drawn, drawn);
    EXPECT_TRUE(h.take_tasks().empty());
    EXPECT_EQ(h.change(same).state, ChangeState::done);
    EXPECT_EQ(h.change(same).jobs_total, 0U);
}

TEST(EngineJobs, APriceThatGoesBackBeforeAnythingLeftSendsNothing) {
    Harness h;
    h.furnish(1);
    h.display_all();
    h.engine->on_uplink(contract::ApOffline{kAp, "b1"});
    h.run();
    h.change_price(1, 150);
    h.change_price(1, 100);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    h.hello(kAp, "b2");
    EXPECT_TRUE(h.take_tasks().empty());
}

TEST(EngineJobs, APriceThatGoesBackAfterATaskLeftIsSentAgain) {
    Harness h;
    h.furnish(1);
    h.display_all();
    h.change_price(1, 150);
    ASSERT_EQ(h.take_tasks().size(), 1U);
    h.change_price(1, 100);
    EXPECT_EQ(h.take_tasks().size(), 1U);
    EXPECT_EQ(h.status(1), TagStatus::pending);
}

TEST(EngineJobs, AnUnansweredTaskIsSentAgainUnderTheSameVersion) {
    Harness h;
    h.furnish(1);
    const auto task = h.take_tasks().at(0);
    h.advance(19s);
    EXPECT_TRUE(h.take_tasks().empty());
    h.advance(2s);
    const auto again = h.take_tasks();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].version, task.version);
    h.report(again[0], TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    h.advance(1h);
    EXPECT_TRUE(h.take_tasks().empty());
}

TEST(EngineJobs, AnUnreachableTagIsShownAsFailedAndTriedAgainUnderANewVersion) {
    Harness h;
    h.furnish(1);
    const auto change = h.store.changes({}, {}, 1, *std::make_unique<std::uint64_t>()).at(0).id;
    const auto task = h.take_tasks().at(0);
    h.fail_task(task, FailClass::unreachable);
    EXPECT_EQ(h.status(1), TagStatus::failed);
    EXPECT_EQ(h.tag(1).failure->kind, "unreachable");
    EXPECT_EQ(h.change(change).state, ChangeState::partly_failed);
    EXPECT_EQ(h.audited("job.failed"), 1U);
    h.advance(61s);
    const auto again = h.take_tasks();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_GT(again[0].version, task.version);
    EXPECT_EQ(h.status(1), TagStatus::failed) << "until it is shown";
    h.report(again[0], TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.change(change).state, ChangeState::done);
}

TEST(EngineJobs, AFailedTagThatIsHeardAgainIsTriedBeforeItsBackOffIsOver) {
    Harness h;
    h.furnish(1);
    h.fail_task(h.take_tasks().at(0), FailClass::unreachable);
    h.advance(12s);
    h.sight(1);
    EXPECT_EQ(h.take_tasks().size(), 1U);
}

TEST(EngineJobs, ATagThatComesBackAfterSilenceIsTriedWhateverItsBackOff) {
    Harness h;
    h.furnish(1);
    auto task = h.take_tasks().at(0);
    for (int i = 0; i < 4; ++i) {  // four tries: the next by itself would be in 8 minutes
        h.fail_task(task, FailClass::unreachable);
        h.engine->on_uplink(contract::ApHealth{kAp, {}, 0, 1, h.clock.wall()});
        h.advance(4min);
        h.engine->on_uplink(contract::ApHealth{kAp, {}, 0, 1, h.clock.wall()});
        h.advance(4min);
        const auto again = h.take_tasks();
        ASSERT_FALSE(again.empty());
        task = again.back();
    }
    h.fail_task(task, FailClass::unreachable);
    h.engine->on_uplink(contract::ApHealth{kAp, {}, 0, 1, h.clock.wall()});
    h.advance(2min);
    EXPECT_TRUE(h.take_tasks().empty());
    h.sight(1);
    EXPECT_EQ(h.take_tasks().size(), 1U);
}

TEST(EngineJobs, ABoundTagThatNoApHearsFailsAndGoesOutWhenOneDoes) {
    Harness h;
    h.furnish(1);
    h.display_all();
    ASSERT_TRUE(h.engine->update_ap(h.ana, kAp, "", std::nullopt));
    h.run();
    h.change_price(1, 111);
    EXPECT_EQ(h.tag(1).failure.value().kind, "no_ap");
    ASSERT_TRUE(h.engine->update_ap(h.ana, kAp, "s1", std::nullopt));
    h.run();
    EXPECT_EQ(h.take_tasks().size(), 1U);
}

TEST(EngineJobs, AHelloGetsConfigTimeAFullLeaseAndThenEveryOpenTask) {
    Harness h;
    h.furnish(3);
    const auto tasks = h.take_tasks();
    h.report(tasks[0], TaskState::accepted);
    h.report(tasks[1], TaskState::displayed);
    h.sends.clear();
    h.hello(kAp, "b2");
    ASSERT_EQ(h.sends.size(), 4U);
    const auto downlink = [&](std::size_t i) { return std::get<contract::Downlink>(h.sends[i].what); };
    EXPECT_EQ(std::get<contract::ApConfig>(downlink(0)).store, "s1");
    EXPECT_EQ(std::get<contract::TimeNotice>(downlink(1)).now, h.clock.wall());
    EXPECT_TRUE(std::get<contract::Lease>(downlink(2)).full);
    EXPECT_EQ(std::get<contract::Lease>(downlink(2)).add.size(), 3U);
    const auto again = h.take_tasks();
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[0].version, tasks[0].version);
    EXPECT_EQ(h.store.job(tasks[0].job)->state, JobState::accepted) << "an accepted job stays accepted";
}

TEST(EngineJobs, TheWindowOfAnApBoundsWhatIsUnanswered) {
    ServiceSettings settings;
    settings.ap_window = 2;
    Harness h(settings);
    h.furnish(5);
    auto tasks = h.take_tasks();
    ASSERT_EQ(tasks.size(), 2U);
    h.report(tasks[0], TaskState::accepted);
    EXPECT_EQ(h.take_tasks().size(), 1U);
    h.report(tasks[1], TaskState::displayed);
    EXPECT_EQ(h.take_tasks().size(), 1U);
}

TEST(EngineJobs, WhatTheBrokerDidNotTakeIsSentAgain) {
    Harness h;
    h.furnish(1);
    const auto task = h.take_tasks();
    h.engine->on_sent(task, fail(ServiceError::unavailable));
    h.run();
    EXPECT_EQ(h.store.job(task[0].job)->state, JobState::queued);
    h.advance(2s);
    EXPECT_EQ(h.take_tasks().size(), 1U);
}

TEST(EngineJobs, TheTagsOfADeadApMoveToAnotherThatHearsThemUnderANewEpoch) {
    Harness h;
    h.furnish(1);
    h.hello(kOtherAp);
    ASSERT_TRUE(h.engine->update_ap(h.ana, kOtherAp, "s1", std::nullopt));
    h.sight(1, kOtherAp);
    const auto old = h.take_tasks().at(0);
    h.engine->on_uplink(contract::ApOffline{kAp, "b1"});
    h.run();
    const auto moved = h.take_tasks(kOtherAp);
    ASSERT_EQ(moved.size(), 1U);
    EXPECT_GT(moved[0].epoch, old.epoch);
    h.report(old, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::pending) << "the old epoch is refused";
    h.report(moved[0], TaskState::displayed, kOtherAp);
    EXPECT_EQ(h.status(1), TagStatus::shown);
}

TEST(EngineJobs, AnApThatFallsSilentCountsAsOffline) {
    Harness h;
    h.furnish(1);
    h.advance(6min);
    EXPECT_FALSE(h.engine->ap(kAp)->ap.online);
    (void)h.take_tasks();
    h.engine->on_uplink(contract::ApHealth{kAp, {}, 0, 1, h.clock.wall()});
    h.run();
    EXPECT_TRUE(h.engine->ap(kAp)->ap.online);
    EXPECT_EQ(h.take_tasks().size(), 1U);
}

TEST(EngineJobs, AWillOfAnEarlierLifeDoesNotTakeTheApOffline) {
    Harness h;
    h.furnish(1);
    h.hello(kAp, "b2");
    h.engine->on_uplink(contract::ApOffline{kAp, "b1"});
    h.run();
    EXPECT_TRUE(h.engine->ap(kAp)->ap.online);
}

TEST(EngineJobs, ATagThatFellBackToOldContentIsPutRight) {
    Harness h;
    h.furnish(1);
    h.display_all();
    h.advance(30s);
    h.sight(1, kAp, 0xDEADBEEF);
    const auto tasks = h.take_tasks();
    ASSERT_EQ(tasks.size(), 1U);
    EXPECT_EQ(h.status(1), TagStatus::pending);
    h.report(tasks[0], TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    h.advance(30s);
    h.sight(1, kAp, tasks[0].image.crc);
    EXPECT_TRUE(h.take_tasks().empty());
}

TEST(EngineJobs, AnApThatKnowsAHigherVersionIsOvertaken) {
    Harness h;
    h.furnish(1);
    const auto task = h.take_tasks().at(0);
    h.report(task, TaskState::superseded);
    const auto again = h.take_tasks();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_GT(again[0].version, task.version + 999);
}

TEST(EngineJobs, AfterARestartEveryOpenTaskGoesOutAgain) {
    Harness h;
    h.furnish(2);
    const auto tasks = h.take_tasks();
    h.report(tasks[0], TaskState::displayed);
    h.restart();
    h.run();
    EXPECT_EQ(h.status(1), TagStatus::shown);
    const auto again = h.take_tasks();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].version, tasks[1].version);
    EXPECT_EQ(again[0].job, tasks[1].job);
    h.report(again[0], TaskState::displayed);
    EXPECT_EQ(h.status(2), TagStatus::shown);
}

TEST(EngineJobs, AChangeAcceptedJustBeforeARestartIsStillCarriedOut) {
    Harness h;
    h.furnish(1);
    h.display_all();
    std::vector<FieldError> errors;
    ChangeItemWrite item;
    item.product = Harness::product(1);
    item.price = 777;
    const auto made = h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors);
    ASSERT_TRUE(made);
    h.flush(h.engine->take());  // accepted, nothing drawn yet
    h.restart();
    h.run();
    ASSERT_EQ(h.take_tasks().size(), 1U);
    EXPECT_EQ(h.change(made->change.id).jobs_total, 1U);
    EXPECT_EQ(h.change(made->change.id).state, ChangeState::running);
}

}  // namespace
}  // namespace esl::mgmt::test
