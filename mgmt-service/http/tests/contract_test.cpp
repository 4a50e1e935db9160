// openapi.yaml and what is served are the same, and what is served beside it.
#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

#include "mgmt-service/http/tests/rest_fixture.hpp"

namespace esl::mgmt::rest {
namespace {

TEST_F(RestTest, ServesExactlyTheOperationsOfTheContract) {
    start();
    const auto described = testing::operations_of_openapi(testing::read_file("mgmt-service/openapi.yaml"));
    EXPECT_GT(described.size(), 40U);
    std::set<std::string> served;
    for (const auto& route : rest->routes()) {
        if (route.find(" /api/") != std::string::npos) served.insert(route);
    }
    EXPECT_EQ(served, described);
}

TEST_F(RestTest, EveryOperationAsksWhoIsThereExceptTheOpenOnes) {
    start();
    const std::set<std::string> open{"POST /api/v1/auth/login", "GET /api/v1/auth/once", "GET /api/v1/openapi.yaml"};
    auto peer = anybody();
    for (const auto& route : rest->routes()) {
        const auto space = route.find(' ');
        const auto path = std::regex_replace(route.substr(space + 1), std::regex("\\{[^}]*\\}"), "x");
        if (!path.starts_with("/api/") || open.contains(route)) continue;
        EXPECT_EQ(peer.call(route.substr(0, space), '/' + path).status, 401) << route;
    }
}

TEST_F(RestTest, ServesItsOwnDescription) {
    start();
    EXPECT_EQ(anybody().get("/openapi.yaml").raw, testing::read_file("mgmt-service/openapi.yaml"));
}

TEST_F(RestTest, TellsMachinesHowItIs) {
    start_as_admin();
    auto peer = anybody();
    EXPECT_EQ(peer.get("//healthz").status, 200);
    EXPECT_TRUE(eventually([&] { return peer.get("//readyz").status == 200; }));
    const auto metrics = peer.get("//metrics").raw;
    EXPECT_NE(metrics.find("shelfwire_http_requests_total{class=\"2xx\"} "), std::string::npos);
    EXPECT_NE(metrics.find("shelfwire_broker_up 1\n"), std::string::npos);
    EXPECT_NE(metrics.find("\nprocess_open_fds "), std::string::npos);
    EXPECT_NE(metrics.find("shelfwire_build_info{program=\"mgmt-service\",version="), std::string::npos);
}

TEST_F(RestTest, ServesThePageAndItsRoutesBesideTheInterface) {
    std::filesystem::create_directories(dir / "web");
    std::ofstream(dir / "web/index.html") << "<page>";
    start({.web = dir / "web"});
    auto peer = anybody();
    EXPECT_EQ(peer.get("//").raw, "<page>");
    EXPECT_EQ(peer.get("//tags/FFFF92103A07").raw, "<page>");
    EXPECT_EQ(peer.get("/nothing").status, 404);
    EXPECT_EQ(peer.call("POST", "/stats").status, 405);
    EXPECT_EQ(peer.get("//").headers.get("X-Frame-Options"), "DENY");
}

}  // namespace
}  // namespace esl::mgmt::rest
