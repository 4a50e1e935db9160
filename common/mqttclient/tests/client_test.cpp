#include "common/mqttclient/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <map>

#include "common/mqttclient/tests/mosquitto.hpp"
#include "common/testing/testing.hpp"

// Paho C 1.3.12 does not free what a client still had queued when it is destroyed, which happens once a process, at its
// end.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpaho-mqtt3as\n";
}

namespace esl::mqttclient {
namespace {

using namespace std::chrono_literals;
using testing::Mosquitto;

Bytes bytes(std::string_view text) {
    const auto view = as_bytes(text);
    return {view.begin(), view.end()};
}

// A client on an io_context that only runs inside until(): so everything below is on one thread.
struct Fixture {
    boost::asio::io_context io;
    std::unique_ptr<Client> client;
    std::vector<State> states;
    std::string last_why;
    std::vector<Message> messages;

    explicit Fixture(Options options) {
        options.backoff_first = 20ms;
        options.backoff_limit = 200ms;
        client = std::make_unique<Client>(boost::asio::any_io_executor(io.get_executor()), std::move(options));
        client->on_state([this](State s, const std::string& why) {
            states.push_back(s);
            if (!why.empty()) last_why = why;
        });
        client->on_message([this](Message m) { messages.push_back(std::move(m)); });
    }
    ~Fixture() {
        bool stopped = false;
        client->stop(100ms, [&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
    }
    bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 20s) {
        return testing::wait_until(
            [&] {
                io.restart();
                io.poll();
                return condition();
            },
            limit);
    }
    bool connect() {
        client->start();
        return until([this] { return client->state() == State::connected; });
    }
};

Options options(const Mosquitto& broker, std::string id) {
    Options out;
    out.url = broker.url();
    out.client_id = std::move(id);
    return out;
}

TEST(MqttClient, PublishesQos1AndTellsWhenTheBrokerAcknowledged) {
    Mosquitto broker;
    Fixture f(options(broker, "one"));
    f.client->subscribe("esl_report/shop/result");
    ASSERT_TRUE(f.connect());
    std::optional<Result<>> outcome;
    f.client->publish("esl_report/shop/result", bytes("hello"), 1, [&](Result<> r) { outcome = std::move(r); });
    ASSERT_TRUE(f.until([&] { return outcome && f.messages.size() == 1; }));
    EXPECT_TRUE(outcome->has_value());
    EXPECT_EQ(as_text(f.messages[0].payload), "hello");
    EXPECT_EQ(f.messages[0].topic, "esl_report/shop/result");
    EXPECT_EQ(f.messages[0].qos, 1);
    EXPECT_EQ(f.client->stats().acknowledged, 1u);
}

TEST(MqttClient, KeepsTheOrderOfManyMessages) {
    Mosquitto broker("allow_anonymous true\nmax_queued_messages 0\n");
    Fixture f(options(broker, "many"));
    f.client->subscribe("t/x");
    ASSERT_TRUE(f.connect());
    int acknowledged = 0;
    for (int i = 0; i < 1500; ++i) {
        f.client->publish("t/x", bytes(std::to_string(i)), 1, [&](Result<> r) { acknowledged += r ? 1 : 0; });
    }
    ASSERT_TRUE(f.until([&] { return acknowledged == 1500 && f.messages.size() == 1500; }));
    for (std::size_t i = 0; i < 1500; ++i) ASSERT_EQ(as_text(f.messages[i].payload), std::to_string(i));
}

TEST(MqttClient, RefusesWhatWouldOverfillTheOutgoingQueue) {
    Mosquitto broker;
    auto o = options(broker, "bound");
    o.max_outgoing = 10;
    o.max_in_flight = 2;
    o.max_payload = 100;
    Fixture f(o);
    std::map<std::string, int> outcomes;
    const auto count = [&](Result<> r) { ++outcomes[r ? "ok" : r.error().message()]; };
    f.client->publish("t/x", bytes("early"), 1, count);
    ASSERT_TRUE(f.connect());
    for (int i = 0; i < 15; ++i) f.client->publish("t/x", bytes("x"), 1, count);
    f.client->publish("t/x", Bytes(101), 1, count);
    ASSERT_TRUE(f.until([&] { return outcomes["ok"] == 10; }));
    EXPECT_EQ(outcomes["outgoing MQTT queue is full"], 5);
    EXPECT_EQ(outcomes["MQTT message too large"], 1);
    EXPECT_EQ(outcomes["not connected to the MQTT broker"], 1);
}

TEST(MqttClient, ComesBackAfterTheBrokerWasKilledAndSubscribesAgain) {
    Mosquitto broker;
    Fixture f(options(broker, "back"));
    f.client->subscribe("t/x");
    ASSERT_TRUE(f.connect());
    for (int round = 0; round < 3; ++round) {
        broker.kill();
        ASSERT_TRUE(f.until([&] { return f.client->state() != State::connected; }));
        std::optional<Result<>> refused;
        f.client->publish("t/x", bytes("down"), 1, [&](Result<> r) { refused = std::move(r); });
        ASSERT_TRUE(f.until([&] { return refused.has_value(); }));
        EXPECT_FALSE(refused->has_value());
        broker.start();
        ASSERT_TRUE(f.until([&] { return f.client->state() == State::connected; }));
        f.messages.clear();
        f.client->publish("t/x", bytes("up"));
        ASSERT_TRUE(f.until([&] { return f.messages.size() == 1; })) << "round " << round;
    }
    EXPECT_EQ(f.client->stats().connects, 4u);
}

TEST(MqttClient, ConnectsAnewWithTheWillThatWasSetSince) {
    Mosquitto broker;
    Fixture watcher(options(broker, "watcher2"));
    watcher.client->subscribe("esl_report/+/ap");
    ASSERT_TRUE(watcher.connect());
    auto o = options(broker, "mover");
    o.will = Will{"esl_report/unclaimed/ap", bytes("gone"), 1, false};
    Fixture f(o);
    ASSERT_TRUE(f.connect());
    f.client->set_will(Will{"esl_report/shop/ap", bytes("gone"), 1, false});
    f.client->reconnect();
    ASSERT_TRUE(f.until([&] { return f.client->stats().connects == 2; }));
    Fixture thief(options(broker, "mover"));  // makes the broker drop the first
    ASSERT_TRUE(thief.connect());
    ASSERT_TRUE(watcher.until([&] { return !watcher.messages.empty(); }));
    EXPECT_EQ(watcher.messages[0].topic, "esl_report/shop/ap");
}

TEST(MqttClient, FailsWhatIsInFlightWhenTheConnectionIsLost) {
    Mosquitto broker;
    Fixture f(options(broker, "flight"));
    ASSERT_TRUE(f.connect());
    ASSERT_EQ(::kill(broker.pid(), SIGSTOP), 0);
    int lost = 0;
    for (int i = 0; i < 5; ++i) {
        f.client->publish("t/x", bytes("x"), 1, [&](Result<> r) {
            if (!r && r.error().is(ClientError::connection_lost)) ++lost;
        });
    }
    f.until([&] { return false; }, 50ms);
    EXPECT_EQ(f.client->outgoing(), 5u);
    broker.kill();
    ASSERT_TRUE(f.until([&] { return lost == 5; }));
    EXPECT_EQ(f.client->outgoing(), 0u);
}

TEST(MqttClient, GivesUpOnAMissingAcknowledgement) {
    Mosquitto broker;
    auto o = options(broker, "slow");
    o.ack_timeout = 100ms;
    Fixture f(o);
    ASSERT_TRUE(f.connect());
    ASSERT_EQ(::kill(broker.pid(), SIGSTOP), 0);
    std::optional<Result<>> outcome;
    f.client->publish("t/x", bytes("x"), 1, [&](Result<> r) { outcome = std::move(r); });
    ASSERT_TRUE(f.until([&] { return outcome.has_value(); }));
    ASSERT_EQ(::kill(broker.pid(), SIGCONT), 0);
    ASSERT_FALSE(outcome->has_value());
    EXPECT_TRUE(outcome->error().is(ClientError::timed_out));
    EXPECT_EQ(f.client->state(), State::connected);
}

TEST(MqttClient, WillIsPublishedWhenTheProcessVanishesButNotAfterStop) {
    Mosquitto broker;
    Fixture watcher(options(broker, "watcher"));
    watcher.client->subscribe("esl_report/+/ap");
    ASSERT_TRUE(watcher.connect());
    auto o = options(broker, "mortal");
    o.will = Will{"esl_report/shop/ap", bytes("gone"), 1, false};
    o.keep_alive = 1s;
    {
        Fixture polite(o);
        ASSERT_TRUE(polite.connect());
    }
    watcher.client->publish("esl_report/x/ap", bytes("marker"));
    ASSERT_TRUE(watcher.until([&] { return !watcher.messages.empty(); }));
    EXPECT_EQ(as_text(watcher.messages[0].payload), "marker");
    watcher.messages.clear();

    // A second client of the same id makes the broker drop the first, as a vanished process would.
    Fixture first(o);
    ASSERT_TRUE(first.connect());
    Fixture second(o);
    ASSERT_TRUE(second.connect());
    ASSERT_TRUE(watcher.until([&] { return !watcher.messages.empty(); }));
    EXPECT_EQ(as_text(watcher.messages[0].payload), "gone");
    second.client->stop(0ms, {});
    first.client->stop(0ms, {});
}

TEST(MqttClient, StopWaitsForTheAcknowledgementsOfWhatWasAccepted) {
    Mosquitto broker;
    Fixture f(options(broker, "drain"));
    ASSERT_TRUE(f.connect());
    int ok = 0;
    for (int i = 0; i < 500; ++i) f.client->publish("t/x", bytes("x"), 1, [&](Result<> r) { ok += r ? 1 : 0; });
    bool stopped = false;
    f.client->stop(10s, [&] { stopped = true; });
    ASSERT_TRUE(f.until([&] { return stopped; }));
    EXPECT_EQ(ok, 500);
    EXPECT_EQ(f.client->state(), State::stopped);
}

TEST(MqttClient, TellsThatThePasswordWasRefusedAndKeepsTrying) {
    testing::TempDir dir;
    const auto file = dir / "passwords";
    std::ofstream{file};
    Mosquitto broker("allow_anonymous false\npassword_file " + file.string() + "\n");
    auto o = options(broker, "wrong");
    o.username = "nobody";
    o.password = "x";
    Fixture f(o);
    f.client->start();
    ASSERT_TRUE(f.until([&] { return std::ranges::count(f.states, State::disconnected) >= 3; }));
    EXPECT_THAT(f.last_why, ::testing::HasSubstr("not authorised"));
}

// Answers CONNECT with success and SUBSCRIBE with a refusal; Debian's Mosquitto refuses no subscription.
struct RefusingBroker {
    explicit RefusingBroker(boost::asio::io_context& io)
        : acceptor(io, {boost::asio::ip::address_v4::loopback(), 0}), peer(io) {
        accept();
    }
    void accept() {
        acceptor.async_accept([this](boost::system::error_code ec, tcp::socket socket) {
            if (ec) return;
            peer = std::move(socket);
            answer({0x20, 2, 0, 0});
            accept();
        });
    }
    // The CONNECT is read and answered with `connack`; the packet id of the SUBSCRIBE that follows is echoed.
    void answer(std::vector<std::uint8_t> connack) {
        peer.async_read_some(boost::asio::buffer(in), [this, connack](boost::system::error_code ec, std::size_t n) {
            if (ec) return;
            auto reply = connack;
            if (in[0] >> 4 == 8 && n >= 4) reply = {0x90, 3, in[2], in[3], 0x80};
            boost::asio::write(peer, boost::asio::buffer(reply), ec);
            if (!ec) answer(connack);
        });
    }
    using tcp = boost::asio::ip::tcp;
    tcp::acceptor acceptor;
    tcp::socket peer;
    std::array<std::uint8_t, 512> in{};
};

TEST(MqttClient, ARefusedSubscriptionIsNotTakenForAConnection) {
    Options o;
    o.client_id = "denied";
    boost::asio::io_context broker_io;
    RefusingBroker broker(broker_io);
    o.url = "tcp://127.0.0.1:" + std::to_string(broker.acceptor.local_endpoint().port());
    Fixture f(o);
    f.client->subscribe("t/x");
    f.client->start();
    ASSERT_TRUE(f.until([&] {
        broker_io.restart();
        broker_io.poll();
        return std::ranges::count(f.states, State::disconnected) >= 2;
    }));
    EXPECT_EQ(std::ranges::count(f.states, State::connected), 0);
    EXPECT_THAT(f.last_why, ::testing::HasSubstr("refused a subscription"));
}

TEST(MqttClient, MayBeDestroyedWhileTheBrokerIsAwayAndWhileMessagesFlow) {
    Mosquitto broker;
    boost::asio::io_context io;
    for (int i = 0; i < 5; ++i) {
        auto o = options(broker, "short" + std::to_string(i));
        if (i % 2 == 0) o.url = "tcp://127.0.0.1:" + std::to_string(testing::free_port());
        Client client(boost::asio::any_io_executor(io.get_executor()), o);
        client.start();
        if (i % 2 == 1) {
            ASSERT_TRUE(testing::wait_until([&] {
                io.restart();
                io.poll();
                return client.state() == State::connected;
            }));
            for (int n = 0; n < 50; ++n) client.publish("t/x", Bytes(100));
        }
    }
    io.restart();
    io.poll();
}

}  // namespace
}  // namespace esl::mqttclient
