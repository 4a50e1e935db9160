// What the broker says of itself on `$SYS/broker/...`, by the names that Mosquitto uses. Shard-bound: one shard speaks
// for all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "broker/core/counters.hpp"

namespace esl::broker {

// The counters that the topics are made of, summed over the shards.
struct SystemTotals {
    std::uint64_t connections = 0, sessions = 0, subscriptions = 0, shared_subscriptions = 0, retained = 0, queued = 0;
    std::uint64_t publishes_received = 0, publishes_sent = 0, publishes_dropped = 0, bytes_received = 0, bytes_sent = 0,
                  connects = 0, expired = 0;

    void add(const Counters& of_a_shard);
};

class SystemTopics {
public:
    using Say = std::function<void(std::string_view topic, const std::string& value)>;

    // Calls `say` for every topic whose value is not what it said before. `elapsed`: since the last call; `uptime`: of
    // the broker.
    void update(const SystemTotals& now, std::chrono::seconds elapsed, std::chrono::seconds uptime, const Say& say);

private:
    // Per minute, damped over 1, 5 and 15 minutes.
    struct Load {
        std::uint64_t before = 0;
        double average[3] = {};
    };
    void say_changed(std::string_view topic, std::string value, const Say& say);
    void say_load(std::string_view name, std::uint64_t now, std::chrono::seconds elapsed, const Say& say);

    std::map<std::string, std::string, std::less<>> said_;
    std::map<std::string, Load, std::less<>> loads_;
    std::uint64_t most_connections_ = 0;
};

}  // namespace esl::broker
