// How rules publish inside the broker.
#pragma once

#include <functional>
#include <string>

#include "broker/core/message.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

struct OutsideMessage {
    std::string topic;
    Bytes payload;
    Bytes properties{};  // MQTT 5, as in a packet, without alias and expiry
    mqtt::QoS qos = mqtt::QoS::at_least_once;
    bool retain = false;
    bool online_only = false;  // P2P: nothing for a receiver that is away
    UnixMillis expires{};
};

// Thread-safe.
class Publisher {
public:
    // `stored`: false when the disk would not take what a persistent session is owed.
    using Told = std::function<void(bool stored, MessageId id)>;

    virtual ~Publisher() = default;
    // Refused by the rules that clients publish by; the error names topic, payload or retain. Otherwise `told` (it may
    // be empty) is called once, on a shard's thread, unless the broker stops before.
    [[nodiscard]] virtual Result<> publish(OutsideMessage message, Told told) = 0;
};

}  // namespace esl::broker
