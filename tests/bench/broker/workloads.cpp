#include "tests/bench/broker/workloads.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace esl::bench {
namespace {

using Clock = std::chrono::steady_clock;
using mqtt::PacketType;
using mqtt::QoS;

constexpr std::size_t kChurnBatch = 200;

double since(Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
}

std::vector<Join> clients(const Names& names, char role, std::size_t count) {
    std::vector<Join> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back({names.client(role, i), true, {}, 0});
    return out;
}

void acknowledge(Fleet& fleet, Peer& peer, const mqtt::PublishView& packet) {
    if (packet.qos == QoS::at_least_once) mqtt::encode_ack(PacketType::puback, packet.packet_id, fleet.output(peer));
}

}  // namespace

double percentile(std::vector<double>& values, double part) {
    if (values.empty()) return 0;
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
    return values[at];
}

Latency paced(const Names& names, const Shape& shape, double messages_per_second, double seconds) {
    Fleet fleet(names.port);
    auto joins = clients(names, 'r', shape.receivers);
    for (std::size_t i = 0; i < joins.size() && !names.p2p; ++i) {
        joins[i].filter = names.to(i);
        joins[i].qos = shape.qos;
    }
    fleet.join_all(joins, true);
    fleet.join_all(clients(names, 'p', shape.publishers), false);
    std::vector<Peer*> publishers;
    for (auto& peer : fleet.peers()) {
        if (!peer->receiver) publishers.push_back(peer.get());
    }
    std::vector<double> waits;
    Bytes payload(shape.payload, 0x42);
    const auto from = Clock::now();
    const auto total = static_cast<std::uint64_t>(messages_per_second * seconds);
    std::uint64_t sent = 0;
    const auto last = from + std::chrono::duration<double>(seconds + 5);  // for stragglers
    while (waits.size() < total && Clock::now() < last) {
        const auto due = [&](std::uint64_t n) {
            return from + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(static_cast<double>(n) / messages_per_second));
        };
        while (sent < total && Clock::now() >= due(sent)) {
            const auto now = Clock::now().time_since_epoch().count();
            std::memcpy(payload.data(), &now, sizeof now);
            const auto id = static_cast<mqtt::PacketId>(sent / publishers.size() % 60'000 + 1);
            fleet.publish(*publishers[sent % publishers.size()], names.to(sent % shape.receivers), payload, shape.qos,
                          id);
            ++sent;
        }
        const auto wait = sent < total ? std::max(Clock::duration::zero(), due(sent) - Clock::now())
                                       : Clock::duration(std::chrono::milliseconds(10));
        fleet.turn(wait, [&](Peer& peer, const mqtt::Frame& frame) {
            if (frame.type != PacketType::publish) return;
            const auto packet = mqtt::decode_publish(frame, mqtt::ProtocolVersion::v311);
            if (!packet) throw std::runtime_error("a message that nobody sent");
            Clock::rep then = 0;
            std::memcpy(&then, packet->payload.data(), sizeof then);
            const Clock::duration took(Clock::now().time_since_epoch().count() - then);
            waits.push_back(std::chrono::duration<double, std::milli>(took).count());
            acknowledge(fleet, peer, *packet);
        });
    }
    if (waits.size() < total) throw std::runtime_error("messages do not arrive");
    return {.delivered = waits.size(), .p50 = percentile(waits, 0.5), .p99 = percentile(waits, 0.99)};
}

std::uint64_t churn(const Names& names, double seconds) {
    Fleet fleet(names.port);
    const auto joins = clients(names, 'c', kChurnBatch);
    const auto from = Clock::now();
    std::uint64_t done = 0;
    while (since(from) < seconds) {
        fleet.join_all(joins, true);
        fleet.leave_all();
        done += kChurnBatch;
    }
    return done;
}

void idle(const Names& names, std::size_t count, const std::function<void()>& look) {
    Fleet fleet(names.port);
    auto joins = clients(names, 'i', count);
    for (std::size_t i = 0; i < count; ++i) joins[i].filter = "bench/i/" + std::to_string(i);
    fleet.join_all(joins, true);
    look();
}

}  // namespace esl::bench
