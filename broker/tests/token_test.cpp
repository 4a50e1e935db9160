#include "broker/auth/token.hpp"

#include <gtest/gtest.h>

#include "common/core/ids.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

constexpr MasterKey::Key kKey{1, 2, 3};

Token sample() {
    return {.id = "000102030405060708090a0b0c0d0e0f",
            .access = Access::publish,
            .resources = {"a", "b/#"},
            .expires = from_millis(1'800'000'000'000),
            .access_key = "AK",
            .instance = ""};
}

TEST(Token, IsWrittenAsItsPageSays) {
    const auto bytes = from_base64url(write_token(sample(), kKey));
    ASSERT_TRUE(bytes);
    const Bytes front{0x01,                                                                           // form
                      0,    1,    2,    3,    4,    5,    6,    7,    8,  9, 10, 11, 12, 13, 14, 15,  // id
                      0x00, 0x50, 0x5C, 0x18, 0xA3, 0x01, 0x00, 0x00,  // 1,800,000,000,000 ms, little-endian
                      0x01,                                            // publish
                      0x02, 'A',  'K',                                 // access key
                      0x00,                                            // instance
                      0x02, 0x01, 0x00, 'a',  0x03, 0x00, 'b',  '/',  '#'};
    ASSERT_EQ(bytes->size(), front.size() + 32);
    EXPECT_TRUE(std::equal(front.begin(), front.end(), bytes->begin()));
}

TEST(Token, ComesBackAsItWent) {
    for (const auto access : {Access::publish, Access::subscribe, Access::both}) {
        auto token = sample();
        token.access = access;
        token.resources.assign(100, std::string(40, 'x'));
        const auto back = read_token(write_token(token, kKey), kKey);
        ASSERT_TRUE(back);
        EXPECT_EQ(*back, token);
    }
}

TEST(Token, IsForgedWhenAnythingAboutItIsChanged) {
    const auto text = write_token(sample(), kKey);
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto other = text;
        other[i] = other[i] == 'A' ? 'B' : 'A';
        // The last character holds bits that no byte uses: those must be zero.
        EXPECT_EQ(read_token(other, kKey), std::unexpected(TokenFault::forged)) << i;
    }
    esl::testing::for_every_truncation(as_bytes(text), [](BytesView part) {
        EXPECT_EQ(read_token(as_text(part), kKey), std::unexpected(TokenFault::forged));
    });
    EXPECT_EQ(read_token(text + "A", kKey), std::unexpected(TokenFault::forged));
    MasterKey::Key other_key = kKey;
    other_key[31] = 1;
    EXPECT_EQ(read_token(text, other_key), std::unexpected(TokenFault::forged));
}

TEST(Token, PasswordsHoldPairsInAnyOrder) {
    const auto both = parse_token_password("R|123|W|abcd");
    ASSERT_TRUE(both);
    ASSERT_EQ(both->size(), 2U);
    EXPECT_EQ((*both)[0].type, "R");
    EXPECT_EQ((*both)[0].text, "123");
    EXPECT_EQ((*both)[1].type, "W");
    EXPECT_EQ((*both)[1].text, "abcd");
    EXPECT_EQ(parse_token_password("W|abcd|R|123")->size(), 2U);
    EXPECT_EQ(parse_token_password("RW|x")->size(), 1U);
    for (const auto* bad : {"", "R", "R|", "|x", "X|x", "R|x|", "R|x|R|y", "R|x|W", "r|x", "R|x|W|", "token"})
        EXPECT_FALSE(parse_token_password(bad)) << bad;
}

TEST(MasterKey, OpensWhatItSealedForTheSameRowOnly) {
    const MasterKey key;
    const auto sealed = key.seal("secret", "row 1");
    EXPECT_EQ(key.open(sealed, "row 1"), "secret");
    EXPECT_FALSE(key.open(sealed, "row 2"));
    EXPECT_FALSE(MasterKey().open(sealed, "row 1"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto damaged = sealed;
        damaged[i] ^= 1;
        EXPECT_FALSE(key.open(damaged, "row 1")) << i;
    }
    EXPECT_FALSE(key.open({}, "row 1"));
    EXPECT_NE(key.seal("secret", "row 1"), sealed);
}

TEST(MasterKey, LivesInAFileThatOthersCannotRead) {
    const esl::testing::TempDir folder;
    const auto file = folder / "credentials.key";
    EXPECT_THROW(MasterKey(file, true), std::runtime_error);
    const MasterKey first(file, false);
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write);
    EXPECT_EQ(MasterKey(file, true).open(first.seal("s", "a"), "a"), "s");
    std::filesystem::permissions(file, perms::group_read, std::filesystem::perm_options::add);
    EXPECT_THROW(MasterKey(file, true), std::runtime_error);
}

}  // namespace
}  // namespace esl::broker
