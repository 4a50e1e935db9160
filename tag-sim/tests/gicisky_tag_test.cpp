// Virtual tag and Gicisky firmware on a clock moved by hand.
#include "tag-sim/core/gicisky_tag.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tag-sim/core/shelf.hpp"
#include "tag-sim/tests/manual_scheduler.hpp"

namespace esl::sim {
namespace {

using namespace std::chrono_literals;
using namespace tagwire::gicisky;

class GiciskyTagTest : public ::testing::Test, public GiciskyLink {
protected:
    void notify(const Bytes& value) override { notices_.push_back(decode_notice(value).value()); }
    void drop() override { dropped_ = true; }

    void make(const Rates& rates = {}) {
        plan_.set_all(rates);
        const auto& model = *find_model(0x0033);
        tag_ = &shelf_.add({TagId::eui48(0xFFFF92100001), "gicisky-0033", model.width, model.height, model.palette,
                            model.refresh, 3000});
        shelf_.apply_faults();
        firmware_ = std::make_unique<GiciskyTag>(*tag_, model, 0x8101, *this);
        image_ = image::TagImage{model.width, model.height};
        image_.set(3, 4, image::Colour::red);
        image_.set(3, 120, image::Colour::black);
        bytes_ = encode_image(model, model.coding, image_).value();
    }
    // The next notification, after at most a second.
    std::optional<Notice> next() {
        for (int i = 0; i < 100 && notices_.empty(); ++i) scheduler_.advance(10ms);
        if (notices_.empty()) return std::nullopt;
        auto out = notices_.front();
        notices_.pop_front();
        return out;
    }
    void open() {
        firmware_->connected();
        firmware_->command(encode(Command{Announce{static_cast<std::uint32_t>(bytes_.size()), false}}));
        (void)next();
        firmware_->command(encode(Command{Begin{}}));
    }
    // Sends what is asked for until something else is said; that.
    std::optional<Notice> send_all() {
        for (int i = 0; i < 1000; ++i) {
            auto said = next();
            if (!said) return std::nullopt;
            const auto* wanted = std::get_if<PartWanted>(&*said);
            if (wanted == nullptr) return said;
            asked_.push_back(wanted->part);
            firmware_->data(encode_part(bytes_, wanted->part));
        }
        return std::nullopt;
    }

    testing::ManualScheduler scheduler_;
    FaultPlan plan_{5};
    Shelf shelf_{scheduler_, plan_, Speed{1}};
    VirtualTag* tag_ = nullptr;
    std::unique_ptr<GiciskyTag> firmware_;
    std::deque<Notice> notices_;
    std::vector<std::uint32_t> asked_;
    bool dropped_ = false;
    image::TagImage image_;
    Bytes bytes_;
};

TEST_F(GiciskyTagTest, ShowsTheNewImageOnlyAfterItsRefreshAndIsSilentUntilThen) {
    make();
    EXPECT_TRUE(firmware_->advertising());
    open();
    EXPECT_FALSE(firmware_->advertising());
    EXPECT_EQ(send_all(), Notice{AllReceived{}});
    EXPECT_EQ(asked_.size(), part_count(bytes_.size()));
    EXPECT_TRUE(std::ranges::is_sorted(asked_));
    scheduler_.advance(1s);
    EXPECT_TRUE(dropped_);
    scheduler_.advance(13s);
    EXPECT_EQ(tag_->state(), TagState::refreshing);
    EXPECT_EQ(tag_->shown_id(), 0U);
    EXPECT_FALSE(firmware_->advertising());
    scheduler_.advance(2s);
    EXPECT_EQ(tag_->shown(), image_);
    EXPECT_EQ(tag_->shown_id(), image_.crc());
    EXPECT_TRUE(firmware_->advertising());
}

TEST_F(GiciskyTagTest, APowerCutInTheMiddleOfARefreshLeavesTheOldOrABrokenImage) {
    Rates rates;
    rates.of(Fault::power_cut) = 100;
    rates.power_back = 60s;
    make(rates);
    open();
    EXPECT_EQ(send_all(), Notice{AllReceived{}});
    scheduler_.advance(16s);
    EXPECT_EQ(tag_->state(), TagState::dead);
    EXPECT_EQ(tag_->shown_id(), 0U);
    EXPECT_NE(tag_->shown(), image_);
    // Nothing is in the history but the broken screen, when there is one.
    const bool broken = tag_->shown() != image::TagImage(image_.width(), image_.height());
    ASSERT_EQ(tag_->history().entries().size(), broken ? 1U : 0U);
    if (broken) {
        EXPECT_EQ(tag_->history().entries()[0].image, 0U);
    }
    EXPECT_FALSE(firmware_->advertising());
    scheduler_.advance(60s);
    EXPECT_TRUE(firmware_->advertising());
    EXPECT_NE(tag_->shown(), image_);
}

TEST_F(GiciskyTagTest, RemembersEachRefreshItEnded) {
    make();
    for (const auto again : {false, false, true}) {
        if (!again) image_.set(7, 7, image_.at(7, 7) == image::Colour::red ? image::Colour::black : image::Colour::red);
        bytes_ = encode_image(*find_model(0x0033), find_model(0x0033)->coding, image_).value();
        open();
        EXPECT_EQ(send_all(), Notice{AllReceived{}});
        scheduler_.advance(20s);
    }
    const auto& shown = tag_->history().entries();
    ASSERT_EQ(shown.size(), 3U);  // the same image twice is refreshed twice
    EXPECT_NE(shown[0].image, image_.crc());
    EXPECT_EQ(shown[1].image, image_.crc());
    EXPECT_EQ(shown[2].image, image_.crc());
    EXPECT_EQ(shown[2].at, tag_->shown_at());
    EXPECT_EQ(shown[2].at - shown[1].at, shown[2].simulated - shown[1].simulated);
}

TEST_F(GiciskyTagTest, AskedForWrongPartsItStillEndsWithTheWholeImage) {
    Rates rates;
    rates.of(Fault::wrong_part) = 30;
    make(rates);
    open();
    EXPECT_EQ(send_all(), Notice{AllReceived{}});
    EXPECT_FALSE(std::ranges::is_sorted(asked_));
    scheduler_.advance(20s);
    EXPECT_EQ(tag_->shown(), image_);
}

TEST_F(GiciskyTagTest, AfterALostNotificationThePartSentAgainGetsTheNextOneAsked) {
    make();
    open();
    EXPECT_EQ(next(), Notice{PartWanted{0}});
    Rates lossy;
    lossy.of(Fault::notify_lost) = 100;
    plan_.set_all(lossy);
    firmware_->data(encode_part(bytes_, 0));
    EXPECT_EQ(next(), std::nullopt);
    plan_.set_all({});
    firmware_->data(encode_part(bytes_, 0));
    EXPECT_EQ(next(), Notice{PartWanted{1}});
}

TEST_F(GiciskyTagTest, DropsTheLinkAtTheGivenPartOnceAndForgetsTheTransfer) {
    Rates rates;
    rates.disconnect_at_part = 5;
    make(rates);
    open();
    EXPECT_EQ(send_all(), std::nullopt);
    EXPECT_TRUE(dropped_);
    EXPECT_EQ(asked_.back(), 5U);
    EXPECT_TRUE(firmware_->advertising());
    firmware_->connected();
    firmware_->data(encode_part(bytes_, 6));
    EXPECT_EQ(next(), Notice{TransferFailed{2}});
    firmware_->disconnected();
    open();
    EXPECT_EQ(send_all(), Notice{AllReceived{}});
}

TEST_F(GiciskyTagTest, RefusesALengthNoImageOfItsPanelHas) {
    make();
    firmware_->connected();
    for (const Announce bad :
         {Announce{0, false}, Announce{9473, false}, Announce{0xFFFFFFFF, false}, Announce{100, true}}) {
        firmware_->command(encode(Command{bad}));
        EXPECT_EQ(next(), Notice{TransferFailed{1}}) << bad.length;
    }
    firmware_->command(encode(Command{Begin{}}));
    EXPECT_EQ(next(), Notice{TransferFailed{2}});
}

TEST_F(GiciskyTagTest, SaysNothingToWhatItDoesNotKnowAndCountsIt) {
    make();
    firmware_->connected();
    firmware_->command(Bytes{0x40, 1, 2});
    firmware_->command(Bytes{});
    EXPECT_EQ(next(), std::nullopt);
    EXPECT_EQ(tag_->counters().bad, 2U);
}

TEST_F(GiciskyTagTest, LeavesALinkWithoutAWordAfterHalfAMinute) {
    make();
    firmware_->connected();
    scheduler_.advance(29s);
    EXPECT_FALSE(dropped_);
    scheduler_.advance(2s);
    EXPECT_TRUE(dropped_);
    EXPECT_TRUE(firmware_->advertising());
}

TEST_F(GiciskyTagTest, ADeadTagIsSilentUntilItsPowerIsBack) {
    Rates rates;
    rates.of(Fault::dead) = 100;
    make(rates);
    EXPECT_FALSE(firmware_->advertising());
    plan_.set_all({});
    shelf_.apply_faults();
    EXPECT_TRUE(firmware_->advertising());
}

TEST(ShownHistory, KeepsTheNewestAndCountsWhatFellOff) {
    ShownHistory history;
    for (std::uint32_t image = 1; image <= ShownHistory::kKept + 3; ++image) history.add({{}, {}, image});
    EXPECT_EQ(history.entries().size(), ShownHistory::kKept);
    EXPECT_EQ(history.fallen_off(), 3U);
    EXPECT_EQ(history.entries().front().image, 4U);
    EXPECT_EQ(history.entries().back().image, ShownHistory::kKept + 3);
}

TEST_F(GiciskyTagTest, AdvertisesItsBattery) {
    Rates rates;
    rates.of(Fault::low_battery) = 100;
    make(rates);
    EXPECT_EQ(decode_advert(firmware_->advert())->battery_mv(), 2200);
    plan_.set_all({});
    shelf_.apply_faults();
    EXPECT_EQ(decode_advert(firmware_->advert())->battery_mv(), 3000);
}

}  // namespace
}  // namespace esl::sim
