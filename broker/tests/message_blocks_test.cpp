#include "broker/core/message_blocks.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <future>
#include <set>
#include <thread>
#include <vector>

#include "broker/core/message.hpp"

namespace esl::broker::testing {
namespace {

constexpr std::array<std::size_t, 9> kSizes{1, 31, 32, 33, 64, 500, 767, 768, 5'000};

struct Got {
    void* memory;
    std::size_t size;
    unsigned char mark;
};

std::vector<Got> fill(std::size_t each) {
    std::vector<Got> got;
    for (std::size_t i = 0; i < each; ++i) {
        for (const auto size : kSizes) {
            got.push_back({message_blocks::allocate(size), size, static_cast<unsigned char>(got.size() % 251)});
            std::memset(got.back().memory, got.back().mark, size);
        }
    }
    return got;
}

// How many bytes are not what was written; frees all.
std::size_t spoilt(const std::vector<Got>& got) {
    std::size_t wrong = 0;
    for (const auto& block : got) {
        const auto* bytes = static_cast<const unsigned char*>(block.memory);
        for (std::size_t i = 0; i < block.size; ++i) wrong += bytes[i] != block.mark ? 1U : 0U;
        message_blocks::deallocate(block.memory, block.size);
    }
    return wrong;
}

TEST(MessageBlocks, NeverGiveOneBlockTwice) {
    for (int round = 0; round < 3; ++round) {
        const auto got = fill(300);
        std::set<void*> different;
        for (const auto& block : got) different.insert(block.memory);
        EXPECT_EQ(different.size(), got.size());
        EXPECT_EQ(spoilt(got), 0U);
    }
}

TEST(MessageBlocks, AreFreedByAnotherThreadThanTheirMakers) {
    for (int round = 0; round < 20; ++round) {
        auto made = std::async(std::launch::async, fill, 200);
        auto mine = fill(200);
        const auto theirs = made.get();
        auto wrong = std::async(std::launch::async, spoilt, mine);
        EXPECT_EQ(spoilt(theirs), 0U);
        EXPECT_EQ(wrong.get(), 0U);
    }
}

TEST(LiveMessageBytes, CountWhatAThreadHasMadeAndWhatItLeftWhenItEnded) {
    const auto before = live_message_bytes();
    const std::vector<std::uint8_t> payload(100);
    auto message = make_message({.topic = "t/x", .payload = payload});
    const auto bytes = message->bytes();
    EXPECT_EQ(live_message_bytes(), before + bytes);
    message.reset();
    EXPECT_EQ(live_message_bytes(), before);

    MessagePtr theirs;
    std::thread([&] { theirs = make_message({.topic = "t/x", .payload = payload}); }).join();
    EXPECT_EQ(live_message_bytes(), before + bytes);
    theirs.reset();
    EXPECT_EQ(live_message_bytes(), before);
}

}  // namespace
}  // namespace esl::broker::testing
