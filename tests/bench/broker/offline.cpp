// QoS 1 to persistent sessions that are away, then their return.
#include <algorithm>
#include <chrono>
#include <deque>
#include <stdexcept>

#include "tests/bench/broker/workloads.hpp"

namespace esl::bench {
namespace {

using Clock = std::chrono::steady_clock;
using mqtt::PacketType;
using mqtt::QoS;

double since(Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
}

// Sessions that have subscribed and left.
std::vector<Join> absent_sessions(const Names& names, std::size_t count) {
    std::vector<Join> joins;
    for (std::size_t i = 0; i < count; ++i)
        joins.push_back({names.client('o', i), false, "bench/o/" + std::to_string(i), 1});
    Fleet fleet(names.port);
    fleet.join_all(joins, true);
    fleet.leave_all();
    return joins;
}

// Publishers with a number of places each; a place is free when its message is acknowledged.
class Publishers {
public:
    Publishers(const Names& names, const Shape& shape, const std::vector<Join>& receivers)
        : shape_(shape), receivers_(receivers), fleet_(names.port), payload_(shape.payload, 0x42) {
        std::vector<Join> joins;
        for (std::size_t i = 0; i < shape.publishers; ++i) joins.push_back({names.client('p', i), true, {}, 0});
        fleet_.join_all(joins, false);
        for (unsigned place = 0; place < shape.in_flight; ++place) {
            for (auto& peer : fleet_.peers()) free_.push_back({peer.get(), place});
        }
        due_.resize(shape.publishers * shape.in_flight);
    }

    // As fast as places become free (rate 0), or as the clock says: a message that has to wait for its place or for the
    // generator waits from when it was due.
    void run(double seconds, double rate) {
        const auto from = Clock::now();
        for (bool on = true; on || free_.size() < due_.size();) {
            on = since(from) < seconds;
            for (; on && !free_.empty(); ++sent_) {
                auto due = Clock::now();
                if (rate > 0) {
                    const auto at = from + std::chrono::duration_cast<Clock::duration>(
                                               std::chrono::duration<double>(static_cast<double>(sent_) / rate));
                    if (at > due) break;
                    due = at;
                }
                publish(due);
            }
            fleet_.turn(std::chrono::microseconds(rate > 0 && on ? 200 : 100'000),
                        [&](Peer& peer, const mqtt::Frame& frame) { acknowledged(peer, frame); });
        }
        seconds_ = since(from);
    }

    [[nodiscard]] std::vector<double>& waits() { return waits_; }
    [[nodiscard]] double seconds() const { return seconds_; }

private:
    struct Place {
        Peer* peer;
        unsigned number;
    };

    void publish(Clock::time_point due) {
        const auto [peer, place] = free_.front();
        free_.pop_front();
        due_[peer->index * shape_.in_flight + place] = due;
        fleet_.publish(*peer, receivers_[sent_ % receivers_.size()].filter, payload_, 1,
                       static_cast<mqtt::PacketId>(place + 1));
    }

    void acknowledged(Peer& peer, const mqtt::Frame& frame) {
        const auto ack = mqtt::decode_ack(frame, mqtt::ProtocolVersion::v311);
        if (!ack || frame.type != PacketType::puback) throw std::runtime_error("an unexpected packet");
        const auto place = ack->packet_id - 1U;
        waits_.push_back(since(due_[peer.index * shape_.in_flight + place]) * 1e3);
        free_.push_back({&peer, place});
    }

    Shape shape_;
    const std::vector<Join>& receivers_;
    Fleet fleet_;
    Bytes payload_;
    std::deque<Place> free_;
    std::vector<Clock::time_point> due_;  // by publisher and place
    std::vector<double> waits_;           // milliseconds
    std::uint64_t sent_ = 0;
    double seconds_ = 0;
};

}  // namespace

Offline offline(const Names& names, const Shape& shape, double seconds, double rate,
                const std::function<void()>& accepted_all) {
    auto joins = absent_sessions(names, shape.receivers);
    Offline out;
    Publishers publishers(names, shape, joins);
    publishers.run(seconds, rate);
    out.accepted = publishers.waits().size();
    out.seconds = publishers.seconds();
    out.p50 = percentile(publishers.waits(), 0.5);
    out.p99 = percentile(publishers.waits(), 0.99);
    accepted_all();

    for (auto& join : joins) join.filter.clear();
    Fleet back(names.port);
    const auto began = Clock::now();
    back.join_all(joins, true);
    while (out.drained < out.accepted && since(began) < 120) {
        back.turn(std::chrono::milliseconds(100), [&](Peer& peer, const mqtt::Frame& frame) {
            if (frame.type != PacketType::publish) return;
            const auto packet = mqtt::decode_publish(frame, mqtt::ProtocolVersion::v311);
            if (!packet) throw std::runtime_error("a message that nobody sent");
            ++out.drained;
            if (packet->qos == QoS::at_least_once)
                mqtt::encode_ack(PacketType::puback, packet->packet_id, back.output(peer));
        });
    }
    out.drain_rate = static_cast<double>(out.drained) / since(began);
    return out;
}

}  // namespace esl::bench
