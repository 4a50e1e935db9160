#include "mgmt-service/auth/auth_service.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "common/testing/testing.hpp"
#include "mgmt-service/auth/password.hpp"
#include "mgmt-service/auth/sqlite_auth_store.hpp"

namespace esl::mgmt::auth {
namespace {

using namespace std::chrono_literals;
const std::string kPassword = "correct horse battery";

class AuthServiceTest : public ::testing::Test {
protected:
    AuthServiceTest() { reopen(); }
    void reopen() {
        auth.reset();
        store = open_sqlite_auth_store(dir / "auth.sqlite");
        auth = std::make_unique<AuthService>(clock, *store, [this](const AuthEvent& e) -> Result<> {
            if (audit_fails) return fail(AuthError::store, "audit");
            events.push_back(e);
            return {};
        });
    }
    Principal admin() {
        EXPECT_TRUE(auth->set_admin_password(kPassword));
        return auth->log_in("admin", kPassword, "::1").value().principal;
    }
    [[nodiscard]] std::size_t count(std::string_view action) const {
        return static_cast<std::size_t>(std::ranges::count(events, action, &AuthEvent::action));
    }
    testing::TempDir dir;
    testing::ManualClock clock;
    std::unique_ptr<AuthStore> store;
    std::unique_ptr<AuthService> auth;
    std::vector<AuthEvent> events;
    bool audit_fails = false;
};

TEST_F(AuthServiceTest, TheFirstLinkLetsInOnceAndIsGoneWhenSomebodyHasAPassword) {
    const auto secret = auth->first_link_secret().value();
    EXPECT_FALSE(auth->log_in_once("x" + secret.substr(1), "::1"));
    const auto first = auth->log_in_once(secret, "::1");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->principal.role, Role::chain_admin);
    EXPECT_FALSE(auth->log_in_once(secret, "::1"));
    ASSERT_TRUE(auth->update_user(first->principal, "admin", {.password = kPassword}, "::1"));
    reopen();
    EXPECT_EQ(auth->first_link_secret(), std::nullopt);
    EXPECT_TRUE(auth->log_in("admin", kPassword, "::1"));
}

TEST_F(AuthServiceTest, TheFirstLinkEnds) {
    const auto secret = auth->first_link_secret().value();
    clock.advance(24h);
    EXPECT_FALSE(auth->log_in_once(secret, "::1"));
}

TEST_F(AuthServiceTest, AnUnknownUserIsToldTheSameAsAWrongPassword) {
    admin();
    const auto wrong = auth->log_in("admin", "something else", "::1");
    const auto unknown = auth->log_in("nobody", "something else", "::1");
    ASSERT_FALSE(wrong);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(wrong.error().message(), unknown.error().message());
    EXPECT_EQ(count("session.refused"), 2U);
    EXPECT_EQ(events.back().object, "user") << "a name that was only tried may be a password";
}

TEST_F(AuthServiceTest, AnUnknownUserCostsAsMuchWorkAsAKnownOne) {
    const auto hash = hash_password(kPassword);
    EXPECT_FALSE(verify_password("", kPassword));
    const auto cpu = [](std::string_view against) {
        const auto before = std::clock();
        for (int i = 0; i < 5; ++i) (void)verify_password(against, "guess");
        return std::clock() - before;
    };
    const auto known = cpu(hash), unknown = cpu("");
    EXPECT_GT(unknown * 3, known);
    EXPECT_GT(known * 3, unknown);
}

TEST_F(AuthServiceTest, GuessingIsSlowedDownPerNameAndAddress) {
    admin();
    for (int i = 0; i < 8; ++i)
        EXPECT_TRUE(auth->log_in("admin", "guess", "10.0.0.1").error().is(AuthError::unauthenticated));
    const auto slowed = auth->log_in("admin", kPassword, "10.0.0.1");
    ASSERT_FALSE(slowed);
    EXPECT_TRUE(slowed.error().is(AuthError::too_many_requests));
    EXPECT_EQ(slowed.error().about(), "300");
    EXPECT_TRUE(auth->log_in("admin", kPassword, "10.0.0.2")) << "another address is not locked out";
    clock.advance(5min);
    EXPECT_TRUE(auth->log_in("admin", kPassword, "10.0.0.1"));
}

TEST_F(AuthServiceTest, LoggingInOftenIsNotGuessing) {
    admin();
    for (int i = 0; i < 70; ++i) ASSERT_TRUE(auth->log_in("admin", kPassword, "10.0.0.1")) << i;
    EXPECT_TRUE(auth->log_in("admin", "guess", "10.0.0.1").error().is(AuthError::unauthenticated));
    EXPECT_TRUE(auth->log_in("admin", kPassword, "10.0.0.1"));
}

TEST_F(AuthServiceTest, SessionsSurviveARestartAndEndByIdlenessAgeAndLogout) {
    ASSERT_TRUE(auth->set_admin_password(kPassword));
    const auto cookie = auth->log_in("admin", kPassword, "::1").value().cookie;
    reopen();
    EXPECT_TRUE(auth->by_cookie(cookie));
    EXPECT_FALSE(auth->by_cookie(cookie + "0"));
    clock.advance(2h - 1min);
    EXPECT_TRUE(auth->by_cookie(cookie));
    clock.advance(2h);
    EXPECT_FALSE(auth->by_cookie(cookie)) << "idle";
    const auto used = auth->log_in("admin", kPassword, "::1").value().cookie;
    for (int i = 0; i < 11; ++i) {
        clock.advance(1h);
        ASSERT_TRUE(auth->by_cookie(used)) << i;
    }
    clock.advance(1h);
    EXPECT_FALSE(auth->by_cookie(used)) << "older than 12 hours";
    const auto left = auth->log_in("admin", kPassword, "::1").value().cookie;
    ASSERT_TRUE(auth->log_out(left, "::1"));
    EXPECT_FALSE(auth->by_cookie(left));
    EXPECT_EQ(count("session.logout"), 1U);
}

TEST_F(AuthServiceTest, AUserHasABoundedNumberOfSessions) {
    admin();
    std::vector<std::string> cookies;
    for (int i = 0; i < 21; ++i) {
        clock.advance(1s);
        cookies.push_back(auth->log_in("admin", kPassword, "::1").value().cookie);
    }
    EXPECT_FALSE(auth->by_cookie(cookies.front()));
    EXPECT_TRUE(auth->by_cookie(cookies[1]));
    EXPECT_TRUE(auth->by_cookie(cookies.back()));
}

TEST_F(AuthServiceTest, TokensWorkUntilRevokedOrExpiredAndTheirSecretIsNotKept) {
    const auto by = admin();
    const auto made =
        auth->create_token(by, {.name = "erp", .stores = {"zagreb-1"}, .expires_at = clock.wall() + 1h}, "::1").value();
    EXPECT_TRUE(made.secret.starts_with("swt_"));
    reopen();
    const auto principal = auth->by_token(made.secret).value();
    EXPECT_EQ(principal.actor, "token:erp");
    EXPECT_TRUE(principal.sees("zagreb-1"));
    EXPECT_FALSE(principal.sees("zagreb-2"));
    EXPECT_FALSE(auth->by_token(made.secret + "0"));
    for (const auto* file : {"auth.sqlite", "auth.sqlite-wal"}) {
        std::ifstream in(dir / file, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        EXPECT_EQ(bytes.find(made.secret.substr(4)), std::string::npos) << file;
        EXPECT_EQ(bytes.find(kPassword), std::string::npos) << file;
    }
    clock.advance(1h);
    EXPECT_FALSE(auth->by_token(made.secret));
    const auto second = auth->create_token(by, {.name = "pos", .stores = {}, .expires_at = {}}, "::1").value();
    ASSERT_TRUE(auth->revoke_token(by, second.token.id, "::1"));
    EXPECT_FALSE(auth->by_token(second.secret));
    EXPECT_TRUE(auth->revoke_token(by, second.token.id, "::1").error().is(AuthError::not_found));
    EXPECT_EQ(count("token.create"), 2U);
    EXPECT_EQ(count("token.revoke"), 1U);
}

TEST_F(AuthServiceTest, UsersAreCheckedFieldByField) {
    const auto by = admin();
    const auto why = [&](const NewUser& user) { return auth->create_user(by, user, "::1").error().about(); };
    EXPECT_EQ(why({.name = "Ana", .stores = {}, .password = kPassword}), "/name: not [a-z0-9._-]{1,64}");
    EXPECT_EQ(why({.name = "ana", .stores = {}, .password = "short"}), "/password: shorter than 10 characters");
    EXPECT_EQ(why({.name = "ana", .stores = {"ok", "No"}, .password = kPassword}), "/stores/1: not a store id");
    ASSERT_TRUE(auth->create_user(by, {.name = "ana", .stores = {}, .password = kPassword}, "::1"));
    EXPECT_EQ(why({.name = "ana", .stores = {}, .password = kPassword}), "user ana");
}

TEST_F(AuthServiceTest, ANewPasswordEndsTheOtherSessions) {
    const auto by = admin();
    ASSERT_TRUE(auth->create_user(by, {.name = "ana", .stores = {}, .password = kPassword}, "::1"));
    const auto own = auth->log_in("ana", kPassword, "::1").value();
    const auto other = auth->log_in("ana", kPassword, "::1").value();
    ASSERT_TRUE(auth->update_user(own.principal, "ana", {.password = kPassword + "2"}, "::1", own.cookie));
    EXPECT_TRUE(auth->by_cookie(own.cookie));
    EXPECT_FALSE(auth->by_cookie(other.cookie));
    EXPECT_FALSE(auth->log_in("ana", kPassword, "::1"));
}

TEST_F(AuthServiceTest, NobodyRaisesOneself) {
    const auto by = admin();
    ASSERT_TRUE(auth->create_user(by, {.name = "ana", .stores = {}, .password = kPassword}, "::1"));
    const auto ana = auth->log_in("ana", kPassword, "::1").value().principal;
    EXPECT_TRUE(auth->update_user(ana, "ana", {.role = Role::chain_admin}, "::1").error().is(AuthError::forbidden));
    EXPECT_TRUE(auth->update_user(ana, "admin", {.password = kPassword}, "::1").error().is(AuthError::forbidden));
    EXPECT_TRUE(auth->create_user(ana, {.name = "eve", .stores = {}, .password = kPassword}, "::1")
                    .error()
                    .is(AuthError::forbidden));
    EXPECT_TRUE(
        auth->create_token(ana, {.name = "t", .stores = {}, .expires_at = {}}, "::1").error().is(AuthError::forbidden));
    EXPECT_TRUE(auth->update_user(by, "admin", {.disabled = true}, "::1").error().is(AuthError::forbidden))
        << "the last chain_admin";
}

TEST_F(AuthServiceTest, ADisabledUserIsOutAtOnce) {
    const auto by = admin();
    ASSERT_TRUE(auth->create_user(by, {.name = "ana", .stores = {}, .password = kPassword}, "::1"));
    const auto ana = auth->log_in("ana", kPassword, "::1").value();
    ASSERT_TRUE(auth->update_user(by, "ana", {.disabled = true}, "::1"));
    EXPECT_FALSE(auth->by_cookie(ana.cookie));
    EXPECT_FALSE(auth->log_in("ana", kPassword, "::1"));
}

TEST_F(AuthServiceTest, NothingHappensUnaudited) {
    const auto by = admin();
    audit_fails = true;
    EXPECT_FALSE(auth->log_in("admin", kPassword, "::1"));
    EXPECT_FALSE(auth->create_user(by, {.name = "ana", .stores = {}, .password = kPassword}, "::1"));
    EXPECT_EQ(auth->users().size(), 1U);
}

TEST_F(AuthServiceTest, TheFileIsForItsOwnerAndANewerOneIsRefused) {
    struct stat info{};
    ASSERT_EQ(::stat((dir / "auth.sqlite").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    auth.reset();
    store.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir / "auth.sqlite").c_str(), &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    EXPECT_THROW((void)open_sqlite_auth_store(dir / "auth.sqlite"), std::runtime_error);
}

TEST(Roles, AllowExactlyWhatTheContractSays) {
    EXPECT_TRUE(allows(Role::auditor, Right::read));
    EXPECT_FALSE(allows(Role::auditor, Right::write_prices));
    EXPECT_TRUE(allows(Role::operator_, Right::write_prices));
    EXPECT_TRUE(allows(Role::api, Right::write_prices));
    EXPECT_FALSE(allows(Role::operator_, Right::manage_aps));
    EXPECT_TRUE(allows(Role::store_manager, Right::manage_aps));
    EXPECT_FALSE(allows(Role::store_manager, Right::administer));
    EXPECT_TRUE(allows(Role::chain_admin, Right::administer));
}

}  // namespace
}  // namespace esl::mgmt::auth
