// What clients of several shards must not notice of there being several.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace esl::broker::testing
