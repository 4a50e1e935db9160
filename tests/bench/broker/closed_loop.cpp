#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/bench/broker/workloads.hpp"

namespace esl::bench {
namespace {

using Clock = std::chrono::steady_clock;
using mqtt::PacketType;
using mqtt::QoS;

struct Place {
    bool acknowledged = true;
    std::uint32_t owed = 0;  // deliveries still to come
};

// What a payload begins with.
struct Stamp {
    std::uint32_t publisher = 0;
    std::uint32_t place = 0;
};

}  // namespace

struct ClosedLoop::Part {
    Part(const Names& n, const Shape& s, std::size_t first_publisher, std::size_t publisher_count,
         std::size_t first_receiver, std::size_t receiver_count)
        : names(n), shape(s), fleet(n.port), payload(s.payload, 0x42) {
        std::vector<Join> joins;
        for (std::size_t i = 0; i < receiver_count; ++i) {
            const auto number = first_receiver + i;
            topics.push_back(shape.fan_out ? "bench/all" : names.to(number));
            const bool subscribe = shape.fan_out || !names.p2p;
            joins.push_back({names.client('r', number), true, subscribe ? topics.back() : std::string{}, shape.qos});
        }
        fleet.join_all(joins, true);
        joins.clear();
        for (std::size_t i = 0; i < publisher_count; ++i)
            joins.push_back({names.client('p', first_publisher + i), true, {}, 0});
        fleet.join_all(joins, false);
        for (auto& peer : fleet.peers()) {
            if (!peer->receiver) publishers.push_back(peer.get());
        }
        places.assign(publishers.size() * shape.in_flight, Place{});
    }

    void publish(std::uint32_t publisher, std::uint32_t place) {
        const Stamp stamp{publisher, place};
        std::memcpy(payload.data(), &stamp, sizeof stamp);
        // Any receiver, not the next one: several messages may meet at one, as they do in life.
        fleet.publish(*publishers[publisher], topics[random() % topics.size()], payload, shape.qos,
                      static_cast<mqtt::PacketId>(place + 1));
        places[publisher * shape.in_flight + place] = {
            .acknowledged = shape.qos == 0, .owed = shape.fan_out ? static_cast<std::uint32_t>(topics.size()) : 1};
    }

    void advance(std::uint32_t publisher, std::uint32_t place) {
        const auto& p = places[publisher * shape.in_flight + place];
        if (p.acknowledged && p.owed == 0) publish(publisher, place);
    }

    void on_message(Peer& peer, const mqtt::Frame& frame) {
        const auto packet = mqtt::decode_publish(frame, mqtt::ProtocolVersion::v311);
        if (!packet || packet->payload.size() < sizeof(Stamp)) throw std::runtime_error("a message that nobody sent");
        Stamp stamp;
        std::memcpy(&stamp, packet->payload.data(), sizeof stamp);
        if (packet->qos == QoS::at_least_once)
            mqtt::encode_ack(PacketType::puback, packet->packet_id, fleet.output(peer));
        if (packet->qos == QoS::exactly_once)
            mqtt::encode_ack(PacketType::pubrec, packet->packet_id, fleet.output(peer));
        auto& place = places[stamp.publisher * shape.in_flight + stamp.place];
        if (place.owed == 0) {
            ++strays;
            return;
        }
        ++delivered;
        --place.owed;
        advance(stamp.publisher, stamp.place);
    }

    void handle(Peer& peer, const mqtt::Frame& frame) {
        if (frame.type == PacketType::publish) return on_message(peer, frame);
        const auto ack = mqtt::decode_ack(frame, mqtt::ProtocolVersion::v311);
        if (!ack) throw std::runtime_error("an unexpected packet");
        if (peer.receiver) {  // PUBREL
            mqtt::encode_ack(PacketType::pubcomp, ack->packet_id, fleet.output(peer));
            return;
        }
        if (frame.type == PacketType::pubrec) {
            mqtt::encode_ack(PacketType::pubrel, ack->packet_id, fleet.output(peer));
            return;
        }
        const auto place = ack->packet_id - 1U;
        places[peer.index * shape.in_flight + place].acknowledged = true;
        advance(peer.index, place);
    }

    void run(double seconds) {
        const auto until = Clock::now() + std::chrono::duration<double>(seconds);
        if (!started) {
            started = true;
            for (std::uint32_t i = 0; i < publishers.size(); ++i) {
                for (std::uint32_t place = 0; place < shape.in_flight; ++place) publish(i, place);
            }
        }
        while (Clock::now() < until) {
            fleet.turn(std::chrono::milliseconds(100),
                       [this](Peer& peer, const mqtt::Frame& frame) { handle(peer, frame); });
        }
    }

    const Names names;
    const Shape shape;
    Fleet fleet;
    Bytes payload;
    std::vector<std::string> topics;
    std::vector<Peer*> publishers;
    std::vector<Place> places;  // publisher by publisher
    std::minstd_rand random;    // the same in every run
    std::uint64_t delivered = 0;
    std::uint64_t strays = 0;
    bool started = false;
};

ClosedLoop::ClosedLoop(const Names& names, const Shape& shape) {
    const auto share = [&](std::size_t all, unsigned part) { return all * part / shape.threads; };
    for (unsigned t = 0; t < shape.threads; ++t) {
        const auto publisher = share(shape.publishers, t);
        const auto receiver = share(shape.receivers, t);
        parts_.push_back(std::make_unique<Part>(names, shape, publisher, share(shape.publishers, t + 1) - publisher,
                                                receiver, share(shape.receivers, t + 1) - receiver));
    }
}

ClosedLoop::~ClosedLoop() = default;

std::uint64_t ClosedLoop::run(double seconds) {
    std::uint64_t before = 0;
    for (const auto& part : parts_) before += part->delivered;
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < parts_.size(); ++i)
            threads.emplace_back([part = parts_[i].get(), seconds] { part->run(seconds); });
        parts_.front()->run(seconds);
    }
    std::uint64_t after = 0;
    for (const auto& part : parts_) after += part->delivered;
    return after - before;
}

std::uint64_t ClosedLoop::strays() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part->strays;
    return sum;
}

}  // namespace esl::bench
