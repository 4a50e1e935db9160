#include "ap-agent/core/agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ap-agent/tests/fakes.hpp"

namespace esl::ap::testing {
namespace {

using namespace std::chrono_literals;
using contract::FailClass;
using contract::TaskState;
using ::testing::HasSubstr;

struct AgentTest : ::testing::Test {
    esl::testing::ManualClock clock;
    esl::testing::TempDir dir;
    Shelf shelf;
    std::unique_ptr<Life> life = make();

    std::unique_ptr<Life> make(AgentOptions options = {}) {
        return std::make_unique<Life>(clock, dir.path(), shelf, std::move(options));
    }
    void restart(AgentOptions options = {}) {
        life.reset();
        life = make(std::move(options));
    }
    FakeRadio& radio() { return life->radio; }
    FakeUplink& uplink() { return life->uplink; }
};

TEST_F(AgentTest, TellsAcceptedThenTransferringThenDisplayed) {
    life->give({task(kTag, 1, 1)});
    EXPECT_EQ(life->last()->state, TaskState::accepted);
    ASSERT_TRUE(radio().updates.contains(kTag));
    radio().begin_bytes(kTag);
    life->settle();
    EXPECT_EQ(life->last()->state, TaskState::transferring);
    clock.advance(3s);
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    EXPECT_EQ(life->last()->image_id, picture(1).crc());
    EXPECT_EQ(life->last()->attempts, 1u);
    EXPECT_EQ(life->agent.queued(), 0u);
}

TEST_F(AgentTest, DoesATaskOnceHoweverOftenItComes) {
    life->give({task(kTag, 1, 1), task(kTag, 1, 1)});
    life->give({task(kTag, 1, 1)});
    EXPECT_EQ(radio().given, 1);
    radio().display(kTag);
    life->settle();
    life->give({task(kTag, 1, 1)});
    EXPECT_EQ(radio().given, 1);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    restart();
    life->give({task(kTag, 1, 1)});
    EXPECT_EQ(radio().given, 0);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
}

TEST_F(AgentTest, DropsAVersionBelowTheHighestItHasTaken) {
    life->give({task(kTag, 5, 1)});
    life->give({task(kTag, 4, 2)});
    EXPECT_EQ(life->last()->state, TaskState::superseded);
    EXPECT_EQ(life->last()->version, 4u);
    radio().display(kTag);
    life->settle();
    restart();
    life->give({task(kTag, 4, 2)});
    EXPECT_EQ(life->last()->state, TaskState::superseded);
    EXPECT_EQ(radio().given, 0);
}

TEST_F(AgentTest, ANewerVersionReplacesOneThatTheRadioHas) {
    life->give({task(kTag, 1, 1)});
    life->give({task(kTag, 2, 2)});
    EXPECT_EQ(radio().cancelled, std::vector{kTag});
    EXPECT_EQ(uplink().count(TaskState::superseded), 1);
    ASSERT_TRUE(radio().updates.contains(kTag));
    EXPECT_EQ(radio().updates.at(kTag).first.image_id, picture(2).crc());
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(shelf.history[kTag], std::vector{picture(2).crc()});
}

TEST_F(AgentTest, AnOldImageThatCannotBeStoppedIsEndedBeforeTheNewOneBegins) {
    radio().obey_cancel = false;
    life->give({task(kTag, 1, 1)});
    life->give({task(kTag, 2, 2)});
    life->give({task(kTag, 3, 3)});
    EXPECT_EQ(radio().given, 1);
    radio().display(kTag);  // the tag had it already
    life->settle();
    EXPECT_EQ(radio().given, 2);
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(shelf.history[kTag], (std::vector{picture(1).crc(), picture(3).crc()}));
    EXPECT_EQ(uplink().count(TaskState::displayed), 2);
    EXPECT_EQ(uplink().count(TaskState::superseded), 1);
}

TEST_F(AgentTest, AnImageKnownToBeShownIsNotSentAgain) {
    life->give({task(kTag, 1, 1)});
    radio().display(kTag);
    life->settle();
    life->give({task(kTag, 2, 1)});
    EXPECT_EQ(radio().given, 1);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    EXPECT_EQ(life->last()->version, 2u);
    restart();
    life->give({task(kTag, 3, 1)});
    EXPECT_EQ(radio().given, 0);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
}

TEST_F(AgentTest, ATagThatRestartedIsNotTrustedToShowWhatItShowed) {
    life->give({task(kTag, 1, 1)});
    radio().display(kTag);
    life->settle();
    radio().hear(kTag, {}, true);
    life->settle();
    life->give({task(kTag, 2, 1)});
    EXPECT_EQ(radio().given, 2);
}

TEST_F(AgentTest, AFailedTransferOfAnotherImageEndsTheTrustInTheLastOne) {
    life->give({task(kTag, 1, 1)});
    radio().display(kTag);
    life->settle();
    life->give({task(kTag, 2, 2)});
    radio().fail(kTag, RadioError::image, true);
    life->settle();
    EXPECT_EQ(life->last()->failure, FailClass::image);
    life->give({task(kTag, 3, 1)});
    EXPECT_EQ(radio().given, 3);
}

TEST_F(AgentTest, ATransferThatNeverBeganLeavesTheTrustInTheLastOne) {
    life->give({task(kTag, 1, 1)});
    radio().display(kTag);
    life->settle();
    life->give({task(kTag, 2, 2)});
    radio().fail(kTag, RadioError::image, false);
    life->settle();
    life->give({task(kTag, 3, 1)});
    EXPECT_EQ(radio().given, 2);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
}

TEST_F(AgentTest, WhatATagSaysItShowsIsEvidence) {
    life->give({task(kTag, 1, 1)});
    radio().fail(kTag, RadioError::image);
    life->settle();
    radio().hear(kTag, picture(2).crc());
    life->settle();
    life->give({task(kTag, 2, 2)});
    EXPECT_EQ(radio().given, 1);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
}

TEST_F(AgentTest, UnreachableIsToldWithAttemptsAfterTheLastRound) {
    AgentOptions options;
    options.retry.rounds = 3;
    restart(options);
    life->give({task(kTag, 1, 1)});
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(radio().updates.contains(kTag)) << round;
        radio().fail(kTag, RadioError::unreachable, false, 2);
        life->settle();
        EXPECT_FALSE(radio().updates.contains(kTag));
        life->pass(10s);
    }
    EXPECT_EQ(life->last()->state, TaskState::failed);
    EXPECT_EQ(life->last()->failure, FailClass::unreachable);
    EXPECT_EQ(life->last()->attempts, 6u);
    EXPECT_EQ(life->last()->code, 7);
    EXPECT_EQ(life->agent.queued(), 0u);
    // The service plans it anew under another job: that is a new request.
    auto again = task(kTag, 1, 1);
    again.job = "another";
    life->give({again});
    EXPECT_TRUE(radio().updates.contains(kTag));
}

TEST_F(AgentTest, BacksOffLongerEachTimeAndATagNeverHeardIsTriedWhenItIs) {
    life->give({task(kTag, 1, 1)});
    radio().fail(kTag, RadioError::unreachable, false, 1);
    life->settle();
    life->pass(1900ms);
    EXPECT_EQ(radio().given, 1);
    life->pass(200ms);
    EXPECT_EQ(radio().given, 2);
    radio().fail(kTag, RadioError::unreachable, false, 1);
    life->settle();
    radio().hear(kTag);
    life->pass(3900ms);
    EXPECT_EQ(radio().given, 2);
    life->pass(200ms);
    EXPECT_EQ(radio().given, 3);
    radio().fail(kTag, RadioError::unreachable, false, 0);  // not heard at all
    life->settle();
    EXPECT_EQ(radio().given, 3);
    radio().hear(kTag);
    life->settle();
    EXPECT_EQ(radio().given, 4);
}

TEST_F(AgentTest, AMissingRadioIsWaitedForWithoutCountingRounds) {
    life->give({task(kTag, 1, 1)});
    for (int i = 0; i < 20; ++i) {
        radio().fail(kTag, RadioError::gone, false, 0);
        life->settle();
        EXPECT_FALSE(radio().updates.contains(kTag));
        radio().set_state(RadioState::gone);
        life->pass(1s);
        radio().set_state(RadioState::up);
        life->settle();
        ASSERT_TRUE(radio().updates.contains(kTag));
    }
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(life->last()->state, TaskState::displayed);
}

TEST_F(AgentTest, HoldsATaskUntilItsTimeAndThenItReplacesTheOldOne) {
    auto later = task(kTag, 2, 2);
    later.not_before = clock.wall() + 60s;
    life->give({task(kTag, 1, 1), later});
    EXPECT_EQ(uplink().count(TaskState::accepted), 2);
    radio().display(kTag);
    life->settle();
    life->pass(59s);
    EXPECT_EQ(radio().given, 1);
    restart();  // the schedule survives
    life->pass(2s);
    ASSERT_EQ(radio().given, 1);
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(shelf.shown[kTag], picture(2).crc());
}

TEST_F(AgentTest, ShowsWhatIsForLaterAtItsMomentWithTheUplinkDownAndTellsTheTimeAfterwards) {
    const auto six = clock.wall() + 60s;
    auto later = task(kTag, 2, 2);
    later.not_before = six;
    life->give({task(kTag, 1, 1), later});
    radio().display(kTag);
    life->settle();
    life->agent.on_disconnected();
    uplink().reachable = false;
    life->pass(60s);
    ASSERT_EQ(radio().updates.size(), 1U);
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(shelf.history[kTag], (std::vector{picture(1).crc(), picture(2).crc()}));
    life->pass(30min);
    uplink().reachable = true;
    life->agent.on_connected();
    life->settle();
    EXPECT_EQ(life->last()->version, 2U);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    EXPECT_GE(life->last()->at, six);
    EXPECT_LT(life->last()->at, six + 2s);
    life->give({later});  // asked for again
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    EXPECT_LT(life->last()->at, six + 2s);
}

TEST_F(AgentTest, ANewerTaskOfNowTakesBackOneForLater) {
    life->give({task(kTag, 1, 1)});
    radio().display(kTag);
    life->settle();
    auto later = task(kTag, 2, 2);
    later.not_before = clock.wall() + 60s;
    life->give({later});
    life->give({task(kTag, 3, 1)});
    life->settle();
    EXPECT_EQ(radio().given, 1) << "the tag shows it already";
    EXPECT_EQ(uplink().count(TaskState::superseded), 1);
    EXPECT_EQ(life->last()->version, 3U);
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    life->pass(10min);
    EXPECT_EQ(radio().given, 1);
    EXPECT_EQ(shelf.history[kTag].size(), 1U);
}

TEST_F(AgentTest, ATaskOfNowThatIsStillTriedGivesWayAtTheMomentOfTheNext) {
    auto later = task(kTag, 2, 2);
    later.not_before = clock.wall() + 60s;
    life->give({task(kTag, 1, 1), later});
    radio().fail(kTag, RadioError::timeout);
    life->settle();
    life->pass(60s);
    ASSERT_EQ(radio().updates.size(), 1U);
    EXPECT_EQ(radio().updates.at(kTag).first.image_id, picture(2).crc());
    EXPECT_EQ(uplink().count(TaskState::superseded), 1);
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(shelf.history[kTag], std::vector{picture(2).crc()});
}

TEST_F(AgentTest, WhatHasExpiredIsToldAndNotSent) {
    auto t = task(kTag, 1, 1);
    t.not_before = clock.wall() + 60s;
    t.expires = clock.wall() + 50s;
    life->give({t});
    life->pass(51s);
    EXPECT_EQ(life->last()->state, TaskState::expired);
    life->pass(20s);
    EXPECT_EQ(radio().given, 0);
    auto late = task(kTag, 2, 1);
    late.expires = clock.wall() - 1s;
    life->give({late});
    EXPECT_EQ(life->last()->state, TaskState::expired);
}

TEST_F(AgentTest, RefusesWorkOfAPastLease) {
    life->give({task(kTag, 1, 1, 3)});
    life->give({task(kTag, 2, 2, 2)});
    EXPECT_EQ(life->last()->failure, FailClass::lease);
    // A new lease ends what was begun under the old one.
    life->give(contract::Lease{false, {{kTag, 4}}, {}});
    EXPECT_EQ(life->last()->failure, FailClass::lease);
    EXPECT_EQ(life->last()->version, 1u);
    EXPECT_EQ(life->agent.queued(), 0u);
    restart();
    life->give({task(kTag, 3, 2, 3)});
    EXPECT_EQ(life->last()->failure, FailClass::lease);
    life->give({task(kTag, 3, 2, 4)});
    EXPECT_TRUE(radio().updates.contains(kTag));
    life->give(contract::Lease{true, {}, {}});
    EXPECT_EQ(life->last()->failure, FailClass::lease);
    life->give({task(kTag, 4, 2, 4)});
    EXPECT_EQ(life->last()->failure, FailClass::lease);
    life->give({task(kTag, 4, 2, 5)});
    EXPECT_TRUE(radio().updates.contains(kTag));
}

TEST_F(AgentTest, TheSameTaskUnderANewLeaseIsDoneUnderThatLease) {
    life->give({task(kTag, 1, 1, 1)});
    radio().display(kTag);
    life->settle();
    life->give(contract::Lease{false, {{kTag, 2}}, {}});
    life->give({task(kTag, 1, 1, 2)});  // shown already: told again, for the lease of now
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    EXPECT_EQ(life->last()->epoch, 2u);

    life->give({task(kTag, 2, 2, 2)});
    radio().fail(kTag, RadioError::timeout);
    life->settle();
    life->give(contract::Lease{false, {{kTag, 3}}, {}});  // ends the one that waits
    EXPECT_EQ(life->last()->failure, FailClass::lease);
    life->give({task(kTag, 2, 2, 3)});
    EXPECT_EQ(life->last()->state, TaskState::accepted);

    radio().obey_cancel = false;
    life->give(contract::Lease{false, {{kTag, 4}}, {}});  // wants to end the one that the radio has
    life->give({task(kTag, 2, 2, 4)});
    EXPECT_EQ(life->last()->state, TaskState::accepted);
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(life->last()->state, TaskState::displayed);
    EXPECT_EQ(life->last()->epoch, 4u);
    EXPECT_EQ(life->agent.queued(), 0u);
}

TEST_F(AgentTest, SaysNoBeyondItsBoundAndTakesTheTaskLater) {
    AgentOptions options;
    options.engine.max_tasks = 3;
    restart(options);
    std::vector<contract::Task> tasks;
    for (unsigned i = 0; i < 4; ++i) tasks.push_back(task(TagId::eui48(0xFFFF00000000 + i), 1, i));
    life->give(tasks);
    EXPECT_EQ(uplink().count(TaskState::accepted), 3);
    const auto refused = life->last(tasks[3].tag);
    EXPECT_EQ(refused->failure, FailClass::internal);
    EXPECT_THAT(refused->detail, HasSubstr("full"));
    radio().display(tasks[0].tag);
    life->settle();
    life->give({tasks[3]});
    EXPECT_EQ(life->last(tasks[3].tag)->state, TaskState::accepted);
}

TEST_F(AgentTest, RefusesImagesThatAreDamagedMisnamedOrOfOtherColours) {
    auto damaged = task(kTag, 1, 1);
    damaged.image.resize(damaged.image.size() / 2);
    life->give({damaged});
    EXPECT_EQ(life->last()->failure, FailClass::image);
    auto misnamed = task(kTag, 1, 1);
    misnamed.image_id ^= 1;
    life->give({misnamed});
    EXPECT_THAT(life->last()->detail, HasSubstr("image id"));
    auto coloured = task(kTag, 1, 1);
    coloured.palette = image::Palette::bw;
    life->give({coloured});
    EXPECT_THAT(life->last()->detail, HasSubstr("palette"));
    EXPECT_EQ(radio().given, 0);
}

TEST_F(AgentTest, AnOutcomeIsToldUntilTheBrokerAcknowledgedIt) {
    uplink().acknowledge = false;
    life->give({task(kTag, 1, 1)});
    radio().display(kTag);
    life->settle();
    EXPECT_EQ(uplink().count(TaskState::displayed), 1);
    life->agent.on_disconnected();
    for (auto& done : uplink().held) done(fail(ParseError::unknown, "lost"));
    life->agent.on_connected();
    life->settle();
    EXPECT_EQ(uplink().count(TaskState::displayed), 2);
    restart();
    EXPECT_EQ(uplink().count(TaskState::displayed), 1);
    restart();
    EXPECT_EQ(uplink().count(TaskState::displayed), 0) << "acknowledged before";
}

TEST_F(AgentTest, WhatHappensWhileTheUplinkIsDownIsToldAfterwards) {
    std::vector<contract::Task> tasks;
    for (unsigned i = 0; i < 600; ++i) tasks.push_back(task(TagId::eui48(0xFFFF00000000 + i), 1, i));
    life->give(tasks);
    life->agent.on_disconnected();
    uplink().reachable = false;
    while (!radio().updates.empty()) {
        radio().display(radio().updates.begin()->first);
        if (radio().updates.empty()) life->settle();
    }
    EXPECT_EQ(shelf.shown.size(), 600u);
    uplink().reachable = true;
    uplink().results.clear();
    life->agent.on_connected();
    life->settle();
    EXPECT_EQ(uplink().count(TaskState::displayed), 600);
    EXPECT_LE(uplink().largest, contract::kMaxPayload);
    EXPECT_EQ(uplink().of<contract::ApHello>().size(), 2u);
}

TEST_F(AgentTest, TellsChangesOfTagsOnceAndAllAfterAConnect) {
    radio().hear(kTag);
    life->pass(2s);
    for (int i = 0; i < 5; ++i) {
        radio().hear(kTag);
        life->pass(2s);
    }
    auto reports = uplink().of<contract::TagsReport>();
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].tags.at(0).model, "gicisky-0033");
    EXPECT_TRUE(reports[0].full);
    life->agent.on_connected();
    life->settle();
    EXPECT_EQ(uplink().of<contract::TagsReport>().size(), 2u);
    life->pass(16min);
    reports = uplink().of<contract::TagsReport>();
    EXPECT_EQ(reports.back().tags.at(0).event, contract::TagEvent::left);
    radio().hear(kTag);
    life->pass(2s);
    EXPECT_EQ(uplink().of<contract::TagsReport>().back().tags.at(0).event, contract::TagEvent::joined);
}

// A service that subscribes for the first time just after the hello has never heard of this AP.
TEST_F(AgentTest, SaysHelloAgainUntilTheServiceAnswers) {
    const auto hellos = [this] { return uplink().of<contract::ApHello>().size(); };
    EXPECT_EQ(hellos(), 1u);
    life->pass(2s);
    EXPECT_EQ(hellos(), 2u);
    life->pass(2s);
    EXPECT_EQ(hellos(), 2u);  // ever more seldom
    life->pass(2s);
    EXPECT_EQ(hellos(), 3u);
    life->give(contract::TimeNotice{clock.wall()});
    life->pass(50s);
    EXPECT_EQ(hellos(), 3u);
    life->agent.on_connected();
    life->pass(2s);
    EXPECT_EQ(hellos(), 5u);
}

TEST_F(AgentTest, LearnsItsStoreFromTheServiceAndKeepsIt) {
    EXPECT_EQ(uplink().store, "unclaimed");
    life->give(contract::ApConfig{"zagreb-1", 0});
    EXPECT_EQ(uplink().store, "zagreb-1");
    restart();
    EXPECT_EQ(uplink().store, "zagreb-1");
    AgentOptions fixed;
    fixed.store = "split-2";
    restart(fixed);
    life->give(contract::ApConfig{"zagreb-1", 0});
    EXPECT_EQ(uplink().store, "split-2");
    EXPECT_FALSE(uplink().of<contract::CommandAnswer>().back().ok);
}

TEST_F(AgentTest, AnswersCommandsOnceAndSaysWhatItCannotDo) {
    contract::Command led{"id-1", contract::CommandKind::led, kTag, "red", 9};
    life->give(led);
    life->give(led);
    ASSERT_EQ(radio().leds.size(), 1u);
    EXPECT_EQ(radio().leds[0].time, 9s);
    contract::Command ota{"id-2", contract::CommandKind::ota, kTag, "", 0};
    life->give(ota);
    contract::Command join{"id-3", contract::CommandKind::permit_join, std::nullopt, "", 60};
    life->give(join);
    const auto answers = uplink().of<contract::CommandAnswer>();
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_TRUE(answers[0].ok);
    EXPECT_FALSE(answers[1].ok);
    EXPECT_THAT(answers[1].detail, HasSubstr("ota"));
    EXPECT_FALSE(answers[2].ok);
}

TEST_F(AgentTest, AMessageItDoesNotUnderstandIsAnswered) {
    life->agent.on_message(Bytes{0xA1, 0x61});
    life->settle();
    const auto answers = uplink().of<contract::CommandAnswer>();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(answers[0].id.empty());
    EXPECT_FALSE(answers[0].ok);
    EXPECT_FALSE(answers[0].detail.empty());
}

}  // namespace
}  // namespace esl::ap::testing
