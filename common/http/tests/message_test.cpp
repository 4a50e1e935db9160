#include "common/http/message.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/http/problem.hpp"

namespace esl::http {
namespace {

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
    Headers headers{{"A", "1"}, {"b", "2"}};
    headers.add("a", "3");
    EXPECT_EQ(headers.get("a"), "1");
    EXPECT_EQ(headers.count("A"), 2U);
    headers.set("A", "4");
    EXPECT_EQ(headers.count("a"), 1U);
    EXPECT_EQ(headers.get("B"), "2");
    EXPECT_EQ(headers.get("c"), "");
}

TEST(Request, FindsACookieAmongOthers) {
    Request request;
    request.headers.add("Cookie", "a=1; session=x=y ;b=2");
    EXPECT_EQ(request.cookie("session"), "x=y");
    EXPECT_EQ(request.cookie("b"), "2");
    EXPECT_EQ(request.cookie("sess"), std::nullopt);
}

TEST(Request, ReadsTheMediaTypeAlone) {
    Request request;
    request.headers.add("Content-Type", "Text/CSV; charset=utf-8");
    EXPECT_EQ(request.content_type(), "text/csv");
}

TEST(HttpDate, IsTheExampleOfTheStandard) {
    EXPECT_EQ(http_date(from_millis(784'111'777'000)), "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110 section 5.6.7
}

TEST(EntityTag, MatchesListsStarsAndWeakOnes) {
    EXPECT_TRUE(etag_matches("\"a\", W/\"b\"", "\"b\""));
    EXPECT_FALSE(etag_matches("W/\"b\"", "\"b\"", false));
    EXPECT_TRUE(etag_matches("*", "\"x\""));
    EXPECT_FALSE(etag_matches("", "\"x\""));
    EXPECT_FALSE(etag_matches("\"xy\"", "\"x\""));
    EXPECT_NE(etag_of("a"), etag_of("b"));
}

TEST(EntityTag, TurnsAReadIntoNotModifiedButNeverAWrite) {
    Request get;
    get.method = "GET";
    get.headers.add("If-None-Match", "\"v1\"");
    auto response = text_response(200, "body");
    apply_etag(get, response, "\"v1\"");
    EXPECT_EQ(response.status, 304);
    EXPECT_TRUE(response.body.empty());
    get.method = "PUT";
    response = text_response(200, "body");
    apply_etag(get, response, "\"v1\"");
    EXPECT_EQ(response.status, 200);
}

TEST(Cookie, IsStrictByItself) {
    EXPECT_EQ(set_cookie({.name = "s", .value = "v", .max_age = std::chrono::hours(1), .secure = true}),
              "s=v; Path=/; SameSite=Strict; Max-Age=3600; HttpOnly; Secure");
}

TEST(Problem, CarriesItsMembers) {
    auto response =
        Problem{.status = 422, .title = "Unknown \"product\"", .detail = "row 7", .type = "urn:x", .instance = "/p"}
            .with("field", "gtin")
            .with("row", 7)
            .response();
    EXPECT_EQ(response.headers.get("content-type"), "application/problem+json");
    EXPECT_EQ(nlohmann::json::parse(response.body), nlohmann::json({{"status", 422},
                                                                    {"title", "Unknown \"product\""},
                                                                    {"detail", "row 7"},
                                                                    {"type", "urn:x"},
                                                                    {"instance", "/p"},
                                                                    {"field", "gtin"},
                                                                    {"row", 7}}));
}

TEST(Problem, DoesNotTellInnerFailuresToTheCaller) {
    const auto bad_input = problem_from(Error(ParseError::malformed, "field 'a'"));
    EXPECT_EQ(bad_input.status, 400);
    EXPECT_NE(bad_input.body.find("malformed: field 'a'"), std::string::npos);
    const auto inner = problem_from(Error(HttpError::unreachable, "secret host"));
    EXPECT_EQ(inner.status, 500);
    EXPECT_EQ(inner.body.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace esl::http
