// Requests that a proper client would never send.
#include <gtest/gtest.h>

#include "common/http/server.hpp"
#include "common/http/tests/raw_socket.hpp"
#include "common/testing/testing.hpp"

namespace esl::http {
namespace {

using namespace std::chrono_literals;

class HostileTest : public ::testing::Test {
protected:
    HostileTest() {
        auto router = std::make_shared<Router>();
        router->add("GET", "/get", [this](const Request&) {
            ++served;
            return text_response(200, "got");
        });
        router->add("POST", "/post",
                    [this](const Request& r) {
                        ++served;
                        return text_response(200, "[" + r.body + "]");
                    },
                    {.max_body = 1000});
        server.emplace(
            ServerOptions{
                .max_header_bytes = 4096, .idle_timeout = 20s, .header_timeout = 150ms, .body_timeout = 150ms},
            router);
        server->start();
    }
    std::string answer_to(std::string_view request) {
        RawSocket raw(server->port());
        raw.send(request);
        return raw.read_to_end();
    }
    int status_of_answer(std::string_view request) {
        const auto answer = answer_to(request);
        return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
    }
    std::atomic<int> served{0};
    std::optional<Server> server;
};

TEST_F(HostileTest, FramingThatTwoParsersCouldReadDifferentlyIsRefusedAndTheConnectionEnds) {
    const std::string smuggled = "GET /get HTTP/1.1\r\nHost: x\r\n\r\n";
    const std::vector<std::string> heads{
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 5\r\n",
        "Host: y\r\n",
    };
    for (const auto& head : heads) {
        const auto answer = answer_to("POST /post HTTP/1.1\r\nHost: x\r\n" + head + "\r\n0\r\n\r\n" + smuggled);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 501")) << head << answer;
        EXPECT_EQ(answer.find("got"), std::string::npos) << head;
    }
    EXPECT_EQ(served, 0);
}

TEST_F(HostileTest, RequestsThatAreNoHttpAreAnsweredWithWhy) {
    EXPECT_EQ(status_of_answer("\x16\x03\x01\x02\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer("GET /get\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer("GET /get HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
    EXPECT_EQ(status_of_answer("GET /get HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer("GET get HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer("GET /get HTTP/1.1\r\nHost: x\r\nA\x01: b\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer("GET /get?a=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer("FOO /get HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 405);
}

TEST_F(HostileTest, HeadersAboveTheLimitAreRefused) {
    EXPECT_EQ(status_of_answer("GET /get HTTP/1.1\r\nHost: x\r\nA: " + std::string(5000, 'a') + "\r\n\r\n"), 431);
    EXPECT_EQ(status_of_answer("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), 431);
    std::string many = "GET /get HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 2000; ++i) many += "A: b\r\n";
    EXPECT_EQ(status_of_answer(many + "\r\n"), 431);
}

TEST_F(HostileTest, AHalfRequestIsClosedAfterTheTimeForAHeader) {
    RawSocket raw(server->port());
    raw.send("GET /get HTTP/1.1\r\nHo");
    EXPECT_EQ(raw.read_to_end(), "");
    EXPECT_TRUE(raw.ended());
}

TEST_F(HostileTest, AHalfBodyIsClosedAfterTheTimeForABody) {
    RawSocket raw(server->port());
    raw.send("POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    raw.read_to_end();
    EXPECT_TRUE(raw.ended());
    EXPECT_EQ(served, 0);
}

TEST_F(HostileTest, ABrokenChunkIsRefused) {
    const std::string head = "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(status_of_answer(head + "zz\r\nabc\r\n0\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer(head + "3\r\nabcdef\r\n0\r\n\r\n"), 400);
    EXPECT_EQ(status_of_answer(head + "fffffffffffffffff\r\nabc"), 400);
    EXPECT_EQ(status_of_answer(head + "7d0\r\n" + std::string(2000, 'a') + "\r\n0\r\n\r\n"), 413);
    EXPECT_EQ(served, 0);
}

TEST_F(HostileTest, PipelinedRequestsAreAnsweredInOrder) {
    const auto answer = answer_to(
        "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
        "POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
        "GET /get HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const auto one = answer.find("[one]"), two = answer.find("[two]"), got = answer.find("got");
    EXPECT_LT(one, two);
    EXPECT_LT(two, got);
    EXPECT_NE(got, std::string::npos);
    EXPECT_EQ(served, 3);
}

TEST_F(HostileTest, ARequestIsUnderstoodHoweverItsBytesAreCut) {
    const std::string request =
        "POST /post?q=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    testing::for_every_split(as_bytes(request), [&](BytesView a, BytesView b) {
        RawSocket raw(server->port());
        raw.send(as_text(a));
        raw.send(as_text(b));
        const auto answer = raw.read_to_end();
        EXPECT_TRUE(answer.ends_with("[abcde]")) << a.size() << ' ' << answer;
    });
}

TEST_F(HostileTest, ATruncatedRequestIsNeverServed) {
    const std::string request = "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde";
    testing::for_every_truncation(as_bytes(request), [&](BytesView part) {
        RawSocket raw(server->port());
        raw.send(as_text(part));
        raw.half_close();
        raw.read_to_end();
        EXPECT_TRUE(raw.ended());
    });
    EXPECT_EQ(served, 0);
}

}  // namespace
}  // namespace esl::http
