// The AP's ZigBee radio against the simulated coordinator and its tags, over TCP: what the AP calls displayed is
// compared with what the tags really show.
#include <gtest/gtest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <map>

#include "ap-agent/adapters/znp/radio.hpp"
#include "common/testing/testing.hpp"
#include "tag-sim/adapters/asio_scheduler.hpp"
#include "tag-sim/adapters/znp/service.hpp"

namespace esl {
namespace {

using namespace std::chrono_literals;

image::TagImage drawing(const sim::TagProfile& panel, unsigned seed) {
    image::TagImage out{panel.width, panel.height};
    for (unsigned y = 0; y < panel.height; ++y) {
        for (unsigned x = 0; x < panel.width; ++x) {
            const auto colour = static_cast<image::Colour>((x / (3 + seed % 7) + y / 5 + seed) % 4);
            if (image::allows(panel.palette, colour)) out.set(x, y, colour);
        }
    }
    return out;
}

// Radio and simulator in one process on one thread; between them a socket.
class ZigbeeLine : public ::testing::Test, public ap::RadioListener {
protected:
    static constexpr double kSpeed = 100;

    void make(unsigned tags, const sim::Rates& rates = {}) {
        plan_.set_all(rates);
        sim::znp::ZnpOptions options;
        options.listen = "127.0.0.1:0";
        options.tags = tags;
        options.panels = {
            {296, 128, image::Palette::bwr}, {250, 122, image::Palette::bwr}, {400, 300, image::Palette::bwry}};
        sim_ = std::make_unique<sim::znp::ZnpService>(io_, options, shelf_, sim::CoordinatorMemory{});
        shelf_.apply_faults();
        start_radio();
    }
    void start_radio() {
        up_ = false;
        radio_ = ap::znp::make_radio(io_.get_executor(), {"tcp://" + sim_->address(), folder_.path(), 15}, clock_);
        radio_->start(*this);
        ASSERT_TRUE(until([&] { return up_; }, 30s));
    }
    void stop_radio() {
        bool stopped = false;
        radio_->stop([&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }, 30s));
        radio_.reset();
    }
    void TearDown() override {
        if (radio_) stop_radio();
    }
    bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
        const auto end = clock_.steady() + limit;
        while (!condition()) {
            if (clock_.steady() > end) return false;
            io_.restart();
            io_.run_one_for(20ms);
        }
        return true;
    }
    void join(std::size_t tags) {
        radio_->permit_join(60s, [](const Result<>& done) { EXPECT_TRUE(done); });
        ASSERT_TRUE(until([&] { return known_.size() == tags; }, 60s)) << known_.size();
    }
    void on_sighting(ap::TagRadio&, const ap::TagSighting& sighting) override { known_[sighting.tag] = sighting; }
    void on_radio_state(ap::TagRadio&, ap::RadioState state, const std::string&) override {
        up_ = state == ap::RadioState::up;
    }
    // Sends every tag a drawing of its own and waits for all verdicts.
    void update_all(unsigned seed, std::chrono::milliseconds limit = 100s) {
        outcomes_.clear();
        for (auto* tag : shelf_.tags()) {
            wanted_[tag->id()] = drawing(tag->profile(), ++seed);
            send(tag->id());
        }
        ASSERT_TRUE(until([&] { return outcomes_.size() == shelf_.size(); }, limit)) << outcomes_.size();
    }
    void send(TagId tag) {
        ap::UpdateRequest request;
        request.tag = tag;
        request.image = std::make_shared<image::TagImage>(wanted_.at(tag));
        request.image_id = request.image->crc();
        request.budget = 60s;
        radio_->update(std::move(request), [this, tag](const ap::UpdateOutcome& outcome) { outcomes_[tag] = outcome; });
    }

    boost::asio::io_context io_{1};
    SystemClock clock_;
    testing::TempDir folder_;
    sim::FaultPlan plan_{11};
    sim::AsioScheduler scheduler_{io_};
    sim::Shelf shelf_{scheduler_, plan_, sim::Speed{kSpeed}};
    std::unique_ptr<sim::znp::ZnpService> sim_;
    std::unique_ptr<ap::TagRadio> radio_;
    std::map<TagId, ap::TagSighting> known_;
    std::map<TagId, image::TagImage> wanted_;
    std::map<TagId, ap::UpdateOutcome> outcomes_;
    bool up_ = false;
};

TEST_F(ZigbeeLine, EveryTagJoinsAndShowsExactlyItsImage) {
    make(12);
    join(12);
    for (const auto* tag : shelf_.tags()) {
        const auto& heard = known_.at(tag->id());
        EXPECT_EQ(heard.width, tag->profile().width);
        EXPECT_EQ(heard.palette, tag->profile().palette);
    }
    update_all(1);
    for (const auto* tag : shelf_.tags()) {
        const auto& outcome = outcomes_.at(tag->id());
        EXPECT_TRUE(outcome.displayed()) << tag->id().text() << ": "
                                         << (outcome.failure ? outcome.failure->detail : "");
        EXPECT_EQ(tag->shown(), wanted_.at(tag->id()));
    }
}

TEST_F(ZigbeeLine, AnAgentStartedAgainFindsItsNetworkAndItsTags) {
    make(3);
    join(3);
    stop_radio();
    known_.clear();
    start_radio();
    update_all(5);
    for (const auto* tag : shelf_.tags()) {
        EXPECT_TRUE(outcomes_.at(tag->id()).displayed());
        EXPECT_EQ(tag->shown(), wanted_.at(tag->id()));
    }
}

TEST_F(ZigbeeLine, LivingTagsGetTheirImagesThroughLossAndWrongRequests) {
    make(6);
    join(6);
    sim::Rates rates;
    rates.of(sim::Fault::notify_lost) = 20;
    rates.of(sim::Fault::wrong_part) = 5;
    rates.of(sim::Fault::transaction_expired) = 2;
    rates.of(sim::Fault::channel_access_failure) = 2;
    plan_.set_all(rates);
    update_all(9, 150s);
    for (const auto* tag : shelf_.tags()) {
        const auto& outcome = outcomes_.at(tag->id());
        EXPECT_TRUE(outcome.displayed()) << tag->id().text() << ": "
                                         << (outcome.failure ? outcome.failure->detail : "");
        // What is called displayed is displayed; never the other way round.
        if (outcome.displayed()) EXPECT_EQ(tag->shown(), wanted_.at(tag->id()));
    }
    EXPECT_GT(plan_.struck(sim::Fault::notify_lost), 0U);
}

TEST_F(ZigbeeLine, ADeadTagIsUnreachableAndIsServedOnceItIsBack) {
    make(2);
    join(2);
    auto* tag = shelf_.tags().front();
    tag->cut_power();
    wanted_[tag->id()] = drawing(tag->profile(), 3);
    send(tag->id());
    ASSERT_TRUE(until([&] { return outcomes_.contains(tag->id()); }, 100s));
    ASSERT_TRUE(outcomes_.at(tag->id()).failure);
    EXPECT_EQ(outcomes_.at(tag->id()).failure->error, ap::RadioError::unreachable);
    EXPECT_NE(tag->shown(), wanted_.at(tag->id()));
    tag->restore_power();
    outcomes_.clear();
    send(tag->id());
    ASSERT_TRUE(until([&] { return outcomes_.contains(tag->id()); }, 100s));
    EXPECT_TRUE(outcomes_.at(tag->id()).displayed());
    EXPECT_EQ(tag->shown(), wanted_.at(tag->id()));
}

}  // namespace
}  // namespace esl
