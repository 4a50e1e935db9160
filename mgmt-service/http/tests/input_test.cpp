#include "mgmt-service/http/input.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt::rest {
namespace {

http::Request post(std::string body, std::string type = "application/json") {
    http::Request out;
    out.method = "POST";
    out.headers.set("Content-Type", std::move(type));
    out.body = std::move(body);
    return out;
}

Json refusal_to(const http::Request& request) {
    const auto out = json_body(request);
    const auto& response = std::get<http::Response>(out);
    auto json = Json::parse(response.body);
    EXPECT_EQ(json["status"], response.status);
    return json;
}

TEST(JsonBody, SaysWhereABrokenBodyBreaks) {
    EXPECT_EQ(refusal_to(post("{\"a\":1,}"))["detail"], "the body is no JSON: wrong at byte 8");
    EXPECT_EQ(refusal_to(post(""))["status"], 400);
    EXPECT_EQ(refusal_to(post("[1]"))["detail"], "the body is no JSON object");
    EXPECT_EQ(refusal_to(post("{\"a\":\"\xFF\"}"))["status"], 400);
    EXPECT_EQ(refusal_to(post("{}", "text/plain"))["status"], 415);
    EXPECT_EQ(refusal_to(post(std::string(1'000'000, '[')))["status"], 400);
    EXPECT_EQ(std::get<Json>(json_body(post("{}", "application/json; charset=utf-8"))), Json::object());
}

TEST(JsonBody, MayNestAsDeepAsItFits) {
    const std::string deep(200'000, '[');
    auto body = json_body(post("{\"a\":" + deep + std::string(deep.size(), ']') + "}"));
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    (void)in.text("a", {});
    in.finish();
    EXPECT_EQ(errors.at(0).detail, "is array, not a string");
}

TEST(ObjectReader, NamesEveryFaultByItsPointer) {
    const auto json = Json::parse(R"({"name":7,"long":"abcdef","count":1.5,"big":99999999999999999999,"deep":{"x":"y"},
                                      "flag":"yes","list":["ok",3],"nul":null,"ctl":"a\u0000b","neg":-1})");
    FieldErrors errors;
    ObjectReader in(json, "/item/0", errors);
    EXPECT_EQ(in.text("name", {}), std::nullopt);
    (void)in.text("long", {.least = 0, .most = 5});
    EXPECT_EQ(in.text("missing", {}, ObjectReader::Need::required), std::nullopt);
    EXPECT_EQ(in.text("nul", {}), std::nullopt);
    EXPECT_EQ(in.integer("count", 0, 9), std::nullopt);
    EXPECT_EQ(in.integer("big", 0, 9), std::nullopt);
    EXPECT_EQ(in.integer("neg", 0, 9), std::nullopt);
    EXPECT_EQ(in.boolean("flag"), std::nullopt);
    (void)in.texts("list", 5, {.least = 1, .most = 4});
    (void)in.text("ctl", {});
    in.finish();
    std::vector<std::string> said;
    for (const auto& e : errors) said.push_back(e.where + " " + e.detail);
    EXPECT_EQ(said, (std::vector<std::string>{
                        "/item/0/name is number, not a string", "/item/0/long is longer than 5",
                        "/item/0/missing is missing", "/item/0/count is a fraction, not an integer",
                        "/item/0/big is a fraction, not an integer", "/item/0/neg not between 0 and 9",
                        "/item/0/flag is string, not true or false", "/item/0/list/1 is no text of 1 to 4 bytes",
                        "/item/0/ctl has control characters", "/item/0/deep is no member that is known here"}));
}

TEST(ObjectReader, KeepsTheNumberOfFaultsBounded) {
    Json json;
    for (int i = 0; i < 1000; ++i) json["unknown" + std::to_string(i)] = i;
    FieldErrors errors;
    ObjectReader(json, "", errors).finish();
    EXPECT_EQ(errors.size(), 50U);
}

TEST(Money, IsRefusedInAnotherCurrencyAndBelowZero) {
    FieldErrors errors;
    EXPECT_EQ(read_money({{"minor", 249}, {"currency", "EUR"}}, "/price", "EUR", errors), 249);
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(read_money({{"minor", 249}, {"currency", "USD"}}, "/price", "EUR", errors), std::nullopt);
    EXPECT_EQ(read_money({{"minor", -1}, {"currency", "EUR"}}, "/price", "EUR", errors), std::nullopt);
    EXPECT_EQ(read_money({{"minor", 2.49}, {"currency", "EUR"}}, "/price", "EUR", errors), std::nullopt);
    EXPECT_EQ(read_money("2.49", "/price", "EUR", errors), std::nullopt);
    ASSERT_EQ(errors.size(), 4U);
    EXPECT_EQ(errors[0].where, "/price/currency");
    EXPECT_EQ(errors[1].where, "/price/minor");
    EXPECT_EQ(errors[3].detail, "is string, not an object");
}

TEST(Promotion, MustEndAfterItBegins) {
    FieldErrors errors;
    const Json price{{"minor", 199}, {"currency", "EUR"}};
    EXPECT_TRUE(read_promotion({{"price", price}, {"from", 10}, {"to", 20}}, "/p", "EUR", errors));
    EXPECT_FALSE(read_promotion({{"price", price}, {"from", 20}, {"to", 20}}, "/p", "EUR", errors));
    EXPECT_EQ(errors.at(0).where, "/p/to");
}

TEST(QueryReader, RefusesTheFirstBadParameterByName) {
    http::Request request;
    request.query = {{"limit", "501"}, {"bound", "maybe"}, {"state", "shown"}};
    QueryReader in(request);
    EXPECT_EQ(in.one_of<TagStatus>("state", tag_status_from), TagStatus::shown);
    EXPECT_FALSE(in.refusal());
    (void)in.page();
    (void)in.boolean("bound");
    ASSERT_TRUE(in.refusal());
    EXPECT_EQ(Json::parse(in.refusal()->body)["errors"][0]["where"], "limit");
}

TEST(IfMatch, ReadsOurTagsAndRefusesOthers) {
    const auto with = [](std::string value) {
        http::Request request;
        request.headers.set("If-Match", std::move(value));
        return if_match(request);
    };
    using Version = std::optional<std::uint64_t>;
    EXPECT_EQ(std::get<Version>(if_match({})), std::nullopt);
    EXPECT_EQ(std::get<Version>(with("\"17\"")), 17U);
    EXPECT_EQ(std::get<Version>(with("*")), std::nullopt);
    for (const auto* bad : {"17", "\"x\"", "W/\"17\"", "\"\""}) {
        EXPECT_EQ(std::get<http::Response>(with(bad)).status, 412) << bad;
    }
}

}  // namespace
}  // namespace esl::mgmt::rest
