// Four eyes over the interface: drafts, rules, approve and reject.
#include "mgmt-service/http/tests/rest_fixture.hpp"

namespace esl::mgmt::rest {
namespace {

const std::string kChanges = "/stores/zagreb-1/changes";
const std::string kPath = "/stores/zagreb-1/products/" + kProduct;
Json eur(int minor) {
    return {{"minor", minor}, {"currency", "EUR"}};
}
Json price(int minor) {
    return {{"items", {{{"product", kProduct}, {"price", eur(minor)}}}}};
}
http::Headers seen(const Json& change) {
    return {{"If-Match", '"' + std::to_string(change["version"].get<std::uint64_t>()) + '"'}};
}

class ApprovalTest : public RestTest {
protected:
    void start_with_rule() {
        start_with_shelf();
        const auto put = admin->call("PUT", "/approval-rule",
                                     {{"max_up_percent", 20}, {"max_down_percent", 30}, {"role", "store_manager"}});
        ASSERT_EQ(put.status, 200) << put.raw;
        EXPECT_EQ(put.headers.get("ETag"), "\"1\"");
        ana = user("ana", "operator");
        mia = user("mia", "store_manager");
    }
    Json detail(const Json& change) { return admin->get("/changes/" + change["id"].get<std::string>()).body; }
    static std::string path(const Json& change, const std::string& verb) {
        return "/changes/" + change["id"].get<std::string>() + "/" + verb;
    }
    std::optional<Peer> ana, mia;
};

TEST_F(ApprovalTest, IsOffUntilSomebodyWritesARule) {
    start_with_shelf();
    const auto rule = admin->get("/stores/zagreb-1/approval-rule");
    EXPECT_EQ(rule.body["inherits"], true);
    EXPECT_EQ(rule.body["version"], 0);
    EXPECT_EQ(admin->get("/approval-rule").body["max_up_percent"], nullptr);
    EXPECT_EQ(admin->call("POST", kChanges, price(9900)).body["approval"], nullptr);
    EXPECT_EQ(admin->get(kPath).body["price"], eur(9900));
}

TEST_F(ApprovalTest, ATrippedChangeIsApprovedByAnotherPersonWhoSawIt) {
    start_with_rule();
    const auto made = ana->call("POST", kChanges, price(999));
    ASSERT_EQ(made.status, 201) << made.raw;
    EXPECT_EQ(made.body["state"], "awaiting_approval");
    EXPECT_EQ(made.body["approval"]["tripped"], 1);
    const auto shown = detail(made.body);
    EXPECT_EQ(shown["items"][0]["reasons"], Json::parse(R"([{"what":"price","percent":301.2}])"));
    EXPECT_EQ(admin->get(path(made.body, "items") + "?tripped=true").body["total"], 1);
    EXPECT_EQ(admin->get("/stats").body["changes"]["awaiting_approval"], 1);

    const auto own = ana->call("POST", path(made.body, "approve"), nullptr, seen(made.body));
    EXPECT_EQ(own.status, 403) << own.raw;
    EXPECT_EQ(own.body["type"], "urn:shelfwire:problem:forbidden");
    EXPECT_NE(own.body["detail"].get<std::string>().find("another person"), std::string::npos);
    EXPECT_EQ(mia->call("POST", path(made.body, "approve")).status, 428);
    EXPECT_EQ(mia->call("POST", path(made.body, "approve"), nullptr, {{"If-Match", "\"77\""}}).status, 412);
    EXPECT_EQ(admin->get(kPath).body["price"], eur(249));

    const auto done = mia->call("POST", path(made.body, "approve"), {{"note", "new list"}}, seen(made.body));
    ASSERT_EQ(done.status, 200) << done.raw;
    EXPECT_EQ(admin->get(kPath).body["price"], eur(999));
    EXPECT_EQ(mia->call("POST", path(made.body, "approve"), nullptr, seen(made.body)).status, 409);
    const auto entry = admin->get("/audit/entries?action=change.approve").body["items"][0];
    EXPECT_EQ(entry["actor"], "user:mia");
    EXPECT_EQ(entry["change"], made.body["id"]);
    EXPECT_EQ(entry["after"]["note"], "new list");
}

TEST_F(ApprovalTest, RejectingWantsAReasonAndLeadsBackToADraft) {
    start_with_rule();
    const auto made = ana->call("POST", kChanges, price(999)).body;
    EXPECT_EQ(mia->call("POST", path(made, "reject"), nullptr, seen(made)).status, 422);
    const auto back = mia->call("POST", path(made, "reject"), {{"note", "typo?"}}, seen(made));
    ASSERT_EQ(back.status, 200) << back.raw;
    EXPECT_EQ(back.body["state"], "draft");
    const auto patched = ana->call("PATCH", "/changes/" + made["id"].get<std::string>(), price(259), seen(made));
    ASSERT_EQ(patched.status, 200) << patched.raw;
    EXPECT_EQ(mia->call("POST", path(made, "approve"), nullptr, seen(made)).status, 412) << "a changed draft";
    const auto sent = ana->call("POST", path(made, "submit"), {{"note", "yes"}});
    ASSERT_EQ(sent.status, 200) << sent.raw;
    EXPECT_EQ(admin->get(kPath).body["price"], eur(259));
    const auto steps = detail(made)["steps"];
    EXPECT_EQ(steps[1]["action"], "reject");
    EXPECT_EQ(steps[1]["note"], "typo?");
}

TEST_F(ApprovalTest, DraftsAreMadeEditedAndDiscarded) {
    start_with_shelf();
    auto body = price(199);
    body["draft"] = true;
    const auto made = admin->call("POST", kChanges, body);
    ASSERT_EQ(made.status, 201) << made.raw;
    EXPECT_EQ(made.body["state"], "draft");
    const std::string change = "/changes/" + made.body["id"].get<std::string>();
    EXPECT_EQ(admin->call("PATCH", change, {{"title", "x"}, {"at", nullptr}}).status, 200);
    EXPECT_EQ(admin->call("PATCH", change, Json::object()).status, 422);
    EXPECT_EQ(admin->call("PATCH", change, {{"items", {{{"product", "NONE-1"}, {"price", eur(1)}}}}}).status, 422);
    EXPECT_EQ(admin->call("POST", change + "/cancel").body["state"], "cancelled");
    EXPECT_EQ(admin->call("PATCH", change, {{"title", "y"}}).status, 409);
    EXPECT_EQ(admin->get(kPath).body["price"], eur(249));
}

TEST_F(ApprovalTest, ATokenMakesChangesButApprovesNone) {
    start_with_rule();
    const auto token = admin->call("POST", "/tokens", {{"name", "erp"}, {"role", "store_manager"}});
    auto erp = with_token(token.body["secret"]);
    const auto made = ana->call("POST", kChanges, price(999)).body;
    EXPECT_EQ(erp.call("POST", path(made, "approve"), nullptr, seen(made)).status, 403);
    EXPECT_EQ(erp.call("POST", kChanges, price(888)).body["state"], "awaiting_approval");
}

TEST_F(ApprovalTest, OnlyTheChainsAdministratorWritesRules) {
    start_with_rule();
    EXPECT_EQ(mia->call("PUT", "/approval-rule", Json::object()).status, 403);
    EXPECT_EQ(mia->get("/approval-rule").body["max_up_percent"], 20);
    EXPECT_EQ(admin->call("PUT", "/approval-rule", {{"max_items", 0}}).status, 422);
    EXPECT_EQ(admin->call("PUT", "/approval-rule", {{"role", "king"}}).status, 422);
    EXPECT_EQ(admin->call("PUT", "/approval-rule", {{"inherits", true}}).status, 422);
    EXPECT_EQ(admin->call("PUT", "/approval-rule", Json::object(), {{"If-Match", "\"0\""}}).status, 412);
    EXPECT_EQ(admin->call("PUT", "/stores/zagreb-1/approval-rule", {{"inherits", false}}).status, 200);
    EXPECT_EQ(ana->call("POST", kChanges, price(999)).body["state"], "running");
    EXPECT_EQ(admin->get("/audit/entries?action=rule.write").body["items"].size(), 2U);
}

TEST_F(ApprovalTest, AProductWriteAndAFileDoNotGoRoundTheRule) {
    start_with_rule();
    const auto put = ana->call("PUT", kPath, {{"name", "Nektar"}, {"price", eur(999)}});
    ASSERT_EQ(put.status, 200) << put.raw;
    EXPECT_EQ(put.body["product"]["price"], eur(249));
    EXPECT_EQ(put.body["product"]["name"], "Nektar");
    EXPECT_EQ(admin->get("/changes/" + put.body["held"].get<std::string>()).body["state"], "awaiting_approval");
    const auto file = ana->call("POST", "/stores/zagreb-1/products:import",
                                "barcode,name,price\n9008700124195,Nektar,9.99\n", {{"Content-Type", "text/csv"}});
    ASSERT_EQ(file.status, 200) << file.raw;
    const auto summary = Json::parse(file.raw.substr(file.raw.find("{\"summary\"")))["summary"];
    EXPECT_EQ(admin->get("/changes/" + summary["held"].get<std::string>()).body["state"], "awaiting_approval");
    EXPECT_EQ(admin->get(kPath).body["price"], eur(249));
    const auto small = ana->call("POST", "/stores/zagreb-1/products:import",
                                 "barcode,name,price\n9008700124195,Nektar,2.59\n", {{"Content-Type", "text/csv"}});
    ASSERT_EQ(small.status, 200);
    EXPECT_EQ(admin->get(kPath).body["price"], eur(259)) << "within the rule";
}

}  // namespace
}  // namespace esl::mgmt::rest
