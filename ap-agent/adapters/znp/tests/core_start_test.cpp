#include "ap-agent/adapters/znp/tests/core_fixture.hpp"

namespace esl::ap::znp::testing {
namespace {

class CoreStart : public CoreTest {};

TEST_F(CoreStart, FormsANetworkWithRandomParametersAndKeepsThem) {
    start();
    EXPECT_EQ(ups_, 1);
    EXPECT_THAT(failures_, ::testing::IsEmpty());
    ASSERT_TRUE(kept_);
    EXPECT_TRUE(core_->coordinator()->formed_now);
    EXPECT_EQ(stick_.nv.at(0x0060), Bytes{0x55});
    EXPECT_EQ(stick_.nv.at(0x0062), Bytes(kept_->key.begin(), kept_->key.end()));
    EXPECT_EQ(stick_.nv.at(0x0003), Bytes{0x00});
    EXPECT_TRUE(stick_.endpoints.contains(kOwnEndpoint));
    EXPECT_NE(kept_->key, (std::array<std::uint8_t, 16>{}));
}

TEST_F(CoreStart, ResumesTheNetworkThatBothSidesRemember) {
    start();
    const auto first = kept_;
    stick_.seen.clear();
    start();
    EXPECT_EQ(ups_, 2);
    EXPECT_FALSE(core_->coordinator()->formed_now);
    EXPECT_EQ(kept_, first);
    EXPECT_EQ(stick_.seen["app_cnf.bdbStartCommissioning"], 0);
    EXPECT_EQ(stick_.seen["sys.resetReq"], 0);
    EXPECT_EQ(stick_.seen["af.register"], 0);  // the endpoint is open already
}

TEST_F(CoreStart, WakesACoordinatorThatIsConfiguredButNotUp) {
    start();
    stick_.state = 0;
    start();
    EXPECT_EQ(ups_, 2);
    EXPECT_EQ(stick_.seen["zdo.startupFromApp"], 1);
}

TEST_F(CoreStart, FormsTheSameNetworkOnAReplacedCoordinator) {
    start();
    const auto first = *kept_;
    stick_ = FakeStick{};
    start();
    EXPECT_EQ(ups_, 2);
    EXPECT_EQ(core_->coordinator()->network, first);
    EXPECT_TRUE(core_->coordinator()->formed_now);
    EXPECT_EQ(stick_.nv.at(0x0062), Bytes(first.key.begin(), first.key.end()));
}

TEST_F(CoreStart, TakesOverTheNetworkOfACoordinatorWhenTheFileIsLost) {
    start();
    const auto first = *kept_;
    kept_.reset();
    start();
    EXPECT_EQ(ups_, 2);
    EXPECT_EQ(kept_, first);
    EXPECT_FALSE(core_->coordinator()->formed_now);
}

TEST_F(CoreStart, SaysThatNothingAnswersAfterThreePings) {
    stick_.dead = true;
    start();
    pass(10s);
    EXPECT_THAT(failures_, ::testing::ElementsAre(::testing::HasSubstr("no coordinator answers")));
    EXPECT_EQ(stick_.seen["sys.ping"], 3);
}

TEST_F(CoreStart, RefusesAnOldStackByName) {
    stick_.product = 0;
    start();
    EXPECT_THAT(failures_, ::testing::ElementsAre(::testing::HasSubstr("Z-Stack product 0")));
}

TEST_F(CoreStart, NamesTheStepThatTheCoordinatorDoesNotKnow) {
    for (const auto* step :
         {"sys.version", "sys.osalNvLength", "app_cnf.bdbSetChannel", "app_cnf.bdbStartCommissioning", "zdo.extNwkInfo",
          "af.register", "zdo.activeEpReq", "sys.getExtAddr", "sys.osalNvItemInit"}) {
        failures_.clear();
        kept_.reset();
        stick_ = FakeStick{};
        stick_.refuses = step;
        start();
        pass(200s);
        EXPECT_THAT(failures_, ::testing::ElementsAre(::testing::HasSubstr(step))) << step;
    }
}

TEST_F(CoreStart, FailsWhenTheCoordinatorFallsSilentAtAnyStepOfTheStart) {
    // Cut off after n exchanged frames, for every n until it comes up.
    for (int cut = 0;; ++cut) {
        ASSERT_LT(cut, 500);
        stick_ = FakeStick{};
        kept_.reset();
        failures_.clear();
        ups_ = 0;
        make_core();
        core_->start();
        for (int i = 0; i < cut; ++i) {
            const auto out = core_->take_output();
            if (out.empty()) break;
            hear(stick_.exchange(out));
        }
        if (ups_ == 1) break;
        stick_.dead = true;
        pass(300s);
        ASSERT_EQ(failures_.size(), 1U) << cut;
        EXPECT_EQ(ups_, 0);
    }
}

TEST_F(CoreStart, NoticesAResetAndAStateThatIsNotCoordinator) {
    start();
    say(FakeStick::say(Message(Kind::areq, "sys.resetInd", {{"reason", 2}})));
    EXPECT_THAT(failures_, ::testing::ElementsAre("coordinator was reset"));
    failures_.clear();
    start();
    say(FakeStick::say(Message(Kind::areq, "zdo.stateChangeInd", {{"state", 0}})));
    EXPECT_THAT(failures_, ::testing::ElementsAre(::testing::HasSubstr("left its network")));
}

TEST_F(CoreStart, NoticesACoordinatorThatStopsAnswering) {
    start();
    pass(5min);
    EXPECT_THAT(failures_, ::testing::IsEmpty());
    stick_.dead = true;
    pass(2min);
    EXPECT_THAT(failures_, ::testing::ElementsAre("coordinator does not answer pings"));
}

}  // namespace
}  // namespace esl::ap::znp::testing
