#include "broker/net/turn_clock.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

TEST(TurnClock, StandsStillWithinATurnAndTellsTheTimeOfTheNext) {
    testing::ManualClock system(1'000);
    TurnClock clock(system);
    clock.begin_turn();
    const auto steady = clock.steady();
    EXPECT_EQ(clock.wall(), from_millis(1'000));
    system.advance(std::chrono::milliseconds(5));
    EXPECT_EQ(clock.wall(), from_millis(1'000));
    EXPECT_EQ(clock.steady(), steady);
    clock.end_turn();
    clock.begin_turn();
    EXPECT_EQ(clock.wall(), from_millis(1'005));
    EXPECT_EQ(clock.steady(), steady + std::chrono::milliseconds(5));
}

TEST(TurnClock, RunsBetweenTurns) {
    testing::ManualClock system(1'000);
    TurnClock clock(system);
    EXPECT_EQ(clock.wall(), from_millis(1'000));
    system.advance(std::chrono::milliseconds(5));
    EXPECT_EQ(clock.wall(), from_millis(1'005));
    clock.begin_turn();
    EXPECT_EQ(clock.wall(), from_millis(1'005));
    clock.end_turn();
    system.advance(std::chrono::milliseconds(5));
    EXPECT_EQ(clock.wall(), from_millis(1'010));
    EXPECT_EQ(clock.steady(), system.steady());
}

}  // namespace
}  // namespace esl::broker
