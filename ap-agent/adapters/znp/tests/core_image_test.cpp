#include "ap-agent/adapters/znp/tests/core_fixture.hpp"

namespace esl::ap::znp::testing {
namespace {

class CoreImage : public CoreTest {};

TEST_F(CoreImage, AnImageIsDisplayedWhenTheTagSaysSo) {
    start();
    auto& tag = joined_tag();
    tag.refreshes_slowly = true;
    const auto image = picture();
    update(image);
    EXPECT_EQ(started_, 1);
    EXPECT_THAT(outcomes_, ::testing::IsEmpty());  // loaded, but not shown
    EXPECT_EQ(image::inflate(32, 16, tag.loaded).value(), *image);
    EXPECT_GE(tag.loaded.size(), pd::kMaxBlock + 1);  // more than one block
    clock_.advance(20s);
    say(stick_.finish_refresh(tag));
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
    EXPECT_EQ(outcomes_[0].attempts, 1U);
    EXPECT_TRUE(outcomes_[0].started);
    EXPECT_EQ(sightings_.back().shown_image_id, image->crc());
    EXPECT_FALSE(sightings_.back().restarted);
}

TEST_F(CoreImage, ATagWithoutZlibPullsTheCanonicalBytes) {
    start();
    auto& tag = stick_.add_tag(kIeee, kNwk);
    tag.formats = 1;
    say(stick_.join(tag));
    const auto image = picture();
    update(image);
    ASSERT_TRUE(outcomes_.at(0).displayed());
    EXPECT_TRUE(std::ranges::equal(tag.loaded, image->bytes()));
}

TEST_F(CoreImage, RecoversFromEachStatusThatAnotherTryMayMend) {
    for (const std::uint8_t status : Bytes{0xCD, 0xE9, 0xE1, 0xF0, 0x11, 0x1A, 0x10, 0xB7}) {
        outcomes_.clear();
        stick_ = FakeStick{};
        start();
        joined_tag();
        stick_.confirms = {status, status};
        update(picture(status));
        EXPECT_THAT(outcomes_, ::testing::IsEmpty()) << int{status};
        pass(60s);
        ASSERT_EQ(outcomes_.size(), 1U) << int{status};
        EXPECT_TRUE(outcomes_[0].displayed()) << int{status};
        const bool congested = status == 0xE1 || status == 0x11 || status == 0x1A || status == 0x10;
        EXPECT_EQ(stick_.seen["zdo.extRouteDisc"] > 0, !congested) << int{status};
        EXPECT_EQ(stick_.seen["util.assocAdd"] > 0, status == 0xF0) << int{status};
    }
}

TEST_F(CoreImage, ATagThatNeverPollsIsUnreachableWithTheStatus) {
    start();
    auto& tag = joined_tag();
    tag.hears_nothing = true;
    update(picture());
    pass(170s);
    expect_failure(RadioError::unreachable);
    EXPECT_EQ(outcomes_[0].failure->code, 0xF0);
    EXPECT_EQ(stick_.seen["af.dataRequest"] - 4, 5);  // four questions of the interview, then five tries
    EXPECT_FALSE(outcomes_[0].started);
}

TEST_F(CoreImage, FindsATagThatMovedWithoutAWord) {
    start();
    joined_tag();
    auto moved = stick_.tags.extract(kNwk);
    moved.key() = 0x4321;
    moved.mapped().nwk = 0x4321;
    stick_.tags.insert(std::move(moved));
    update(picture());
    pass(30s);
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
    EXPECT_EQ(tags_.find(TagId::eui64(kIeee))->nwk, 0x4321);
}

TEST_F(CoreImage, ARejoinWithAnotherAddressInTheMiddleDoesNotEndTheUpdate) {
    start();
    auto& tag = joined_tag();
    tag.stops_after_blocks = 1;
    update(picture());
    auto moved = stick_.tags.extract(kNwk);
    moved.key() = 0x4321;
    moved.mapped().nwk = 0x4321;
    auto& again = stick_.tags.insert(std::move(moved)).position->second;
    say(stick_.join(again));
    pass(60s);
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
}

TEST_F(CoreImage, ATagThatFallsSilentIsNotifiedAgainAndThenGivenUp) {
    start();
    auto& tag = joined_tag();
    tag.ignores_notify = true;
    update(picture());
    pass(179s);
    EXPECT_EQ(tag.notifies, 8);
    expect_failure(RadioError::unreachable);
    EXPECT_EQ(outcomes_[0].attempts, 8U);
}

TEST_F(CoreImage, ATagThatStopsInTheMiddleGoesOnAfterTheNextNotify) {
    start();
    auto& tag = joined_tag();
    tag.stops_after_blocks = 1;
    update(picture());
    EXPECT_THAT(outcomes_, ::testing::IsEmpty());
    pass(20s);
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
    EXPECT_EQ(outcomes_[0].attempts, 2U);
}

TEST_F(CoreImage, RequestsThatRepeatAreAnsweredEachTime) {
    start();
    auto& tag = joined_tag();
    tag.asks_each_block_twice = true;
    update(picture());
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
}

TEST_F(CoreImage, AWrongRequestIsRefusedAndTheUpdateGoesOn) {
    for (const auto& wrong :
         {pd::BlockReq{.image = 0xDEAD, .offset = 0}, pd::BlockReq{.image = 0, .offset = 0xFFFF'FFFF}}) {
        outcomes_.clear();
        stick_ = FakeStick{};
        start();
        auto& tag = joined_tag();
        tag.asks_first = wrong;
        update(picture());
        pass(1s);
        ASSERT_EQ(outcomes_.size(), 1U);
        EXPECT_TRUE(outcomes_[0].displayed());
    }
}

TEST_F(CoreImage, ADamagedLoadIsTriedAgainButNotForEver) {
    start();
    auto& tag = joined_tag();
    tag.bad_loads = 2;
    update(picture());
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
    EXPECT_EQ(outcomes_[0].attempts, 3U);
    outcomes_.clear();
    tag.bad_loads = 100;
    update(picture(2));
    expect_failure(RadioError::rejected);
    EXPECT_EQ(outcomes_[0].failure->code, zcl::status::kInvalidImage);
}

TEST_F(CoreImage, ARefusedShowIsAFailureWithTheTagsOwnStatus) {
    start();
    auto& tag = joined_tag();
    tag.refuses_show = zcl::status::kFailure;
    update(picture());
    expect_failure(RadioError::rejected);
    EXPECT_EQ(outcomes_[0].failure->code, zcl::status::kFailure);
}

TEST_F(CoreImage, ARefreshThatNeverEndsIsATimeout) {
    start();
    auto& tag = joined_tag();
    tag.refreshes_slowly = true;
    update(picture());
    pass(185s);
    expect_failure(RadioError::timeout);
    EXPECT_GE(tag.shows, 2);
    EXPECT_TRUE(outcomes_[0].started);
}

TEST_F(CoreImage, AReportOfTheShownImageIsEvidenceTooWhenTheResponseIsLost) {
    start();
    auto& tag = joined_tag();
    tag.refreshes_slowly = true;
    const auto image = picture();
    update(image);
    const auto report = [&](std::uint32_t shown) {
        zcl::Header header;
        header.direction = zcl::Direction::to_client;
        header.no_default_response = true;
        header.manufacturer = pd::kManufacturer;
        header.command = zcl::kReportAttributes;
        const auto payload =
            zcl::encode_report_attributes({{pd::attribute::kShownImage, zcl::Type::u32, std::uint64_t{shown}}});
        say(stick_.from_tag(tag, pd::kCluster, zcl::encode_frame(header, payload)));
    };
    report(image->crc() + 1);
    EXPECT_THAT(outcomes_, ::testing::IsEmpty());
    report(image->crc());
    ASSERT_EQ(outcomes_.size(), 1U);
    EXPECT_TRUE(outcomes_[0].displayed());
}

TEST_F(CoreImage, RefusesAnImageThatDoesNotFitThePanel) {
    start();
    joined_tag();
    update(picture(1, 40, 16));
    expect_failure(RadioError::image);
    outcomes_.clear();
    auto yellow = std::make_shared<image::TagImage>(32, 16, image::Colour::yellow);
    update(yellow);
    expect_failure(RadioError::image);
    outcomes_.clear();
    update(picture(1), kIeee + 1);
    expect_failure(RadioError::unreachable);
}

TEST_F(CoreImage, OneUpdateOfATagAtATime) {
    start();
    auto& tag = joined_tag();
    tag.ignores_notify = true;
    update(picture(1));
    update(picture(2));
    expect_failure(RadioError::busy);
}

TEST_F(CoreImage, ACancelledUpdateEndsAndItsLateRequestsAreRefused) {
    start();
    auto& tag = joined_tag();
    tag.stops_after_blocks = 1;
    update(picture());
    core_->cancel(TagId::eui64(kIeee));
    expect_failure(RadioError::cancelled);
    const auto blocks = tag.blocks;
    say(stick_.from_tag(tag, pd::kCluster, pd::encode(pd::FromTag{pd::BlockReq{.image = tag.notified.image}}, 0)));
    EXPECT_EQ(core_->counters().stray_requests, 1U);
    EXPECT_GT(tag.blocks, blocks);  // it was told that there is no such image
}

TEST_F(CoreImage, AnUpdateThatTheTagHasWhollyIsNotCancelled) {
    start();
    auto& tag = joined_tag();
    tag.refreshes_slowly = true;
    update(picture());
    core_->cancel(TagId::eui64(kIeee));
    EXPECT_THAT(outcomes_, ::testing::IsEmpty());
    say(stick_.finish_refresh(tag));
    EXPECT_TRUE(outcomes_.at(0).displayed());
}

TEST_F(CoreImage, ServesManyTagsWithABoundOnWhatIsOnTheAir) {
    start();
    constexpr int kTags = 60;
    for (int i = 0; i < kTags; ++i) {
        auto& tag = joined_tag(kIeee + static_cast<unsigned>(i), static_cast<std::uint16_t>(0x2000 + i));
        tag.refreshes_slowly = true;
    }
    EXPECT_EQ(sightings_.size(), 60U);
    for (int i = 0; i < kTags; ++i) update(picture(static_cast<unsigned>(i)), kIeee + static_cast<unsigned>(i));
    // All refresh at once, though only 16 could pull at a time.
    for (auto& [nwk, tag] : stick_.tags) say(stick_.finish_refresh(tag));
    ASSERT_EQ(outcomes_.size(), 60U);
    for (const auto& outcome : outcomes_) EXPECT_TRUE(outcome.displayed());
    EXPECT_LE(core_->most_outstanding(), 16U);
}

TEST_F(CoreImage, WaitingUpdatesGoByPriority) {
    options_.max_transfers = 1;
    start();
    for (unsigned i = 0; i < 3; ++i)
        joined_tag(kIeee + i, static_cast<std::uint16_t>(0x2000 + i)).ignores_notify = true;
    update(picture(1), kIeee, 5);
    update(picture(2), kIeee + 1, 9);
    update(picture(3), kIeee + 2, 0);
    core_->cancel(TagId::eui64(kIeee));
    pass(1ms);
    EXPECT_EQ(stick_.tags.at(0x2002).notifies, 1);
    EXPECT_EQ(stick_.tags.at(0x2001).notifies, 0);
}

TEST_F(CoreImage, ABrokenLineEndsEverythingAsGone) {
    start();
    auto& tag = joined_tag();
    tag.ignores_notify = true;
    update(picture());
    core_->close("cable pulled");
    expect_failure(RadioError::gone);
    int refused = 0;
    core_->update({.tag = TagId::eui64(kIeee), .image = picture(), .image_id = 1, .started = {}},
                  [&](const UpdateOutcome& outcome) { refused += outcome.failure->error == RadioError::gone ? 1 : 0; });
    EXPECT_EQ(refused, 1);
}

TEST_F(CoreImage, LedReachesTheTagOrSaysWhyNot) {
    start();
    joined_tag();
    std::vector<std::string> said;
    const auto note = [&](const Result<>& result) { said.push_back(result ? "ok" : result.error().message()); };
    core_->led({.tag = TagId::eui64(kIeee), .colour = "red"}, note);
    talk();
    core_->led({.tag = TagId::eui64(kIeee), .colour = "pink"}, note);
    core_->led({.tag = TagId::eui64(1), .colour = "red"}, note);
    EXPECT_THAT(said, ::testing::ElementsAre("ok", ::testing::HasSubstr("pink"), ::testing::HasSubstr("not joined")));
}

}  // namespace
}  // namespace esl::ap::znp::testing
