// Idempotency keys: the same request is carried out once and answered alike.
#include "mgmt-service/http/once.hpp"
#include "mgmt-service/http/tests/rest_fixture.hpp"

namespace esl::mgmt::rest {
namespace {

const http::Headers kKey{{"Idempotency-Key", "key-1"}};
const std::string kImport = "/stores/zagreb-1/products:import";
http::Headers csv(const std::string& key) {
    return {{"Idempotency-Key", key}, {"Content-Type", "text/csv"}};
}

bool replayed(const auto& answer) {
    return answer.headers.get("Idempotent-Replay") == "true";
}

TEST_F(RestTest, ACommandWithAKeyIsCarriedOutOnce) {
    start_with_shelf();
    const std::string led = "/tags/" + kTag + "/led";
    const auto first = admin->call("POST", led, {{"seconds", 20}}, kKey);
    EXPECT_EQ(first.status, 202);
    EXPECT_FALSE(replayed(first));
    const auto again = admin->call("POST", led, {{"seconds", 20}}, kKey);
    EXPECT_EQ(again.status, 202);
    EXPECT_TRUE(replayed(again));
    EXPECT_EQ(admin->get("/audit/entries?action=tag.led").body["items"].size(), 1U);
    const auto other = admin->call("POST", led, {{"seconds", 21}}, kKey);
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(other.body["type"], "urn:shelfwire:problem:idempotency-key-reused");
    EXPECT_EQ(admin->call("POST", "/aps/" + kAp + "/permit-join", {{"seconds", 20}}, kKey).status, 422)
        << "another address with the same body";
    EXPECT_EQ(admin->call("POST", led, {{"seconds", 20}}, {{"Idempotency-Key", "a b"}}).status, 400);
    auto ivo = user("ivo", "operator");
    EXPECT_FALSE(replayed(ivo.call("POST", led, {{"seconds", 20}}, kKey))) << "keys are each user's own";
}

TEST_F(RestTest, AKeyOutlivesTheServerAndEndsAfterADay) {
    start_with_shelf();
    const Json body{{"store", "zagreb-1"}, {"products", {kProduct}}};
    const auto first = admin->call("PUT", "/tags/" + kTag + "/binding", body, kKey);
    ASSERT_EQ(first.status, 200) << first.raw;
    rest->stop();
    start();
    admin = log_in("admin", kPassword);
    const auto again = admin->call("PUT", "/tags/" + kTag + "/binding", body, kKey);
    EXPECT_TRUE(replayed(again));
    EXPECT_EQ(again.raw, first.raw) << "as it was then";
    EXPECT_EQ(again.headers.get("ETag"), first.headers.get("ETag"));
    clock.advance(std::chrono::hours(25));
    admin = log_in("admin", kPassword);
    EXPECT_FALSE(replayed(admin->call("PUT", "/tags/" + kTag + "/binding", body, kKey)));
}

TEST_F(RestTest, ARefusedRequestLeavesItsKeyFree) {
    start_with_shelf();
    const std::string led = "/tags/" + kTag + "/led";
    EXPECT_EQ(admin->call("POST", led, {{"seconds", 0}}, kKey).status, 422);
    EXPECT_EQ(admin->call("POST", led, {{"seconds", 5}}, kKey).status, 202);
}

TEST_F(RestTest, AnImportWithAKeyIsAnsweredAlikeAndChangesNothingTheSecondTime) {
    start_with_shelf();
    const std::string rows = "barcode,name,price\n9008700124195,Nektar,3.49\nKAVA-1,Kava,1.00\n";
    const auto first = admin->call("POST", kImport, rows, csv("imp-1"));
    ASSERT_EQ(first.status, 200) << first.raw;
    ASSERT_EQ(admin->call("POST", kImport, "barcode,name,price\n9008700124195,Nektar,9.99\n", csv("imp-2")).status,
              200);
    const auto again = admin->call("POST", kImport, rows, csv("imp-1"));
    EXPECT_TRUE(replayed(again));
    EXPECT_EQ(again.raw, first.raw);
    EXPECT_EQ(admin->get("/stores/zagreb-1/products/" + kProduct).body["price"]["minor"], 999);
    EXPECT_EQ(admin->call("POST", kImport, rows + "KAVA-2,Kava,2.00\n", csv("imp-1")).status, 422);
    EXPECT_EQ(admin->get("/stores/zagreb-1/products/KAVA-2").status, 404);
    EXPECT_EQ(admin->call("POST", kImport, "nonsense\n1\n", csv("imp-3")).status, 422);
    EXPECT_EQ(admin->call("POST", kImport, rows, csv("imp-3")).status, 200) << "the refused file had changed nothing";
}

TEST_F(RestTest, OfALongAnswerTheSummaryComesAgain) {
    start_with_shelf();
    std::string rows = "barcode,name,price\n";
    for (int i = 0; i < 6000; ++i) rows += "ITEM-" + std::to_string(i) + ",Item,1.00\n";
    const auto first = admin->call("POST", kImport, rows, csv("long"));
    ASSERT_EQ(first.status, 200);
    ASSERT_GT(first.raw.size(), kMaxKeptStreamAnswer);
    const auto again = admin->call("POST", kImport, rows, csv("long"));
    EXPECT_TRUE(replayed(again));
    EXPECT_EQ(again.raw, first.raw.substr(first.raw.find("{\"summary\"")));
}

TEST_F(RestTest, SecretsAreNotKeptWithTheirKeys) {
    start_as_admin();
    const Json token{{"name", "erp"}};
    const auto first = admin->call("POST", "/tokens", token, kKey);
    ASSERT_EQ(first.status, 201);
    const auto again = admin->call("POST", "/tokens", token, kKey);
    EXPECT_TRUE(replayed(again));
    EXPECT_EQ(again.body["id"], first.body["id"]);
    EXPECT_FALSE(again.body.contains("secret"));
    EXPECT_EQ(admin->get("/tokens").body["items"].size(), 1U);
    const Json ana{{"name", "ana"}, {"role", "operator"}, {"password", kPassword}};
    const http::Headers key{{"Idempotency-Key", "user-1"}};
    EXPECT_EQ(admin->call("POST", "/users", ana, key).status, 201);
    EXPECT_TRUE(replayed(admin->call("POST", "/users", ana, key)));
    auto other = ana;
    other["password"] = "another long password";
    EXPECT_EQ(admin->call("POST", "/users", other, key).status, 422);
    EXPECT_TRUE(store.idempotency("user:admin", "user-1")->digest.starts_with("$argon2id$"));
}

TEST_F(RestTest, AChangesKeyAndAnotherRequestsAreTheSameKeys) {
    start_with_shelf();
    const Json change{{"items", {{{"product", kProduct}, {"price", {{"minor", 199}, {"currency", "EUR"}}}}}}};
    ASSERT_EQ(admin->call("POST", "/stores/zagreb-1/changes", change, kKey).status, 201);
    EXPECT_EQ(admin->call("POST", "/tags/" + kTag + "/led", {{"seconds", 20}}, kKey).status, 422);
    ASSERT_EQ(admin->call("POST", "/tags/" + kTag + "/led", {{"seconds", 20}}, {{"Idempotency-Key", "led"}}).status,
              202);
    EXPECT_EQ(admin->call("POST", "/stores/zagreb-1/changes", change, {{"Idempotency-Key", "led"}}).status, 422);
}

TEST(KeysUnderWay, OneRequestAtATimeHoldsAKey) {
    KeysUnderWay keys;
    EXPECT_TRUE(keys.take("user:ana", "k"));
    EXPECT_FALSE(keys.take("user:ana", "k"));
    EXPECT_TRUE(keys.take("user:ben", "k"));
    keys.release("user:ana", "k");
    EXPECT_TRUE(keys.take("user:ana", "k"));
}

}  // namespace
}  // namespace esl::mgmt::rest
