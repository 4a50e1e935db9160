// Log-in, roles, users and tokens over real sockets.
#include "mgmt-service/http/tests/rest_fixture.hpp"

namespace esl::mgmt::rest {
namespace {

TEST_F(RestTest, LogsInWithACookieThatScriptsCannotReadAndOutAgain) {
    ASSERT_TRUE(auth->set_admin_password(kPassword));
    start();
    auto peer = anybody();
    EXPECT_EQ(peer.get("/auth/me").status, 401);
    EXPECT_EQ(peer.get("/stores").status, 401);
    const auto answer = peer.call("POST", "/auth/login", {{"user", "admin"}, {"password", kPassword}});
    ASSERT_EQ(answer.status, 200) << answer.raw;
    EXPECT_EQ(answer.body["user"]["role"], "chain_admin");
    EXPECT_EQ(answer.body["service"]["test_clock"], false);
    const std::string cookie(answer.headers.get("Set-Cookie"));
    EXPECT_NE(cookie.find("; HttpOnly"), std::string::npos);
    EXPECT_NE(cookie.find("; SameSite=Strict"), std::string::npos);
    EXPECT_EQ(cookie.find("; Secure"), std::string::npos);
    peer.client.headers().set("Cookie", cookie.substr(0, cookie.find(';')));
    EXPECT_EQ(peer.get("/auth/me").body["csrf_token"], answer.body["csrf_token"]);

    const auto without = peer.call("POST", "/auth/logout");
    EXPECT_EQ(without.status, 403);
    EXPECT_EQ(without.body["type"], "urn:shelfwire:problem:csrf");
    peer.client.headers().set("X-CSRF-Token", answer.body["csrf_token"]);
    EXPECT_EQ(peer.call("POST", "/auth/logout").status, 204);
    EXPECT_EQ(peer.get("/auth/me").status, 401);
}

TEST_F(RestTest, RefusesWrongPasswordsAlikeAndSlowsGuessing) {
    ASSERT_TRUE(auth->set_admin_password(kPassword));
    start();
    auto peer = anybody();
    const auto wrong = peer.call("POST", "/auth/login", {{"user", "admin"}, {"password", "nope nope nope"}});
    const auto unknown = peer.call("POST", "/auth/login", {{"user", "nobody"}, {"password", "nope nope nope"}});
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(wrong.raw, unknown.raw);
    Peer::Answer last;
    for (int i = 0; i < 8; ++i)
        last = peer.call("POST", "/auth/login", {{"user", "admin"}, {"password", "nope nope nope"}});
    EXPECT_EQ(last.status, 429);
    EXPECT_EQ(last.headers.get("Retry-After"), "300");
}

TEST_F(RestTest, TheFirstLinkLetsTheAdministratorInOnce) {
    start();
    auto peer = anybody();
    const auto path = "/auth/once?secret=" + auth->first_link_secret().value();
    EXPECT_EQ(peer.call("HEAD", path).status, 204);
    const auto answer = peer.get(path);
    EXPECT_EQ(answer.status, 303);
    EXPECT_EQ(answer.headers.get("Location"), "/");
    const auto cookie = answer.headers.get("Set-Cookie");
    EXPECT_EQ(peer.get(path).status, 401);
    peer.client.headers().set("Cookie", std::string(cookie.substr(0, cookie.find(';'))));
    const auto me = peer.get("/auth/me");
    ASSERT_EQ(me.status, 200);
    peer.client.headers().set("X-CSRF-Token", me.body["csrf_token"]);
    EXPECT_EQ(peer.call("PATCH", "/users/admin", {{"password", kPassword}}).status, 200);
    log_in("admin", kPassword);
}

TEST_F(RestTest, ATokenNeedsNoCsrfTokenAndShowsItsSecretOnce) {
    start_as_admin();
    const auto made = admin->call("POST", "/tokens", {{"name", "erp"}});
    ASSERT_EQ(made.status, 201) << made.raw;
    const std::string secret = made.body["secret"];
    EXPECT_EQ(admin->get("/tokens").raw.find(secret), std::string::npos);
    auto machine = with_token(secret);
    EXPECT_EQ(machine.get("/auth/me").body["user"]["name"], "erp");
    EXPECT_EQ(machine.call("POST", "/users", {{"name", "eve"}, {"role", "operator"}, {"password", kPassword}}).status,
              403);
    EXPECT_EQ(admin->call("DELETE", "/tokens/" + made.body["id"].get<std::string>()).status, 204);
    EXPECT_EQ(machine.get("/auth/me").status, 401);
    EXPECT_EQ(admin->call("DELETE", "/tokens/" + made.body["id"].get<std::string>()).status, 404);
}

TEST_F(RestTest, EachRoleMayDoExactlyItsOwn) {
    start_with_shelf();
    auto auditor = user("vera", "auditor"), worker = user("ana", "operator"), manager = user("ivo", "store_manager");
    const Json product{{"name", "Kava"}};
    EXPECT_EQ(auditor.get("/audit/entries").status, 200);
    EXPECT_EQ(auditor.call("PUT", "/stores/zagreb-1/products/KAVA-1", product).status, 403);
    EXPECT_EQ(worker.call("PUT", "/stores/zagreb-1/products/KAVA-1", product).status, 201);
    EXPECT_EQ(worker.call("PATCH", "/aps/" + kAp, {{"name", "x"}}).status, 403);
    EXPECT_EQ(manager.call("PATCH", "/aps/" + kAp, {{"name", "x"}}).status, 200);
    EXPECT_EQ(manager.call("PUT", "/stores/zagreb-2", {{"name", "x"}, {"currency", "EUR"}}).status, 403);
    EXPECT_EQ(manager.get("/users").status, 403);
    EXPECT_EQ(worker.call("PATCH", "/users/ana", {{"password", kPassword + "!"}}).status, 200);
    EXPECT_EQ(worker.call("PATCH", "/users/ana", {{"role", "chain_admin"}}).status, 403);
    const auto refusals = admin->get("/audit/entries?action=access.refused").body["items"];
    EXPECT_EQ(refusals.size(), 4U) << refusals;
    EXPECT_EQ(refusals[0]["actor"], "user:ivo");
    EXPECT_EQ(refusals[0]["source"], "127.0.0.1");
}

TEST_F(RestTest, AUserOfOneStoreSeesNothingOfOthers) {
    start_with_shelf();
    ASSERT_EQ(admin->call("PUT", "/stores/split-1", {{"name", "Split"}, {"currency", "EUR"}}).status, 201);
    auto local = user("marko", "operator", {"split-1"});
    EXPECT_EQ(local.get("/stores").body["items"].size(), 1U);
    EXPECT_EQ(local.get("/stores/zagreb-1").status, 403);
    EXPECT_EQ(local.get("/stores/zagreb-1/products").status, 403);
    EXPECT_EQ(local.get("/tags").body["total"], 0);
    EXPECT_EQ(local.get("/tags?store=zagreb-1").status, 403);
    EXPECT_EQ(local.get("/tags/" + kTag).status, 404);
    EXPECT_EQ(local.get("/aps").body["items"].size(), 0U);
    EXPECT_EQ(local.get("/aps/" + kAp).status, 404);
    EXPECT_EQ(local.get("/audit/entries").body["items"].size(), 1U) << "the store's own making";
    EXPECT_EQ(local.call("PUT", "/tags/" + kTag + "/binding", {{"store", "split-1"}, {"products", {"x"}}}).status, 404);
    auto both = user("lana", "operator", {"split-1", "zagreb-1"});
    EXPECT_EQ(both.get("/tags").status, 400);
    EXPECT_EQ(both.get("/tags?store=zagreb-1").body["total"], 1);
}

TEST_F(RestTest, NamesEveryBadFieldOfAUser) {
    start_as_admin();
    const auto answer = admin->call("POST", "/users", {{"name", 7}, {"role", "king"}, {"pasword", "x"}});
    EXPECT_EQ(answer.status, 422);
    std::vector<std::string> where;
    for (const auto& error : answer.body["errors"]) where.push_back(error["where"]);
    EXPECT_EQ(where, (std::vector<std::string>{"/name", "/role", "/password", "/pasword"}));
    EXPECT_EQ(admin->call("POST", "/users", "{\"name\":", {}).status, 400);
    EXPECT_EQ(admin->call("POST", "/users", "name=x", {{"Content-Type", "application/x-www-form-urlencoded"}}).status,
              415);
}

}  // namespace
}  // namespace esl::mgmt::rest
