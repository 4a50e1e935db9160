#include "common/http/static_files.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "common/testing/testing.hpp"

namespace esl::http {
namespace {

class StaticFilesTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::filesystem::create_directories(dir / "web/assets");
        put("web/index.html", "<page>");
        put("web/assets/app-1f.js", "code");
        put("web/assets/app-1f.js.gz", "gz");
        put("web/assets/app-1f.js.br", "br");
        put("web/.secret", "hidden");
        put("outside.txt", "outside");
        std::filesystem::create_symlink(dir / "outside.txt", dir / "web/link.txt");
    }
    void put(std::string_view name, std::string_view content) { std::ofstream(dir / name) << content; }
    Response get(std::string path, const Headers& headers = {}) {
        Request request;
        request.method = "GET";
        request.path = std::move(path);
        request.headers = headers;
        return serve_files({.root = dir / "web"})(request);
    }
    testing::TempDir dir;
};

TEST_F(StaticFilesTest, ServesThePageWithItsPolicyAndTag) {
    const auto response = get("/");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "<page>");
    EXPECT_EQ(response.headers.get("content-type"), "text/html; charset=utf-8");
    EXPECT_NE(response.headers.get("content-security-policy"), "");
    EXPECT_EQ(response.headers.get("cache-control"), "no-cache");
    EXPECT_EQ(get("/", {{"If-None-Match", std::string(response.headers.get("etag"))}}).status, 304);
}

TEST_F(StaticFilesTest, ServesThePageForItsOwnRoutesOnly) {
    EXPECT_EQ(get("/tags/FFFF92103A07").body, "<page>");
    EXPECT_EQ(get("/missing.js").status, 404);
    EXPECT_EQ(get("/api/v1/nothing").status, 404);
}

TEST_F(StaticFilesTest, SendsTheSmallestFormThatIsAccepted) {
    EXPECT_EQ(get("/assets/app-1f.js").body, "code");
    EXPECT_EQ(get("/assets/app-1f.js", {{"Accept-Encoding", "gzip, br"}}).body, "br");
    EXPECT_EQ(get("/assets/app-1f.js", {{"Accept-Encoding", "gzip, br;q=0"}}).body, "gz");
    EXPECT_EQ(get("/assets/app-1f.js", {{"Accept-Encoding", "gzip"}}).headers.get("content-encoding"), "gzip");
    EXPECT_EQ(get("/assets/app-1f.js").headers.get("content-type"), "text/javascript; charset=utf-8");
    EXPECT_NE(get("/assets/app-1f.js").headers.get("cache-control").find("immutable"), std::string_view::npos);
}

TEST_F(StaticFilesTest, NeverLeavesItsFolder) {
    for (const auto* path : {"/../outside.txt", "/%2e%2e/outside.txt", "/assets/..%2f..%2foutside.txt", "/.secret",
                             "/link.txt", "//etc/passwd", "/%00", "/a%5c..%5coutside.txt"}) {
        const auto response = get(path);
        EXPECT_EQ(response.status, 404) << path;
        EXPECT_EQ(response.body.find("outside\n"), std::string::npos) << path;
    }
}

}  // namespace
}  // namespace esl::http
