// Tags go to the access point that hears them best: late enough to be sure, and never often.
#include <algorithm>

#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using contract::TagEvent;
using contract::TaskState;
using namespace std::chrono_literals;

ServiceSettings by_signal() {
    ServiceSettings s;
    s.ap_silence = 24h;
    s.progress_timeout = 24h;
    s.accept_timeout = 24h;
    s.lease_margin = 15;
    s.lease_sightings = 3;
    s.lease_hold = 10min;
    return s;
}

// Two access points of one shop; the tags are the first one's, which hears them with -60 dBm.
struct Signal : ::testing::Test {
    Harness h{by_signal()};

    void SetUp() override { furnish(h, 1); }
    static void furnish(Harness& harness, unsigned tags) {
        harness.furnish(tags);
        harness.hello(kOtherAp);
        ASSERT_TRUE(harness.engine->update_ap(harness.ana, kOtherAp, "s1", std::nullopt));
        harness.run();
        harness.display_all();
        ASSERT_EQ(harness.tag(1).ap, kAp);
        harness.sends.clear();
    }
    void hear(std::int32_t first, std::int32_t other, unsigned tag = 1, Harness* on = nullptr) {
        auto& harness = on != nullptr ? *on : h;
        harness.sight(tag, kAp, {}, TagEvent::seen, first);
        harness.sight(tag, kOtherAp, {}, TagEvent::seen, other);
    }
    void hear_for(int minutes, std::int32_t first, std::int32_t other) {
        for (int i = 0; i < minutes; ++i) {
            hear(first, other);
            h.advance(1min);
        }
    }
    bool dropped_by(const std::string& ap) {
        return std::ranges::any_of(h.sends, [&](const Send& s) {
            const auto* message = std::get_if<contract::Downlink>(&s.what);
            const auto* lease = message != nullptr ? std::get_if<contract::Lease>(message) : nullptr;
            return s.ap == ap && lease != nullptr && std::ranges::find(lease->drop, tag_id(1)) != lease->drop.end();
        });
    }
};

TEST_F(Signal, ATagThatIsHeardClearlyBetterElsewhereForLongGoesThere) {
    const auto epoch = h.tag(1).epoch;
    hear_for(9, -80, -65);
    EXPECT_EQ(h.tag(1).ap, kAp) << "not quite long enough";
    hear_for(2, -80, -65);
    EXPECT_EQ(h.tag(1).ap, kOtherAp);
    EXPECT_EQ(h.tag(1).epoch, epoch + 1);
    EXPECT_EQ(h.tag(1).rssi, -65);
    EXPECT_TRUE(dropped_by(kAp)) << "the old AP is told";
    ASSERT_EQ(h.audited("tag.lease"), 1U);
    const auto entry = *std::ranges::find(h.audit, "tag.lease", &AuditEntry::action);
    EXPECT_EQ(entry.object, "tag:" + tag_id(1).text());
    EXPECT_NE(entry.before.find(kAp), std::string::npos) << entry.before;
    EXPECT_NE(entry.before.find("-80"), std::string::npos) << entry.before;
    EXPECT_NE(entry.after.find(R"("why":"signal")"), std::string::npos) << entry.after;
    h.restart();
    EXPECT_EQ(h.tag(1).ap, kOtherAp);
}

TEST_F(Signal, ALittleBetterIsNotEnough) {
    hear_for(60, -80, -66);
    EXPECT_EQ(h.tag(1).ap, kAp);
}

TEST_F(Signal, FewSightingsAreNotEnoughHoweverLongTheyStand) {
    for (int i = 0; i < 2; ++i) {
        hear(-90, -50);
        h.advance(1h);
    }
    EXPECT_EQ(h.tag(1).ap, kAp);
    hear(-90, -50);
    h.advance(2s);
    EXPECT_EQ(h.tag(1).ap, kOtherAp);
}

TEST_F(Signal, ASignalThatJumpsMovesNothing) {
    for (int i = 0; i < 100; ++i) {
        hear_for(4, -85, -60);
        hear_for(1, -60, -85);
    }
    EXPECT_EQ(h.tag(1).ap, kAp);
    EXPECT_EQ(h.audited("tag.lease"), 0U);
}

TEST_F(Signal, ATagInTheMiddleStaysWhereItWent) {
    hear_for(15, -85, -60);
    ASSERT_EQ(h.tag(1).ap, kOtherAp);
    for (int i = 0; i < 20; ++i) {
        hear_for(15, -70, -72);
        hear_for(15, -72, -70);
    }
    EXPECT_EQ(h.audited("tag.lease"), 1U);
    hear_for(15, -60, -85);
    EXPECT_EQ(h.tag(1).ap, kAp) << "carried back";
}

TEST_F(Signal, ARunningTransferEndsFirst) {
    const auto change = h.change_price(1, 250).change.id;
    const auto task = h.take_tasks().at(0);
    h.report(task, TaskState::accepted);
    h.report(task, TaskState::transferring);
    hear_for(60, -85, -60);
    EXPECT_EQ(h.tag(1).ap, kAp);
    h.report(task, TaskState::displayed);
    EXPECT_EQ(h.status(1), TagStatus::shown);
    EXPECT_EQ(h.change(change).state, ChangeState::done);
    h.advance(2s);
    EXPECT_EQ(h.tag(1).ap, kOtherAp) << "without waiting for another sighting";
    EXPECT_TRUE(h.take_tasks(kOtherAp).empty()) << "there is nothing to show anew";
}

TEST_F(Signal, WhatTheOldApSaysIsRefusedAndTheTagIsShownByTheNewOne) {
    h.change_price(1, 250);
    const auto old = h.take_tasks().at(0);
    h.report(old, TaskState::accepted);
    hear_for(15, -85, -60);
    ASSERT_EQ(h.tag(1).ap, kOtherAp);
    const auto moved = h.take_tasks(kOtherAp);
    ASSERT_EQ(moved.size(), 1U);
    EXPECT_EQ(moved[0].epoch, old.epoch + 1);
    const auto steps = h.store.steps(moved[0].job);
    EXPECT_TRUE(std::ranges::any_of(
        steps, [](const JobStep& s) { return s.detail == "lease moved to " + kOtherAp + ": signal"; }));
    const auto refused = h.engine->metrics().results_refused;
    h.report(old, TaskState::displayed);
    EXPECT_EQ(h.engine->metrics().results_refused, refused + 1);
    EXPECT_EQ(h.status(1), TagStatus::pending);
    h.report(moved[0], TaskState::accepted, kOtherAp);
    h.report(moved[0], TaskState::displayed, kOtherAp);
    EXPECT_EQ(h.status(1), TagStatus::shown);
}

TEST_F(Signal, MovesAreBoundedPerMinute) {
    auto settings = by_signal();
    settings.lease_moves = 4;
    Harness shop(settings);
    furnish(shop, 10);
    while (shop.status(10) != TagStatus::shown) shop.display_all();
    const auto moved = [&] {
        std::size_t n = 0;
        for (unsigned tag = 1; tag <= 10; ++tag) n += shop.tag(tag).ap == kOtherAp ? 1U : 0U;
        return n;
    };
    for (int i = 0; i < 3; ++i) {
        if (i > 0) shop.clock.advance(5min);
        for (unsigned tag = 1; tag <= 10; ++tag) hear(-85, -60, tag, &shop);
    }
    shop.advance(1s);
    EXPECT_EQ(moved(), 4U);
    shop.advance(58s);
    EXPECT_EQ(moved(), 4U);
    shop.advance(2s);
    EXPECT_EQ(moved(), 8U);
    shop.advance(61s);
    EXPECT_EQ(moved(), 10U);
}

TEST_F(Signal, AZigBeeTagIsNotMovedBySignalButGoesWhereItJoins) {
    const auto zigbee = [&](const std::string& ap, TagEvent event, std::int32_t rssi) {
        contract::Sighting s;
        s.tag = tag_id(1);
        s.event = event;
        s.radio = "znp";
        s.model = "gicisky-test";
        s.width = kPanel.width;
        s.height = kPanel.height;
        s.palette = kPanel.palette;
        s.rssi = rssi;
        s.at = h.clock.wall();
        h.engine->on_uplink(contract::TagsReport{ap, false, {s}});
        h.run();
    };
    for (int i = 0; i < 30; ++i) {
        zigbee(kAp, TagEvent::seen, -90);
        zigbee(kOtherAp, TagEvent::seen, -40);
        h.advance(1min);
    }
    EXPECT_EQ(h.tag(1).ap, kAp);
    zigbee(kOtherAp, TagEvent::joined, -90);
    EXPECT_EQ(h.tag(1).ap, kOtherAp);
    EXPECT_TRUE(dropped_by(kAp));
}

TEST_F(Signal, ATagThatItsApLostGoesToTheNextThatHearsIt) {
    h.sight(1, kAp, {}, TagEvent::left);
    EXPECT_EQ(h.tag(1).ap, kAp) << "nobody else hears it";
    h.advance(1h);
    h.sight(1, kOtherAp, {}, TagEvent::seen, -90);
    EXPECT_EQ(h.tag(1).ap, kOtherAp);
}

TEST_F(Signal, AfterARestartAnApHasTimeToSayWhatItHears) {
    h.restart();
    for (int i = 0; i < 25; ++i) {
        h.sight(1, kOtherAp, {}, TagEvent::seen, -90);
        h.advance(1min);
    }
    EXPECT_EQ(h.tag(1).ap, kAp);
    for (int i = 0; i < 10; ++i) {
        h.sight(1, kOtherAp, {}, TagEvent::seen, -90);
        h.advance(1min);
    }
    EXPECT_EQ(h.tag(1).ap, kOtherAp) << "its own does not hear it at all";
}

TEST_F(Signal, AnotherShopsApNeverTakesABoundTag) {
    bool created = false;
    ASSERT_TRUE(h.engine->put_store(h.ana, "s2", {"Next door", "EUR", "en"}, created));
    ASSERT_TRUE(h.engine->update_ap(h.ana, kOtherAp, "s2", std::nullopt));
    hear_for(60, -90, -40);
    EXPECT_EQ(h.tag(1).ap, kAp);
}

TEST_F(Signal, AnApThatWentAwayHasToProveItselfAgain) {
    hear_for(9, -85, -60);
    h.engine->on_uplink(contract::ApOffline{kOtherAp, "b1"});
    h.run();
    h.hello(kOtherAp, "b2");
    hear_for(4, -85, -60);
    EXPECT_EQ(h.tag(1).ap, kAp);
    hear_for(10, -85, -60);
    EXPECT_EQ(h.tag(1).ap, kOtherAp);
}

TEST_F(Signal, WithoutAMarginNothingMovesBySignal) {
    auto settings = by_signal();
    settings.lease_margin = 0;
    Harness fixed(settings);
    furnish(fixed, 1);
    for (int i = 0; i < 60; ++i) {
        hear(-100, -30, 1, &fixed);
        fixed.advance(1min);
    }
    EXPECT_EQ(fixed.tag(1).ap, kAp);
}

}  // namespace
}  // namespace esl::mgmt::test
