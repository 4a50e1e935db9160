#include "common/http/router.hpp"

#include <gtest/gtest.h>

namespace esl::http {
namespace {

Handler says(std::string text) {
    return [text = std::move(text)](const Request&) { return text_response(200, text); };
}

Request request(std::string method, std::string path) {
    Request out;
    out.method = std::move(method);
    out.path = std::move(path);
    return out;
}

std::string body_for(const Router& router, Request& r) {
    const auto match = router.match(r);
    return match.route != nullptr ? match.route->handler(r).body : std::to_string(match.refusal.status);
}
std::string body_for(const Router& router, std::string method, std::string path) {
    auto r = request(std::move(method), std::move(path));
    return body_for(router, r);
}

TEST(Router, TakesTheMostLiteralPatternWhateverTheOrder) {
    Router router;
    router.add("GET", "/tags/{id...}", says("rest"))
        .add("GET", "/tags/{id}", says("one"))
        .add("GET", "/tags/{id}:led", says("led"))
        .add("GET", "/tags/all", says("all"));
    EXPECT_EQ(body_for(router, "GET", "/tags/all"), "all");
    EXPECT_EQ(body_for(router, "GET", "/tags/x"), "one");
    EXPECT_EQ(body_for(router, "GET", "/tags/x:led"), "led");
    EXPECT_EQ(body_for(router, "GET", "/tags/x/y"), "rest");
    EXPECT_EQ(body_for(router, "GET", "/tags"), "404");
    EXPECT_EQ(body_for(router, "GET", "/tag"), "404");
}

TEST(Router, HandsOutDecodedParameters) {
    Router router;
    router.add("GET", "/stores/{store}/tags/{id}:led", says("ok")).add("GET", "/files/{path...}", says("file"));
    auto r = request("GET", "/stores/a%2Fb/tags/%C4%8D:led");
    EXPECT_EQ(body_for(router, r), "ok");
    EXPECT_EQ(r.param("store"), "a/b");
    EXPECT_EQ(r.param("id"), "č");
    EXPECT_EQ(r.pattern, "/stores/{store}/tags/{id}:led");
    auto file = request("GET", "/files/a/b.txt");
    EXPECT_EQ(body_for(router, file), "file");
    EXPECT_EQ(file.param("path"), "a/b.txt");
    EXPECT_EQ(body_for(router, "GET", "/stores/%/tags/x:led"), "400");
}

TEST(Router, AnEmptySegmentIsNoParameter) {
    Router router;
    router.add("GET", "/a/{x}", says("x"));
    EXPECT_EQ(body_for(router, "GET", "/a/"), "404");
    EXPECT_EQ(body_for(router, "GET", "/a//"), "404");
    EXPECT_EQ(body_for(router, "GET", "/a/b/"), "404");
}

TEST(Router, NamesTheMethodsThatAreServed) {
    Router router;
    router.add("GET", "/x", says("get")).add("DELETE", "/x", says("delete"));
    auto r = request("PUT", "/x");
    const auto match = router.match(r);
    EXPECT_EQ(match.refusal.status, 405);
    EXPECT_EQ(match.refusal.headers.get("allow"), "DELETE, GET, HEAD, OPTIONS");
    auto options = request("OPTIONS", "/x");
    EXPECT_EQ(router.match(options).refusal.status, 204);
    EXPECT_EQ(body_for(router, "HEAD", "/x"), "get");
}

TEST(Router, UsesTheFallbackForReadingOnly) {
    Router router;
    router.add("GET", "/x", says("x")).set_fallback(says("page"));
    EXPECT_EQ(body_for(router, "GET", "/y"), "page");
    EXPECT_EQ(body_for(router, "POST", "/y"), "404");
    EXPECT_EQ(body_for(router, "POST", "/x"), "405");
}

TEST(Router, RefusesPatternsThatCouldNotWork) {
    Router router;
    router.add("GET", "/x", says("x"));
    EXPECT_THROW(router.add("GET", "/x", says("again")), std::invalid_argument);
    EXPECT_THROW(router.add("GET", "x", says("")), std::invalid_argument);
    EXPECT_THROW(router.add("GET", "/a{b}", says("")), std::invalid_argument);
    EXPECT_THROW(router.add("GET", "/{}", says("")), std::invalid_argument);
    EXPECT_THROW(router.add("GET", "/{a", says("")), std::invalid_argument);
    EXPECT_THROW(router.add("GET", "/{a...}/b", says("")), std::invalid_argument);
}

}  // namespace
}  // namespace esl::http
