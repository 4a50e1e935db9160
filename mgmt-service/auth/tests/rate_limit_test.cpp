#include "mgmt-service/auth/rate_limit.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt::auth {
namespace {

using namespace std::chrono_literals;
constexpr SteadyTime kStart{1000s};

TEST(RateLimit, LetsThroughUntilTheRuleIsReachedAndAgainAfterTheWindow) {
    RateLimit limit({.failures = 2, .window = 60s});
    limit.failed("a", kStart);
    EXPECT_EQ(limit.wait_for("a", kStart), 0s);
    limit.failed("a", kStart + 10s);
    EXPECT_EQ(limit.wait_for("a", kStart + 10s), 50s);
    EXPECT_EQ(limit.wait_for("b", kStart + 10s), 0s);
    EXPECT_EQ(limit.wait_for("a", kStart + 60s), 0s);
}

TEST(RateLimit, ForgetsAfterASuccess) {
    RateLimit limit({.failures = 1, .window = 60s});
    limit.failed("a", kStart);
    limit.succeeded("a");
    EXPECT_EQ(limit.wait_for("a", kStart), 0s);
}

TEST(RateLimit, KeepsItsTableBoundedAndTheNewestKeys) {
    RateLimit limit({.failures = 1, .window = 60s}, 3);
    for (int i = 0; i < 10; ++i) limit.failed(std::to_string(i), kStart + std::chrono::seconds(i));
    EXPECT_EQ(limit.keys(), 3U);
    EXPECT_GT(limit.wait_for("9", kStart + 9s), 0s);
    EXPECT_EQ(limit.wait_for("0", kStart + 9s), 0s);
}

}  // namespace
}  // namespace esl::mgmt::auth
