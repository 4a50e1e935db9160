// Streaming handlers and pushed answers.
#include <gtest/gtest.h>

#include <latch>
#include <mutex>
#include <thread>

#include "common/http/client.hpp"
#include "common/http/push_stream.hpp"
#include "common/http/server.hpp"
#include "common/http/tests/raw_socket.hpp"
#include "common/testing/testing.hpp"

namespace esl::http {
namespace {

using namespace std::chrono_literals;

// Answers one line per piece of the body, while the body still comes.
void count_lines(Exchange& exchange) {
    std::array<char, 65536> piece{};
    std::size_t total = 0;
    if (!exchange.begin(200, {{"Content-Type", "text/plain"}})) return;
    for (;;) {
        const auto got = exchange.read(piece);
        if (!got) {
            (void)exchange.write("error: " + got.error().message() + '\n');
            return;
        }
        if (*got == 0) break;
        total += *got;
        if (!exchange.write("piece\n")) return;
    }
    (void)exchange.write("total " + std::to_string(total) + '\n');
}

class StreamTest : public ::testing::Test {
protected:
    void start(ServerOptions options = {}) {
        router->add_stream("POST", "/count", count_lines, {.max_body = 64'000'000});
        router->add_stream("GET", "/silent", [](Exchange&) {});
        router->add_stream("GET", "/cut", [](Exchange& e) {
            (void)e.begin(200, {});
            (void)e.write("half");
            throw std::runtime_error("in the middle");
        });
        router->add_stream("GET", "/refuse", [](Exchange& e) { (void)e.respond(text_response(403, "no")); });
        router->add_stream("GET", "/endless", [this](Exchange& e) {
            (void)e.begin(200, {});
            while (e.write(std::string(60'000, 'x'))) {
            }
            ++ended;
        });
        router->add("GET", "/events", [this](const Request&) {
            const std::lock_guard lock(mutex);
            listeners.push_back(std::make_shared<PushStream>(std::size_t{1} << 20));
            auto response = text_response(200, "retry: 1000\n\n", "text/event-stream");
            response.push = listeners.back();
            return response;
        });
        server.emplace(std::move(options), router);
        server->start();
    }
    std::shared_ptr<PushStream> listener(std::size_t index) {
        std::shared_ptr<PushStream> out;
        EXPECT_TRUE(testing::wait_until([&] {
            const std::lock_guard lock(mutex);
            if (listeners.size() > index) out = listeners[index];
            return out != nullptr;
        }));
        return out;
    }
    std::mutex mutex;
    std::vector<std::shared_ptr<PushStream>> listeners;
    std::atomic<int> ended{0};
    std::shared_ptr<Router> router = std::make_shared<Router>();
    std::optional<Server> server;
};

TEST_F(StreamTest, TakesALargeBodyPieceByPieceAndKeepsTheConnection) {
    start();
    Client client(server->address());
    const std::string body(30'000'000, 'b');
    for (int i = 0; i < 2; ++i) {
        const auto response = client.send("POST", "/count", body);
        ASSERT_TRUE(response) << response.error().message();
        EXPECT_TRUE(response->body.ends_with("total 30000000\n"));
    }
    EXPECT_EQ(server->stats().connections, 1U);
}

TEST_F(StreamTest, AnswersWhileTheBodyStillComes) {
    start();
    RawSocket raw(server->port());
    raw.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    raw.read_until_text("piece\n");
    raw.send("def");
    EXPECT_NE(raw.read_until_text("total 6\n").find("total 6\n"), std::string::npos);
}

TEST_F(StreamTest, TellsTheHandlerOfABodyAboveTheLimit) {
    start();
    Client client(server->address());
    const auto response = client.send("POST", "/count", std::string(64'000'001, 'b'));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_NE(response->body.find("error: too large"), std::string::npos);
}

TEST_F(StreamTest, TellsTheHandlerOfABodyThatStops) {
    start({.body_timeout = 100ms});
    RawSocket raw(server->port());
    raw.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    raw.read_to_end();
    EXPECT_TRUE(raw.ended());
}

TEST_F(StreamTest, AHandlerThatDoesNotAnswerIsA500) {
    start();
    Client client(server->address());
    EXPECT_EQ(client.get("/silent").value().status, 500);
    EXPECT_EQ(client.get("/refuse").value().body, "no");
}

TEST_F(StreamTest, AnAnswerThatFailsInTheMiddleIsNotTakenForWhole) {
    start();
    Client client(server->address());
    const auto response = client.get("/cut");
    ASSERT_FALSE(response);
    EXPECT_TRUE(response.error().is(HttpError::closed)) << response.error().message();
}

TEST_F(StreamTest, APeerThatTakesNothingIsGivenUp) {
    start({.write_timeout = 200ms});
    RawSocket raw(server->port(), 4096);
    raw.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(testing::wait_until([&] { return ended == 1; }));
}

TEST_F(StreamTest, StoppingEndsWriterAndReaderThatWait) {
    start();
    RawSocket writer(server->port(), 4096), reader(server->port());
    writer.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    reader.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    reader.read_until_text("piece");
    const auto before = std::chrono::steady_clock::now();
    server->stop(50ms);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 15s);
}

TEST_F(StreamTest, EventsReachEveryListenerInOrder) {
    start();
    RawSocket a(server->port()), b(server->port());
    for (auto* raw : {&a, &b}) {
        raw->send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_NE(raw->read_until_text("retry: 1000\n\n").find("text/event-stream"), std::string::npos);
    }
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_TRUE(listener(i)->post(server_sent_event("job", "1")));
        EXPECT_TRUE(listener(i)->post(server_sent_event("job", "2")));
        listener(i)->finish();
    }
    for (auto* raw : {&a, &b}) {
        const auto got = raw->read_until_text("0\r\n\r\n");
        EXPECT_LT(got.find("data: 1"), got.find("data: 2"));
        EXPECT_TRUE(got.ends_with("0\r\n\r\n"));
    }
}

TEST_F(StreamTest, ASlowListenerIsDroppedAndALeavingOneNoticed) {
    start();
    RawSocket slow(server->port(), 4096);
    slow.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    slow.read_until_text("retry");
    const auto stream = listener(0);
    const std::string event(100'000, 'x');
    EXPECT_TRUE(testing::wait_until([&] { return !stream->post(event); }));
    EXPECT_TRUE(stream->was_slow());
    {
        RawSocket leaving(server->port());
        leaving.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        leaving.read_until_text("retry");
    }
    const auto gone = listener(1);
    EXPECT_TRUE(testing::wait_until([&] { return !gone->post(server_sent_heartbeat()); }));
}

TEST_F(StreamTest, AHeadOfAnEventStreamLeavesNoListenerBehind) {
    start();
    EXPECT_EQ(Client(server->address()).send("HEAD", "/events").value().status, 200);
    EXPECT_TRUE(testing::wait_until([&] { return listener(0)->closed(); }));
}

TEST_F(StreamTest, StoppingEndsListenersAtOnce) {
    start();
    RawSocket raw(server->port());
    raw.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    raw.read_until_text("retry");
    const auto before = std::chrono::steady_clock::now();
    server->stop(60s);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 30s);
    raw.read_to_end();
    EXPECT_TRUE(raw.ended());
}

}  // namespace
}  // namespace esl::http
