// What clients of several shards must not notice of there being several.
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::ProtocolVersion;
using mqtt::QoS;

TestClient joined(const RunningBroker& broker, const std::string& id) {
    TestClient client(broker.port());
    client.connect({.client_id = id, .version = ProtocolVersion::v311});
    return client;
}

TEST(Shards, WhatIsPublishedAfterASubackArrivesWhateverTheOtherShardIsDoing) {
    auto config = test_config(Mode::standard);
    config.shards = 2;
    const RunningBroker broker(config);
    // So that a SUBACK comes while the publishers' shards are in the middle of their turns.
    std::vector<std::jthread> others;
    for (int i = 0; i < 2; ++i) {
        others.emplace_back([noise = joined(broker, "noise" + std::to_string(i))](const std::stop_token& stop) mutable {
            while (!stop.stop_requested()) noise.send_publish("nobody", std::string(200, 'x'), QoS::at_most_once, 0);
        });
    }
    std::vector<TestClient> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(joined(broker, "client" + std::to_string(i)));
    int arrived = 0;
    constexpr int kRounds = 250;
    for (int round = 0; round < kRounds; ++round) {
        for (std::size_t i = 0; i < clients.size(); ++i) {
            auto& sub = clients[i];
            const auto filter = "t/" + std::to_string(round) + "/" + std::to_string(i);
            sub.subscribe(filter, QoS::at_most_once);
            for (auto& pub : clients) pub.send_publish(filter, "m", QoS::at_most_once, 0);
            for (std::size_t n = 0; n < clients.size(); ++n) arrived += sub.receive().topic == filter ? 1 : 0;
            sub.unsubscribe(filter);
        }
    }
    EXPECT_EQ(arrived, kRounds * 4 * 4);
}

// Every shard has a full inbox all the time, so each waits for the others' room and is waited for.
TEST(Shards, GoOnThroughEachOthersFullInboxesAndStopWhenAsked) {
    auto config = test_config(Mode::standard);
    config.shards = 4;
    config.settings.limits.inbox = 1;
    RunningBroker broker(config);
    constexpr int kClients = 12;
    constexpr int kEach = 400;
    std::latch all_in(kClients);
    std::atomic<int> arrived = 0;
    const auto play = [&](int self) {
        auto client = joined(broker, "c" + std::to_string(self));
        client.subscribe("to/" + std::to_string(self), QoS::at_least_once);
        all_in.arrive_and_wait();
        for (int i = 0; i < kEach; ++i) {
            for (const int to : {self + 1, self + 5})
                client.send_publish("to/" + std::to_string(to % kClients), "m", QoS::at_least_once,
                                    static_cast<mqtt::PacketId>(2 * i + (to == self + 1 ? 1 : 2)));
        }
        try {
            for (int i = 0; i < 2 * kEach; ++i) arrived += client.receive().payload == "m" ? 1 : 0;
        } catch (const std::exception& error) {
            ADD_FAILURE() << "client " << self << ": " << error.what();
        }
    };
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < kClients; ++i) clients.emplace_back(play, i);
    }
    EXPECT_EQ(arrived, 2 * kEach * kClients);
    EXPECT_GT(broker.counter("limit_inbox_total"), 0U);
    broker.stop();
}

}  // namespace
}  // namespace esl::broker::testing
