// A broker in standard mode and clients of it, for tests over sockets.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"

namespace esl::broker::testing {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

inline constexpr auto kQos0 = QoS::at_most_once;
inline constexpr auto kQos1 = QoS::at_least_once;
inline constexpr auto kQos2 = QoS::exactly_once;

class StandardBroker : public ::testing::Test {
protected:
    explicit StandardBroker(Config config = test_config(Mode::standard)) : broker_(std::move(config)) {}
    TestClient client(ConnectOptions options) {
        TestClient c(broker_.port());
        const auto answer = c.connect(options);
        EXPECT_EQ(answer.reason, ReasonCode::success) << mqtt::name(answer.reason);
        return c;
    }
    TestClient client(std::string id, bool clean = true, ProtocolVersion version = ProtocolVersion::v311) {
        ConnectOptions options;
        options.client_id = std::move(id);
        options.clean = clean;
        options.version = version;
        if (!clean && version == ProtocolVersion::v5)
            options.properties.number(PropertyId::session_expiry_interval, 1'000);
        return client(std::move(options));
    }
    RunningBroker broker_;
};

}  // namespace esl::broker::testing
