#include "common/http/url.hpp"

#include <gtest/gtest.h>

namespace esl::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Url, DecodesEscapesAndNamesTheBrokenOne) {
    EXPECT_EQ(percent_decode("a%20b%2Fc").value(), "a b/c");
    EXPECT_EQ(percent_decode("a+b", true).value(), "a b");
    EXPECT_EQ(percent_decode("a+b").value(), "a+b");
    EXPECT_EQ(percent_decode("ab%2").error().about(), "percent escape at offset 2");
    EXPECT_EQ(percent_decode("%zz").error().about(), "percent escape at offset 0");
    EXPECT_EQ(percent_decode(std::string_view("a\0b", 3)).error().about(), "NUL at offset 1");
    EXPECT_EQ(percent_decode("x%00").error().about(), "percent escape at offset 1");
}

TEST(Url, EncodingIsUndoneByDecodingForEveryByteButNul) {
    std::string all;
    for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
    EXPECT_EQ(percent_decode(percent_encode(all)).value(), all);
    EXPECT_EQ(percent_encode("č/a-b"), "%C4%8D%2Fa-b");
}

TEST(Url, ReadsQueriesInOrder) {
    EXPECT_EQ(parse_query("q=mlijeko+1%25&x=&y&q=2").value(),
              (Pairs{{"q", "mlijeko 1%"}, {"x", ""}, {"y", ""}, {"q", "2"}}));
    EXPECT_TRUE(parse_query("").value().empty());
    EXPECT_EQ(parse_query("ok=1&q=%").error().about(), "query parameter 'q': percent escape at offset 0");
}

TEST(Url, BoundsTheNumberOfQueryParameters) {
    std::string query;
    for (int i = 0; i < 257; ++i) query += "a=1&";
    EXPECT_TRUE(parse_query(query).error().is(ParseError::too_long));
}

TEST(Url, ReadsListenAddresses) {
    EXPECT_EQ(parse_host_port("127.0.0.1:0").value().host, "127.0.0.1");
    EXPECT_EQ(parse_host_port("[::1]:8080").value().host, "::1");
    EXPECT_EQ(parse_host_port("[::1]:8080").value().port, 8080);
    EXPECT_EQ(parse_host_port(":80").value().host, "");
    for (const auto* bad : {"", "127.0.0.1", "::1:80", "[]:1", "a:65536", "a:-1", "a:1x", "[::1:80"}) {
        EXPECT_FALSE(parse_host_port(bad)) << bad;
    }
}

TEST(Url, ReadsHttpUrls) {
    EXPECT_EQ(parse_url("http://a:81/b?c").value().target, "/b?c");
    EXPECT_EQ(parse_url("http://a").value().at.port, 80);
    EXPECT_EQ(parse_url("http://[::1]?x").value().target, "/?x");
    EXPECT_EQ(parse_url("http://[::1]").value().at.port, 80);
    EXPECT_FALSE(parse_url("http://a").value().tls);
    EXPECT_FALSE(parse_url("ftp://a"));
    EXPECT_FALSE(parse_url("http:///x"));
}

TEST(Url, ReadsHttpsUrlsWithTheirOwnPort) {
    EXPECT_TRUE(parse_url("https://a").value().tls);
    EXPECT_EQ(parse_url("https://a/b").value().at.port, 443);
    EXPECT_EQ(parse_url("https://[::1]").value().at.port, 443);
    EXPECT_EQ(parse_url("https://a:8443/b?c").value().at.port, 8443);
    EXPECT_EQ(parse_url("https://a:8443/b?c").value().target, "/b?c");
    EXPECT_FALSE(parse_url("https:///x"));
}

}  // namespace
}  // namespace esl::http
