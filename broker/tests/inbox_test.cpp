#include "broker/net/inbox.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <thread>
#include <vector>

namespace esl::broker::testing {
namespace {

using std::chrono::milliseconds;

struct End {
    Inbox inbox;
    std::uint64_t taken = 0;
    std::vector<InboxItem> items;

    void take() {
        inbox.take(items);
        taken += items.size();
        items.clear();
    }
};

// As two shards do that have nothing but each other, with inboxes that one item fills.
TEST(Inbox, TwoThatFillEachOthersInboxesMissNoWakeUpForRoom) {
    constexpr std::uint64_t kItems = 50'000;
    constexpr milliseconds kFarTooLong{5'000};  // nothing but a wake-up ends a wait
    std::array<End, 2> ends;
    std::array<bool, 2> missed{};
    const auto play = [&](ShardId self) {
        End& mine = ends[self];
        End& other = ends[1 - self];
        std::uint64_t sent = 0;
        while (!missed[self] && (sent < kItems || mine.taken < kItems)) {
            const auto from = std::chrono::steady_clock::now();
            if (sent == kItems) {
                mine.inbox.wait(kFarTooLong);
            } else if (other.inbox.size() == 0) {
                other.inbox.post(RunOnShard{});
                ++sent;
            } else {
                other.inbox.ask_for_room(self);
                if (other.inbox.size() != 0) mine.inbox.wait(kFarTooLong);
            }
            missed[self] = std::chrono::steady_clock::now() - from >= kFarTooLong;
            mine.take();
            if (mine.inbox.size() == 0 && mine.inbox.take_askers() != 0) other.inbox.wake();
        }
        // The last of the other's wishes.
        other.inbox.wake();
    };
    {
        const std::jthread there(play, 1U);
        play(0);
    }
    EXPECT_FALSE(missed[0]);
    EXPECT_FALSE(missed[1]);
    EXPECT_EQ(ends[0].taken, kItems);
    EXPECT_EQ(ends[1].taken, kItems);
}

TEST(Inbox, WakesOnlyWhoSleepsAndOnce) {
    Inbox inbox;
    std::vector<InboxItem> items;
    EXPECT_FALSE(inbox.post(RunOnShard{})) << "its owner is at work";
    EXPECT_FALSE(inbox.lie_down()) << "something is here";
    inbox.take(items);
    items.clear();
    ASSERT_TRUE(inbox.lie_down());
    EXPECT_TRUE(inbox.post(RunOnShard{}));
    EXPECT_FALSE(inbox.post(RunOnShard{}));
    inbox.get_up();
    inbox.take(items);
    EXPECT_EQ(items.size(), 2U);
}

TEST(Inbox, GivesEveryAskerOnce) {
    Inbox inbox;
    EXPECT_EQ(inbox.take_askers(), 0U);
    inbox.ask_for_room(0);
    inbox.ask_for_room(63);
    inbox.ask_for_room(63);
    EXPECT_EQ(inbox.take_askers(), (std::uint64_t{1} << 63) | 1U);
    EXPECT_EQ(inbox.take_askers(), 0U);
}

}  // namespace
}  // namespace esl::broker::testing
