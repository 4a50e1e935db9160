#include "ap-agent/adapters/znp/tests/core_fixture.hpp"

namespace esl::ap::znp::testing {
namespace {

class CoreJoin : public CoreTest {};

TEST_F(CoreJoin, OpensTheNetworkOnCommandOnly) {
    start();
    EXPECT_THAT(stick_.joins_open, ::testing::IsEmpty());
    int done = 0;
    core_->permit_join(600s, [&](const Result<>& result) { done += result ? 1 : 100; });
    talk();
    core_->permit_join(0s, [&](const Result<>& result) { done += result ? 1 : 100; });
    talk();
    EXPECT_EQ(done, 2);
    EXPECT_THAT(stick_.joins_open, ::testing::ElementsAre(254, 0));
}

TEST_F(CoreJoin, AsksATagThatJoinsWhatItIs) {
    start();
    joined_tag();
    ASSERT_EQ(sightings_.size(), 1U);
    const auto& seen = sightings_[0];
    EXPECT_EQ(seen.event, TagSighting::Event::joined);
    EXPECT_EQ(seen.tag.text(), "00124B0001020304");
    EXPECT_EQ(seen.model, "SW-FAKE");
    EXPECT_EQ(seen.firmware, "1.2?3");  // no control character gets into logs
    EXPECT_EQ(seen.width, 32U);
    EXPECT_EQ(seen.height, 16U);
    EXPECT_EQ(seen.palette, image::Palette::bwr);
    EXPECT_EQ(seen.battery_mv, 2987U);
    EXPECT_EQ(seen.battery_percent, 90U);
    EXPECT_EQ(seen.shown_image_id, 0U);
    EXPECT_EQ(stick_.seen["zdo.nodeDescReq"], 1);  // although two indications announced it
    EXPECT_GE(changes_, 1);
}

TEST_F(CoreJoin, ForgetsADeviceThatIsNoPriceTag) {
    start();
    auto& lamp = stick_.add_tag(kIeee, kNwk);
    lamp.price_tag = false;
    say(stick_.join(lamp));
    EXPECT_THAT(sightings_, ::testing::IsEmpty());
    EXPECT_EQ(tags_.size(), 0U);
}

TEST_F(CoreJoin, AsksAgainLaterWhenATagDoesNotAnswerItsInterview) {
    start();
    auto& tag = stick_.add_tag(kIeee, kNwk);
    tag.hears_nothing = true;
    say(stick_.join(tag));
    pass(70s);
    EXPECT_THAT(sightings_, ::testing::IsEmpty());
    tag.hears_nothing = false;
    pass(2min);
    EXPECT_EQ(sightings_.size(), 1U);
}

TEST_F(CoreJoin, AsksAgainWhenTheAnswerToAReadIsLost) {
    start();
    auto& tag = stick_.add_tag(kIeee, kNwk);
    tag.loses_answers = 3;
    say(stick_.join(tag));
    EXPECT_THAT(sightings_, ::testing::IsEmpty());
    pass(40s);
    ASSERT_EQ(sightings_.size(), 1U);
    EXPECT_EQ(sightings_[0].model, "SW-FAKE");
}

TEST_F(CoreJoin, NothingForATagGoesToAnotherThatGotItsAddress) {
    start();
    joined_tag(kIeee, kNwk);
    stick_.tags.clear();  // gone without a word, and its address is given to a newcomer
    auto& other = joined_tag(kIeee + 1, kNwk);
    update(picture());
    pass(60s);
    EXPECT_EQ(other.notifies, 0);
    expect_failure(RadioError::unreachable);
}

TEST_F(CoreJoin, FindsOutWhoSpeaksFromAnUnknownAddress) {
    start();
    auto& tag = stick_.add_tag(kIeee, kNwk);
    say(stick_.from_tag(tag, pd::kCluster, pd::encode(pd::FromTag{pd::BlockReq{.image = 1}}, 0)));
    EXPECT_EQ(core_->counters().unknown_senders, 1U);
    ASSERT_EQ(sightings_.size(), 1U);
    EXPECT_EQ(sightings_[0].tag, TagId::eui64(kIeee));
}

TEST_F(CoreJoin, ToldOfALeaveForgetsTheTagAndEndsItsUpdate) {
    start();
    auto& tag = joined_tag();
    tag.ignores_notify = true;
    update(picture());
    say(FakeStick::say(Message(Kind::areq, "zdo.leaveInd", {{"src", kNwk}, {"ieee", kIeee}})));
    EXPECT_EQ(sightings_.back().event, TagSighting::Event::left);
    EXPECT_EQ(tags_.size(), 0U);
    expect_failure(RadioError::unreachable);
}

TEST_F(CoreJoin, UnbindAsksTheTagToLeaveAndForgetsIt) {
    start();
    joined_tag();
    int done = 0;
    core_->unbind(TagId::eui64(kIeee), [&](const Result<>& result) { done += result ? 1 : 100; });
    talk();
    EXPECT_EQ(done, 1);
    EXPECT_EQ(stick_.seen["zdo.mgmtLeaveReq"], 1);
    EXPECT_EQ(tags_.size(), 0U);
}

TEST_F(CoreJoin, SaysThatATagHasRestartedWhenItShowsSomethingElseAfterJoiningAgain) {
    start();
    auto& tag = joined_tag();
    update(picture());
    ASSERT_TRUE(outcomes_.at(0).displayed());
    tag.shown = 0;
    say(stick_.join(tag));
    pass(1s);
    EXPECT_EQ(sightings_.back().event, TagSighting::Event::joined);
    EXPECT_TRUE(sightings_.back().restarted);
    EXPECT_EQ(sightings_.back().shown_image_id, 0U);
}

TEST_F(CoreJoin, ReportsOfATagAreSightings) {
    start();
    const auto& tag = joined_tag();
    zcl::Header header;
    header.direction = zcl::Direction::to_client;
    header.no_default_response = true;
    header.manufacturer = pd::kManufacturer;
    header.command = zcl::kReportAttributes;
    const auto report =
        zcl::encode_report_attributes({{pd::attribute::kShownImage, zcl::Type::u32, std::uint64_t{77}},
                                       {pd::attribute::kBatteryMv, zcl::Type::u16, std::uint64_t{2500}}});
    say(stick_.from_tag(tag, pd::kCluster, zcl::encode_frame(header, report)));
    EXPECT_EQ(sightings_.back().battery_mv, 2500U);
    EXPECT_EQ(sightings_.back().shown_image_id, 77U);
    EXPECT_TRUE(sightings_.back().restarted);  // nobody sent it image 77
}

TEST_F(CoreJoin, DropsAndCountsWhatATagSaysWrongly) {
    start();
    const auto& tag = joined_tag();
    for (const auto& bad :
         {Bytes{}, Bytes{0x1D}, Bytes{0x1D, 0x1A, 0xE5, 0x00, 0x00, 0x01}, Bytes{0x1D, 0x1A, 0xE5, 0x00, 0x77},
          Bytes{0x0C, 0x1A, 0xE5, 0x00, 0x0A, 0x01}, Bytes(200, 0xFF)}) {
        say(stick_.from_tag(tag, pd::kCluster, bad));
    }
    EXPECT_EQ(core_->counters().bad_frames, 6U);
    EXPECT_THAT(failures_, ::testing::IsEmpty());
}

}  // namespace
}  // namespace esl::ap::znp::testing
