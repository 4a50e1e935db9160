// One suite for both credential stores, and what only the one on disk has.
#include <gtest/gtest.h>

#include "broker/adapters/credential_stores.hpp"
#include "broker/ports/message_store.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

class CredentialStores : public ::testing::TestWithParam<bool> {
protected:
    CredentialStores() { open(); }
    void open() {
        store_.reset();
        store_ = GetParam() ? open_sqlite_credential_store(folder_ / "credentials.db", key_)
                            : std::make_unique<MemoryCredentialStore>();
    }
    esl::testing::TempDir folder_;
    MasterKey key_;
    std::unique_ptr<CredentialStore> store_;
};

TEST_P(CredentialStores, GivesBackWhatWasPutByKindAndKey) {
    const CredentialRecord a{.kind = "device", .key = "x", .fields = R"({"id":"DC.1"})", .secret = "s1"};
    const CredentialRecord b{.kind = "blacklist", .key = "y"};
    ASSERT_TRUE(store_->apply({.put = {a, b}, .remove = {}}));
    EXPECT_EQ(store_->load().value(), (std::vector{b, a}));
    const CredentialRecord a2{.kind = "device", .key = "x", .fields = "{}", .secret = std::string("\0\x01", 2)};
    ASSERT_TRUE(store_->apply({.put = {a2}, .remove = {{"blacklist", "y"}, {"blacklist", "never there"}}}));
    EXPECT_EQ(store_->load().value(), std::vector{a2});
}

INSTANTIATE_TEST_SUITE_P(All, CredentialStores, ::testing::Bool(),
                         [](const auto& info) { return std::string(info.param ? "Sqlite" : "Memory"); });

TEST(SqliteCredentialStore, KeepsSecretsSealedAndOpensThemWithItsKeyOnly) {
    const esl::testing::TempDir folder;
    const auto file = folder / "credentials.db";
    const MasterKey key(folder / "key", false);
    const CredentialRecord record{.kind = "device", .key = "x", .fields = "{}", .secret = "a-very-secret-word"};
    ASSERT_TRUE(open_sqlite_credential_store(file, key)->apply({.put = {record}, .remove = {}}));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        EXPECT_FALSE(esl::testing::read_file(entry.path()).contains("a-very-secret-word")) << entry.path();
    EXPECT_EQ(open_sqlite_credential_store(file, key)->load().value(), std::vector{record});
    const auto wrong = open_sqlite_credential_store(file, MasterKey())->load();
    ASSERT_FALSE(wrong);
    EXPECT_TRUE(wrong.error().is(StoreError::damaged));
    EXPECT_TRUE(wrong.error().message().contains("the secret of device 'x' does not open"));
    EXPECT_EQ(std::filesystem::status(file).permissions() & std::filesystem::perms::others_all,
              std::filesystem::perms::none);
}

}  // namespace
}  // namespace esl::broker
