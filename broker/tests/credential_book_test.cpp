#include <gtest/gtest.h>

#include <future>

#include "broker/ports/message_store.hpp"
#include "broker/tests/credential_rig.hpp"

namespace esl::broker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::CredentialRig;

class Book : public ::testing::Test, public CredentialRig {
protected:
    CredentialError why(const Result<>& result) {
        EXPECT_FALSE(result);
        return result ? CredentialError{} : result.error().as<CredentialError>().value();
    }
    template <class T>
    CredentialError why(const Result<T>& result) {
        EXPECT_FALSE(result);
        return result ? CredentialError{} : result.error().template as<CredentialError>().value();
    }
    const IdentityName alice{.type = IdentityType::user, .username = "alice", .client_id = {}};
    const IdentityName pair{.type = IdentityType::client, .username = "alice", .client_id = "GID_a@@@1"};
};

TEST_F(Book, IssuesTokensThatExpireAndAreCappedAtThirtyDays) {
    const auto text = token("R,W", {"b", "a/#"}, hours(24 * 31));
    auto good = book->check_token(text);
    ASSERT_TRUE(good);
    EXPECT_EQ(good->resources, (std::vector<std::string>{"a/#", "b"}));
    EXPECT_EQ(good->expires, clock.wall() + hours(24 * 30));
    open();  // after a restart as well
    EXPECT_TRUE(book->check_token(text));
    clock.advance(hours(24 * 30));
    EXPECT_EQ(book->check_token(text), std::unexpected(TokenFault::expired));
    EXPECT_EQ(book->check_token("x"), std::unexpected(TokenFault::forged));
}

TEST_F(Book, RefusesTokensForNothingTooMuchOrTooShort) {
    const auto apply = [&](std::string actions, std::vector<std::string> resources, seconds life) {
        return why(book->apply_token({.actions = std::move(actions),
                                      .resources = std::move(resources),
                                      .expires = to_millis(clock.wall() + life),
                                      .access_key = {},
                                      .instance = {}}));
    };
    EXPECT_EQ(apply("X", {"a"}, hours(1)), CredentialError::bad_value);
    EXPECT_EQ(apply("R", {}, hours(1)), CredentialError::bad_value);
    EXPECT_EQ(apply("R", {"a/#/b"}, hours(1)), CredentialError::bad_value);
    EXPECT_EQ(apply("R", {"$SYS/#"}, hours(1)), CredentialError::bad_value);
    EXPECT_EQ(apply("R", {"a"}, seconds(59)), CredentialError::bad_value);
    std::vector<std::string> many;
    for (int i = 0; i < 101; ++i) many.push_back("t" + std::to_string(i));
    EXPECT_EQ(apply("R", many, hours(1)), CredentialError::bad_value);
    EXPECT_EQ(apply("R", {std::string(4'097, 'x')}, hours(1)), CredentialError::bad_value);
    many.pop_back();
    EXPECT_FALSE(token("R", many, seconds(60)).empty());
}

TEST_F(Book, RevokesForGoodAndForgetsWhatHasExpiredAnyway) {
    const auto text = token("R", {"a"}, hours(1));
    ASSERT_TRUE(book->revoke_token(text));
    EXPECT_EQ(told, 1);
    EXPECT_EQ(book->check_token(text), std::unexpected(TokenFault::revoked));
    open();
    EXPECT_EQ(book->check_token(text), std::unexpected(TokenFault::revoked));
    EXPECT_EQ(book->revoked_tokens({}).total, 1U);
    EXPECT_EQ(why(book->revoke_token("x")), CredentialError::bad_token);
    clock.advance(hours(2));
    EXPECT_EQ(book->revoked_tokens({}).total, 0U);
    ASSERT_TRUE(book->revoke_token(token("R", {"a"}, hours(1))));
    book.reset();
    EXPECT_EQ(open_sqlite_credential_store(folder / "credentials.db", key)->load()->size(), 1U);
}

TEST_F(Book, KeepsOneCredentialForEachDevice) {
    const auto first = book->register_device("GID_a@@@1");
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->id.starts_with("DC."));
    EXPECT_EQ(first->secret.size(), 32U);
    clock.advance(seconds(5));
    const auto fresh = book->refresh_device("GID_a@@@1");
    ASSERT_TRUE(fresh);
    EXPECT_EQ(fresh->id, first->id);
    EXPECT_NE(fresh->secret, first->secret);
    EXPECT_EQ(fresh->created, first->created);
    EXPECT_EQ(fresh->updated - fresh->created, seconds(5));
    open();
    EXPECT_EQ(book->device("GID_a@@@1")->secret, fresh->secret);
    const auto second = book->register_device("GID_a@@@1");
    EXPECT_NE(second->id, first->id);
    EXPECT_FALSE(book->device_login(first->id, "GID_a@@@1"));
    EXPECT_FALSE(book->device_login(second->id, "GID_a@@@2"));
    EXPECT_TRUE(book->device_login(second->id, "GID_a@@@1"));
    EXPECT_TRUE(book->unregister_device("GID_a@@@1"));
    EXPECT_EQ(why(book->unregister_device("GID_a@@@1")), CredentialError::not_there);
    EXPECT_EQ(why(book->device("GID_a@@@1")), CredentialError::not_there);
    EXPECT_EQ(why(book->refresh_device("GID_a@@@1")), CredentialError::not_there);
    EXPECT_EQ(why(book->register_device("")), CredentialError::bad_value);
}

TEST_F(Book, ListsInPagesAndByGroup) {
    for (int i = 0; i < 25; ++i)
        ASSERT_TRUE(
            book->register_device("GID_" + std::string(i % 5 == 0 ? "b" : "a") + "@@@" + std::to_string(100 + i)));
    std::vector<std::string> seen;
    PageQuery query{.after = {}, .limit = 8};
    for (;;) {
        const auto page = book->devices("GID_a", query);
        EXPECT_EQ(page.total, 20U);
        EXPECT_LE(page.items.size(), 8U);
        for (const auto& item : page.items) seen.push_back(item.client_id);
        if (page.next.empty()) break;
        query.after = page.next;
    }
    EXPECT_EQ(seen.size(), 20U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_F(Book, KeepsIdentitiesAndTheirPermissions) {
    ASSERT_TRUE(book->add_identity(alice, SignMode::origin, "open sesame"));
    EXPECT_EQ(why(book->add_identity(alice, SignMode::origin, "again")), CredentialError::exists);
    EXPECT_EQ(why(book->update_identity(pair, SignMode::signed_, "x")), CredentialError::not_there);
    ASSERT_TRUE(book->add_identity(pair, SignMode::signed_, "key"));
    EXPECT_EQ(why(book->add_identity({.type = IdentityType::user, .username = "a|b", .client_id = {}}, SignMode::origin,
                                     "x")),
              CredentialError::bad_value);
    const Permission permission{
        .type = IdentityType::user, .identity = "alice", .rule = {.filter = "a/#", .access = Access::publish}};
    ASSERT_TRUE(book->add_permission(permission));
    EXPECT_EQ(why(book->add_permission(permission)), CredentialError::exists);
    auto nobody = permission;
    nobody.identity = "nobody";
    EXPECT_EQ(why(book->add_permission(nobody)), CredentialError::not_there);
    open();
    EXPECT_EQ(book->identities({}, {}).total, 2U);
    EXPECT_EQ(book->identities({.type = IdentityType::client, .username = {}, .client_id = {}}, {}).total, 1U);
    const auto user = book->identity_login("alice", "GID_a@@@2");
    ASSERT_TRUE(user);
    EXPECT_TRUE(user->secret.starts_with("$argon2id$"));
    EXPECT_EQ(user->grant->list()->publish("a/b"), AccessList::Verdict::allowed);
    const auto both = book->identity_login("alice", "GID_a@@@1");  // the pair comes first
    ASSERT_TRUE(both);
    EXPECT_EQ(both->secret, "key");
    EXPECT_EQ(both->grant->list()->publish("a/b"), AccessList::Verdict::no_rule);

    // In force at once on the grant that connections hold.
    told = 0;
    auto denied = permission;
    denied.rule.allow = false;
    ASSERT_TRUE(book->update_permission(denied));
    EXPECT_EQ(user->grant->list()->publish("a/b"), AccessList::Verdict::denied);
    EXPECT_EQ(told, 1);
    EXPECT_EQ(book->permissions(IdentityType::user, "alice", {}).items.at(0).rule.allow, false);
    ASSERT_TRUE(book->remove_permission(IdentityType::user, "alice", "a/#"));
    EXPECT_EQ(why(book->remove_permission(IdentityType::user, "alice", "a/#")), CredentialError::not_there);
    EXPECT_EQ(user->grant->list()->publish("a/b"), AccessList::Verdict::no_rule);

    ASSERT_TRUE(book->add_permission(permission));
    EXPECT_FALSE(user->grant->ended());
    ASSERT_TRUE(book->remove_identity(alice));
    EXPECT_TRUE(user->grant->ended());
    EXPECT_EQ(book->permissions({}, {}, {}).total, 0U);  // they went with it
    open();
    EXPECT_EQ(book->permissions({}, {}, {}).total, 0U);
    EXPECT_EQ(book->identities({}, {}).total, 1U);
}

TEST_F(Book, BoundsThePermissionsOfAnIdentity) {
    ASSERT_TRUE(book->add_identity(alice, SignMode::signed_, "s"));
    Permission p{.type = IdentityType::user, .identity = "alice", .rule = {}};
    for (std::size_t i = 0; i < kRulesPerIdentity; ++i) {
        p.rule.filter = "t/" + std::to_string(i);
        ASSERT_TRUE(book->add_permission(p));
    }
    p.rule.filter = "t/more";
    EXPECT_EQ(why(book->add_permission(p)), CredentialError::over_capacity);
    p.rule.filter = "bad/#/filter";
    EXPECT_EQ(why(book->add_permission(p)), CredentialError::bad_value);
}

TEST_F(Book, KeepsTheBlacklist) {
    ASSERT_TRUE(book->add_to_blacklist("GID_a@@@1"));
    EXPECT_EQ(told, 1);
    EXPECT_EQ(why(book->add_to_blacklist("GID_a@@@1")), CredentialError::exists);
    open();
    EXPECT_TRUE(book->blacklisted("GID_a@@@1"));
    EXPECT_EQ(book->blacklist({}).items, std::vector<std::string>{"GID_a@@@1"});
    ASSERT_TRUE(book->remove_from_blacklist("GID_a@@@1"));
    EXPECT_FALSE(book->blacklisted("GID_a@@@1"));
    EXPECT_EQ(why(book->remove_from_blacklist("GID_a@@@1")), CredentialError::not_there);
}

// A store that fails when told.
struct FailingStore final : CredentialStore {
    explicit FailingStore(const bool& f) : fails(f) {}
    Result<std::vector<CredentialRecord>> load() override { return inner.load(); }
    Result<> apply(const CredentialChange& change) override {
        if (fails) return fail(StoreError::unavailable, "disk full");
        return inner.apply(change);
    }
    const bool& fails;
    MemoryCredentialStore inner;
};

TEST(BookOnAFailingDisk, ChangesNothingThatIsNotWritten) {
    const esl::testing::ManualClock clock;
    bool fails = false;
    CredentialBook book(std::make_unique<FailingStore>(fails), MasterKey(), clock);
    const auto device = book.register_device("c");
    ASSERT_TRUE(device);
    ASSERT_TRUE(
        book.add_identity({.type = IdentityType::user, .username = "u", .client_id = {}}, SignMode::signed_, "s"));
    const auto issued = book.apply_token({.actions = "R",
                                          .resources = {"a"},
                                          .expires = to_millis(clock.wall() + hours(1)),
                                          .access_key = {},
                                          .instance = {}});
    ASSERT_TRUE(issued);
    fails = true;
    EXPECT_FALSE(book.refresh_device("c"));
    EXPECT_FALSE(book.register_device("c"));
    EXPECT_FALSE(book.unregister_device("c"));
    EXPECT_EQ(book.device("c")->secret, device->secret);
    EXPECT_FALSE(book.device_login(device->id, "c")->grant->ended());
    EXPECT_FALSE(book.revoke_token(issued->text));
    EXPECT_TRUE(book.check_token(issued->text));
    EXPECT_FALSE(book.add_to_blacklist("c"));
    EXPECT_FALSE(book.blacklisted("c"));
    EXPECT_FALSE(book.add_permission({.type = IdentityType::user, .identity = "u", .rule = {.filter = "a"}}));
    EXPECT_EQ(book.identity_login("u", "c")->grant->list()->publish("a"), AccessList::Verdict::no_rule);
}

}  // namespace
}  // namespace esl::broker
