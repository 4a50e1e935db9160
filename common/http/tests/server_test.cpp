#include "common/http/server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "common/http/client.hpp"
#include "common/http/tests/raw_socket.hpp"
#include "common/testing/testing.hpp"

namespace esl::http {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<Router> echo_router() {
    auto router = std::make_shared<Router>();
    router->add("GET", "/hello/{name}",
                [](const Request& r) { return text_response(200, "hello " + std::string(r.param("name"))); });
    router->add("POST", "/echo", [](const Request& r) { return text_response(200, r.body); }, {.max_body = 100'000});
    router->add("GET", "/throws", [](const Request&) -> Response { throw std::runtime_error("a secret reason"); });
    router->add("GET", "/split", [](const Request&) {
        auto response = text_response(200, "x");
        response.headers.set("X-Bad", "a\r\nSet-Cookie: b");
        return response;
    });
    return router;
}

class ServerTest : public ::testing::Test {
protected:
    void start(ServerOptions options = {}, std::shared_ptr<Router> router = echo_router()) {
        server.emplace(std::move(options), std::move(router));
        server->start();
    }
    Client client() { return Client(server->address()); }
    std::optional<Server> server;
};

TEST_F(ServerTest, AnswersOverOneKeptConnection) {
    start();
    auto c = client();
    for (int i = 0; i < 50; ++i) {
        const auto response = c.get("/hello/%C4%8Dip");
        ASSERT_TRUE(response) << response.error().message();
        EXPECT_EQ(response->body, "hello čip");
    }
    EXPECT_EQ(server->stats().connections, 1U);
    EXPECT_EQ(server->stats().requests, 50U);
}

TEST_F(ServerTest, ServesIpv4AndIpv6OnEveryAddress) {
    start({.listen = ":0"});
    const auto port = std::to_string(server->port());
    EXPECT_EQ(Client("127.0.0.1:" + port).get("/hello/4").value().body, "hello 4");
    if (auto v6 = Client("[::1]:" + port).get("/hello/6")) {
        EXPECT_EQ(v6->body, "hello 6");
    }
}

TEST_F(ServerTest, NamesTheAddressItCannotHave) {
    start();
    Server second({.listen = server->address()}, echo_router());
    try {
        second.start();
        FAIL() << "started on a taken port";
    } catch (const std::runtime_error& e) {
        EXPECT_EQ(std::string(e.what()), "cannot listen on " + server->address() + ": Address already in use");
    }
    EXPECT_THROW(Server({.listen = "nonsense"}, echo_router()).start(), std::runtime_error);
}

TEST_F(ServerTest, TakesAndReturnsBodiesUpToTheRoutesLimit) {
    start();
    auto c = client();
    const std::string body(100'000, 'x');
    EXPECT_EQ(c.send("POST", "/echo", body).value().body, body);
    const auto refused = c.send("POST", "/echo", body + "x");
    ASSERT_TRUE(refused) << refused.error().message();
    EXPECT_EQ(refused->status, 413);
    EXPECT_NE(refused->body.find("100001 bytes, at most 100000"), std::string::npos);
}

TEST_F(ServerTest, AnEarlyRefusalReachesAClientThatStillSends) {
    start();
    auto c = client();
    const std::string body(20'000'000, 'x');
    EXPECT_EQ(c.send("POST", "/echo", body).value().status, 413);
    EXPECT_EQ(c.send("POST", "/nothing", body).value().status, 404);
}

TEST_F(ServerTest, AnswersContinueOnlyToABodyItWants) {
    start();
    RawSocket wanted(server->port());
    wanted.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(wanted.read_until_text("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    wanted.send("ok");
    EXPECT_TRUE(wanted.read_until_text("\r\n\r\nok").starts_with("HTTP/1.1 200 OK\r\n"));
    RawSocket unwanted(server->port());
    unwanted.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_TRUE(unwanted.read_until_text("\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST_F(ServerTest, HeadTellsTheLengthWithoutTheBody) {
    start();
    RawSocket raw(server->port());
    raw.send("HEAD /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const auto answer = raw.read_to_end();
    EXPECT_NE(answer.find("Content-Length: 7\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(ServerTest, AnExceptionIsA500ThatTellsNothing) {
    start();
    auto c = client();
    const auto response = c.get("/throws").value();
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.find("secret"), std::string::npos);
    EXPECT_EQ(c.get("/hello/still").value().status, 200);
}

TEST_F(ServerTest, DropsAHeaderThatWouldSplitTheAnswer) {
    start();
    const auto response = client().get("/split").value();
    EXPECT_FALSE(response.headers.has("X-Bad"));
    EXPECT_FALSE(response.headers.has("Set-Cookie"));
    EXPECT_EQ(response.headers.get("X-Content-Type-Options"), "nosniff");
}

TEST_F(ServerTest, ASecondRequestWaitsForAWorkerAndAThirdIsToldSo) {
    std::latch entered(1), leave(1);
    auto router = std::make_shared<Router>();
    router->add("GET", "/block", [&](const Request&) {
        entered.count_down();
        leave.wait();
        return text_response(200, "done");
    });
    router->add("GET", "/quick", [](const Request&) { return text_response(200, "quick"); });
    start({.worker_threads = 1, .max_queued_requests = 1}, router);
    std::jthread first([&] { EXPECT_EQ(client().get("/block").value().body, "done"); });
    entered.wait();
    std::jthread second([&] { EXPECT_EQ(client().get("/quick").value().body, "quick"); });
    ASSERT_TRUE(testing::wait_until([&] { return server->stats().requests == 2; }));
    const auto third = client().get("/quick").value();
    EXPECT_EQ(third.status, 503);
    EXPECT_EQ(third.headers.get("Retry-After"), "1");
    leave.count_down();
}

TEST_F(ServerTest, RefusesConnectionsAboveItsLimit) {
    start({.max_connections = 2});
    RawSocket a(server->port()), b(server->port());
    ASSERT_TRUE(testing::wait_until([&] { return server->stats().open_connections == 2; }));
    RawSocket c(server->port());
    EXPECT_TRUE(c.read_to_end().starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(server->stats().refused_connections, 1U);
}

TEST_F(ServerTest, StopLetsARequestUnderWayEnd) {
    std::latch entered(1), leave(1);
    auto router = std::make_shared<Router>();
    router->add("GET", "/block", [&](const Request&) {
        entered.count_down();
        leave.wait();
        return text_response(200, "whole");
    });
    start({}, router);
    RawSocket idle(server->port());
    std::jthread caller([&] {
        const auto response = client().get("/block").value();
        EXPECT_EQ(response.body, "whole");
        EXPECT_EQ(response.headers.get("Connection"), "close");
    });
    entered.wait();
    std::jthread stopper([&] { server->stop(20s); });
    EXPECT_EQ(idle.read_to_end(), "");  // closed at once: nothing was under way
    EXPECT_TRUE(idle.ended());
    leave.count_down();
    stopper.join();
    EXPECT_FALSE(Client(server->address()).get("/block"));
}

TEST_F(ServerTest, TheClientOpensAnotherConnectionWhenItsOwnWasClosed) {
    start({.idle_timeout = 30ms});
    auto c = client();
    EXPECT_EQ(c.get("/hello/1").value().status, 200);
    ASSERT_TRUE(testing::wait_until([&] { return server->stats().open_connections == 0; }));
    EXPECT_EQ(c.get("/hello/2").value().body, "hello 2");
}

TEST_F(ServerTest, AConnectionThatAsksNothingGoesLongBeforeOneThatHasAsked) {
    start({.first_byte_timeout = 30ms, .idle_timeout = 1h});
    auto asked = client();
    EXPECT_EQ(asked.get("/hello/1").value().status, 200);
    RawSocket silent(server->port());
    EXPECT_EQ(silent.read_to_end(), "");
    EXPECT_TRUE(silent.ended());
    ASSERT_TRUE(testing::wait_until([&] { return server->stats().open_connections == 1; }));
    EXPECT_EQ(asked.get("/hello/2").value().body, "hello 2");
    EXPECT_EQ(server->stats().connections, 2U);  // by the same connection
}

}  // namespace
}  // namespace esl::http
