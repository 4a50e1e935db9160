#include <gtest/gtest.h>

#include <random>

#include "common/tagwire/gicisky/quicklz.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::gicisky {
namespace {

Bytes expand(BytesView body, std::size_t size) {
    Bytes out;
    const auto done = quicklz_expand(body, size, out);
    EXPECT_TRUE(done) << done.error().message();
    return out;
}

// 64 times FF: four literals make the run known, then one long match, then four literals at the end.
const Bytes kRun{0x10, 0x00, 0x00, 0x80,  // control word: literals 0-3, match, literals; sentinel on top
                 0xFF, 0xFF, 0xFF, 0xFF,  // literals
                 0x00, 0x00, 0x38,        // bucket 0 ((FFFFFF ^ FFF) & 3F), length 56
                 0xFF, 0xFF, 0xFF, 0xFF};

TEST(Quicklz, ARunOfOneByteIsTheseBytesBothWays) {
    const Bytes run(64, 0xFF);
    EXPECT_EQ(expand(kRun, 64), run);
    EXPECT_EQ(to_hex(quicklz_compress(run)), to_hex(kRun));
}

TEST(Quicklz, AShortMatchIsTwoBytes) {
    // A B C D A B C ... : the trigram 41 42 43 comes again at position 4.
    Bytes in{0x41, 0x42, 0x43, 0x44, 0x10, 0x20, 0x41, 0x42, 0x43, 0x44, 0x11};
    in.insert(in.begin(), 0x99);  // a match to position 0 is never made
    while (in.size() < 64) in.push_back(0);
    const auto body = quicklz_compress(in);
    ASSERT_FALSE(body.empty());
    // trigram 0x434241: (0x434241 ^ 0x434) & 3F = 0x35; length 4 -> 2
    EXPECT_EQ(Bytes(body.begin() + 4 + 7, body.begin() + 4 + 9), (Bytes{0x52, 0x03}));
    EXPECT_EQ(body[0] & 0x80, 0x80);  // eighth operation is the match
    EXPECT_EQ(expand(body, 64), in);
}

TEST(Quicklz, WhatItMakesComesBackForManySeededInputs) {
    for (unsigned seed = 0; seed < 4000; ++seed) {
        std::mt19937 random{seed};
        Bytes in(1 + random() % kChunk);
        const unsigned letters = 1 + random() % 5;
        for (std::size_t i = 0; i < in.size(); ++i) {
            in[i] =
                i >= 9 && random() % 3 != 0 ? in[i - 1 - random() % 8] : static_cast<std::uint8_t>(random() % letters);
        }
        const auto body = quicklz_compress(in);
        if (body.empty()) continue;
        ASSERT_LT(body.size(), in.size());
        ASSERT_EQ(to_hex(expand(body, in.size())), to_hex(in)) << "seed " << seed;
    }
}

TEST(Quicklz, CutShortOrOneByteTooLongIsRefused) {
    testing::for_every_truncation(kRun, [](BytesView cut) {
        Bytes out;
        const auto done = quicklz_expand(cut, 64, out);
        ASSERT_FALSE(done);
        EXPECT_TRUE(done.error().is(WireError::truncated)) << cut.size();
    });
    auto longer = kRun;
    longer.push_back(0);
    Bytes out;
    EXPECT_TRUE(quicklz_expand(longer, 64, out).error().is(WireError::trailing));
}

TEST(Quicklz, AMatchBeforeAnyDataOrPastTheEndIsMalformed) {
    Bytes out;
    const Bytes first_is_match{0x01, 0x00, 0x00, 0x80, 0x01, 0x00};
    EXPECT_TRUE(quicklz_expand(first_is_match, 64, out).error().is(WireError::malformed));
    auto too_far = kRun;
    too_far[10] = 0xFF;
    out.clear();
    EXPECT_TRUE(quicklz_expand(too_far, 64, out).error().is(WireError::malformed));
    auto stock_bucket = kRun;
    stock_bucket[9] = 0x43;  // bucket 0x430: legal with stock QuickLZ's 4096 buckets only
    out.clear();
    EXPECT_TRUE(quicklz_expand(stock_bucket, 64, out).error().is(WireError::malformed));
    const Bytes no_sentinel{0x00, 0x00, 0x00, 0x00, 0x01};
    out.clear();
    EXPECT_FALSE(quicklz_expand(no_sentinel, 64, out));
}

}  // namespace
}  // namespace esl::tagwire::gicisky
