#include "broker/auth/nonce_memory.hpp"

#include <gtest/gtest.h>

namespace esl::broker {
namespace {

using Verdict = NonceMemory::Verdict;
constexpr auto at(std::int64_t ms) {
    return from_millis(ms);
}

TEST(NonceMemory, TakesANonceOnceAsLongAsItsRequestWouldBeTaken) {
    NonceMemory memory(10);
    EXPECT_EQ(memory.take("a", at(500), at(100)), Verdict::fresh);
    EXPECT_EQ(memory.take("a", at(600), at(200)), Verdict::used);
    EXPECT_EQ(memory.take("b", at(600), at(200)), Verdict::fresh);
    EXPECT_EQ(memory.take("a", at(900), at(500)), Verdict::used);  // the last moment counts
    EXPECT_EQ(memory.take("a", at(901), at(501)), Verdict::fresh);
    EXPECT_EQ(memory.take("b", at(901), at(501)), Verdict::used);
}

TEST(NonceMemory, RefusesWhatItCouldNotRememberAndForgetsNothingForIt) {
    NonceMemory memory(2);
    EXPECT_EQ(memory.take("a", at(500), at(100)), Verdict::fresh);
    EXPECT_EQ(memory.take("b", at(700), at(100)), Verdict::fresh);
    EXPECT_EQ(memory.take("c", at(900), at(100)), Verdict::full);
    EXPECT_EQ(memory.take("a", at(900), at(100)), Verdict::used);
    EXPECT_EQ(memory.size(), 2U);
    EXPECT_EQ(memory.take("c", at(900), at(501)), Verdict::fresh);
    EXPECT_EQ(memory.size(), 2U);
    EXPECT_EQ(memory.take("d", at(9'000), at(5'000)), Verdict::fresh);
    EXPECT_EQ(memory.size(), 1U);
}

}  // namespace
}  // namespace esl::broker
