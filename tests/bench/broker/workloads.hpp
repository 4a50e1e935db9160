// What is measured. Every workload drives one running broker and says what it saw; CPU is the caller's to read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/broker/fleet.hpp"

namespace esl::bench {

// How the broker at `port` wants clients and topics to be called.
struct Names {
    std::uint16_t port = 0;
    std::string client_prefix;  // "GID_bench@@@", or nothing
    bool p2p = false;           // a receiver is reached by its client id, without a subscription

    [[nodiscard]] std::string client(char role, std::size_t i) const {
        return client_prefix + role + std::to_string(i);
    }
    // To receiver i alone.
    [[nodiscard]] std::string to(std::size_t i) const {
        return p2p ? "bench/p2p/" + client('r', i) : "bench/to/r" + std::to_string(i);
    }
};

struct Shape {
    std::size_t publishers = 100;
    std::size_t receivers = 1'000;
    unsigned in_flight = 10;  // of each publisher
    unsigned qos = 1;
    std::size_t payload = 200;  // at least 16
    bool fan_out = false;       // every message goes to every receiver, by one topic
    unsigned threads = 1;       // of the generator; publishers and receivers are dealt out to them
};

// Publishers keep their messages in flight; a place is free when its message is acknowledged and has reached everyone.
class ClosedLoop {
public:
    ClosedLoop(const Names& names, const Shape& shape);
    ~ClosedLoop();
    // Deliveries within this time. What is under way at its end is taken along into the next run.
    std::uint64_t run(double seconds);
    // Deliveries nobody waited for: the broker delivered something twice.
    [[nodiscard]] std::uint64_t strays() const;

private:
    struct Part;
    std::vector<std::unique_ptr<Part>> parts_;
};

// A fixed rate, one message to each receiver in turn. Milliseconds from send to receipt.
struct Latency {
    std::uint64_t delivered = 0;
    double p50 = 0;
    double p99 = 0;
};
[[nodiscard]] Latency paced(const Names& names, const Shape& shape, double messages_per_second, double seconds);

// Connect, be acknowledged, disconnect, be let go. How many did.
[[nodiscard]] std::uint64_t churn(const Names& names, double seconds);

// `count` clients with one subscription each, which then do nothing while `look` looks.
void idle(const Names& names, std::size_t count, const std::function<void()>& look);

// QoS 1 to persistent sessions that are away, then their return.
struct Offline {
    std::uint64_t accepted = 0;  // acknowledged while they were away
    double seconds = 0;
    double p50 = 0;  // milliseconds from PUBLISH (with a rate: from when it was due) to PUBACK
    double p99 = 0;
    double drain_rate = 0;  // messages a second once they come back
    std::uint64_t drained = 0;
};
// `rate` messages a second; 0: as fast as places become free. `accepted_all` is called between the two halves.
[[nodiscard]] Offline offline(const Names& names, const Shape& shape, double seconds, double rate,
                              const std::function<void()>& accepted_all);

// Reorders the values.
[[nodiscard]] double percentile(std::vector<double>& values, double part);

}  // namespace esl::bench
