// A closed-loop MQTT load on one thread: publishers with a fixed number of messages in flight, receivers that
// acknowledge.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace esl::bench {

struct LoadOptions {
    std::uint16_t port = 0;
    unsigned publishers = 100;
    unsigned in_flight = 10;  // per publisher; a place is free when the message is acknowledged and delivered
    unsigned receivers = 1'000;
    unsigned qos = 1;
    std::size_t payload = 200;  // at least 8
    std::function<std::string(unsigned)> receiver_id;
    std::function<std::string(unsigned)> publisher_id;
    std::function<std::string(unsigned)> topic;  // to reach a receiver
    bool subscribe = false;                      // receivers subscribe to their topic; P2P needs no subscription
};

class BrokerLoad {
public:
    // Connects everyone; throws std::runtime_error with what failed.
    explicit BrokerLoad(const LoadOptions& options);
    ~BrokerLoad();
    // Runs the loop for this long and gives how many messages were delivered in it.
    std::uint64_t run(double seconds);
    // Messages seen out of a publisher's places: delivered twice, or to nobody who waits.
    [[nodiscard]] std::uint64_t strays() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::bench
