// Clients that keep the rules of MQTT, a network that drops them, a broker that is killed and starts again on what was
// committed: whatever was acknowledged arrives, at QoS 2 exactly once, and of a shared subscription at one member. A
// message with a time of its own may be missing once that has passed, and never comes twice at QoS 2. Random by a
// printed seed, in virtual time. SHELFWIRE_LONG=1 takes some million steps.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "broker/tests/rig.hpp"

namespace esl::broker::testing {
namespace {

// A persistent client with its side of QoS 1 and 2, as the standard has it.
class Client {
public:
    Client(Rig& rig, std::string id, ProtocolVersion version, bool clean = false)
        : rig_(rig), id_(std::move(id)), version_(version), clean_(clean) {}

    [[nodiscard]] bool online() const { return session_ != nullptr; }
    [[nodiscard]] const std::string& id() const { return id_; }

    void connect() {
        link_ = std::make_unique<FakeLink>();
        link_->version = version_;
        mqtt::ConnectView packet;
        packet.version = version_;
        packet.client_id = id_;
        packet.clean_start = clean_;
        mqtt::Properties properties;
        if (version_ == ProtocolVersion::v5 && !clean_)
            properties.number(mqtt::PropertyId::session_expiry_interval, 1'000'000);
        packet.properties = properties;
        session_ = rig_.hub(id_).connect(*link_, packet);
        ASSERT_NE(session_, nullptr);
        // What is not finished is sent again, in order [MQTT-4.4.0-1].
        for (const auto& [pid, sent] : unfinished_) {
            if (sent.released) {
                send_ack(PacketType::pubrel, pid);
            } else {
                send_publish(pid, sent, true);
            }
        }
    }
    void subscribe(const std::string& filter, QoS qos) {
        Bytes bytes;
        const mqtt::SubscriptionView filters[] = {{.filter = filter, .qos = qos}};
        ASSERT_TRUE(mqtt::encode_subscribe(1, filters, {}, version_, bytes));
        feed(bytes);
    }
    // `expiry`: seconds; 0: none. MQTT 5 only.
    void publish(const std::string& topic, const std::string& payload, QoS qos, std::uint32_t expiry = 0) {
        while (unfinished_.contains(next_id_)) ++next_id_;
        const auto pid = next_id_++;
        if (next_id_ == 0) next_id_ = 1;
        const auto& sent =
            unfinished_[pid] = {.topic = topic, .payload = payload, .qos = qos, .expiry = expiry, .released = false};
        send_publish(pid, sent, false);
    }
    // Reads at most `most` of what the broker has sent.
    void read(std::size_t most) {
        if (!online()) return;
        for (auto& packet : link_->look()) inbox_.push_back(std::move(packet));
        for (; most > 0 && !inbox_.empty() && online(); --most) {
            const auto packet = std::move(inbox_.front());
            inbox_.pop_front();
            handle(packet);
        }
    }
    void drop() {
        if (!online()) return;
        rig_.hub(id_).lost(*session_, CloseCause::socket_error);
        forget_link();
    }
    // The broker is gone: there is nobody to tell.
    void forget_link() {
        session_ = nullptr;
        link_.reset();
        inbox_.clear();
        if (clean_) open_.clear();
    }
    [[nodiscard]] bool idle() const { return unfinished_.empty() && inbox_.empty(); }

    std::set<std::string> acknowledged;
    std::map<std::string, int> received;

private:
    struct Sent {
        std::string topic;
        std::string payload;
        QoS qos{};
        std::uint32_t expiry = 0;
        bool released = false;
    };

    void send_publish(mqtt::PacketId pid, const Sent& sent, bool dup) {
        Bytes bytes;
        mqtt::Properties properties;
        if (sent.expiry != 0) properties.number(mqtt::PropertyId::message_expiry_interval, sent.expiry);
        ASSERT_TRUE(mqtt::encode_publish({.topic = sent.topic,
                                          .payload = as_bytes(sent.payload),
                                          .properties = properties,
                                          .packet_id = pid,
                                          .qos = sent.qos,
                                          .retain = false,
                                          .dup = dup},
                                         version_, bytes));
        feed(bytes);
    }
    void send_ack(PacketType type, mqtt::PacketId pid) {
        Bytes bytes;
        mqtt::encode_ack(type, pid, bytes);
        feed(bytes);
    }
    void feed(BytesView bytes) {
        if (!online()) return;
        const auto unframed = mqtt::unframe(bytes, 1UL << 24);
        ASSERT_TRUE(unframed && unframed->complete());
        if (!rig_.hub(id_).packet(*session_, unframed->frame)) {
            ADD_FAILURE() << id_ << " was closed though it kept the rules";
            forget_link();
        }
    }
    void handle(const Packet& packet) {
        switch (packet.type) {
            case PacketType::publish:
                if (packet.qos == QoS::at_least_once) {
                    ++received[packet.payload];
                    send_ack(PacketType::puback, packet.id);
                } else if (packet.qos == QoS::exactly_once) {
                    if (open_.insert(packet.id).second) ++received[packet.payload];
                    send_ack(PacketType::pubrec, packet.id);
                }
                break;
            case PacketType::pubrel:
                open_.erase(packet.id);
                send_ack(PacketType::pubcomp, packet.id);
                break;
            case PacketType::puback:
                if (const auto at = unfinished_.find(packet.id); at != unfinished_.end()) {
                    acknowledged.insert(at->second.payload);
                    unfinished_.erase(at);
                }
                break;
            case PacketType::pubrec:
                if (const auto at = unfinished_.find(packet.id); at != unfinished_.end()) {
                    acknowledged.insert(at->second.payload);
                    at->second.released = true;
                }
                send_ack(PacketType::pubrel, packet.id);
                break;
            case PacketType::pubcomp:
                unfinished_.erase(packet.id);
                break;
            default:
                break;
        }
    }

    Rig& rig_;
    std::string id_;
    ProtocolVersion version_;
    bool clean_;
    std::unique_ptr<FakeLink> link_;
    Session* session_ = nullptr;
    std::deque<Packet> inbox_;
    std::map<mqtt::PacketId, Sent> unfinished_;
    std::set<mqtt::PacketId> open_;  // QoS 2 ids between PUBLISH and PUBREL
    mqtt::PacketId next_id_ = 1;
};

class World {
public:
    World(std::uint32_t seed, ShardId shards) : random_(seed), rig_(settings(), shards) {
        for (int i = 0; i < 4; ++i) {
            const auto version = i % 2 == 0 ? ProtocolVersion::v311 : ProtocolVersion::v5;
            subs_.emplace_back(rig_, std::to_string(i) + "sub", version);
            pubs_.emplace_back(rig_, std::to_string(i) + "pub", version);
        }
        for (auto& sub : subs_) {
            sub.connect();
            // Two at QoS 2, two at QoS 1.
            sub.subscribe("t/+", sub.id()[0] < '2' ? QoS::exactly_once : QoS::at_least_once);
        }
        // Members of one shared subscription that stay, and one of another that comes and goes with its session.
        for (int i = 0; i < 3; ++i) {
            const auto version = i % 2 == 0 ? ProtocolVersion::v5 : ProtocolVersion::v311;
            auto& member = members_.emplace_back(rig_, std::to_string(i) + "member", version);
            member.connect();
            member.subscribe("$share/g/s/+", QoS::exactly_once);
            member.subscribe("$share/h/u/+", QoS::exactly_once);
        }
        passing_.emplace_back(rig_, "1passing", ProtocolVersion::v5, true);
        rig_.settle();
    }

    void step() {
        ++steps_;
        const auto dice = pick(100);
        auto& pub = pubs_[pick(pubs_.size())];
        auto& any = one_of_all(pub);
        if (dice < 30) {
            if (pub.online()) publish(pub);
        } else if (dice < 60) {
            any.read(1 + pick(4));
        } else if (dice < 75) {
            rig_.turn();
        } else if (dice < 87) {
            rig_.store.commit();
        } else if (dice < 93) {
            if (!any.online()) {
                any.connect();
                if (&any == &passing_.front()) any.subscribe("$share/h/u/+", QoS::exactly_once);
            }
        } else if (dice < 97) {
            any.drop();
        } else if (dice < 99) {
            rig_.clock.advance(std::chrono::seconds(1));
            for (ShardId i = 0; i < rig_.count; ++i) rig_.hub(std::to_string(i)).tick();
        } else if (pick(5) == 0) {
            kill();
        }
    }

    // Everyone comes back and everything is seen through to its end.
    void calm() {
        for (int round = 0; round < 10'000; ++round) {
            bool idle = true;
            if (passing_.front().online()) passing_.front().drop();
            for (auto* group : {&subs_, &pubs_, &members_}) {
                for (auto& client : *group) {
                    if (!client.online()) client.connect();
                    client.read(1'000);
                    idle = idle && client.idle();
                }
            }
            rig_.settle();
            if (idle && rig_.counter(&Counters::queued_messages) == 0) return;
        }
        ADD_FAILURE() << "no end: " << rig_.counter(&Counters::queued_messages) << " messages still wait";
    }

    void check() {
        for (const auto& [payload, sent] : published_) {
            const bool acknowledged =
                std::ranges::any_of(pubs_, [&](const Client& c) { return c.acknowledged.contains(payload); });
            ASSERT_TRUE(acknowledged) << payload;  // calm() has seen all through
            if (sent.way == Way::shared || sent.way == Way::shared_with_passing) {
                check_shared(payload, sent);
                continue;
            }
            for (auto& sub : subs_) check_one(payload, sent, sub);
        }
        for (const auto& sub : subs_) {
            for (const auto& [payload, times] : sub.received) EXPECT_TRUE(published_.contains(payload)) << payload;
        }
    }
    [[nodiscard]] std::size_t steps() const { return steps_; }
    [[nodiscard]] std::size_t published() const { return published_.size(); }
    [[nodiscard]] int kills() const { return kills_; }

private:
    static Settings settings() {
        auto s = Settings::defaults(Mode::standard);
        s.p2p = true;
        s.limits.in_flight = 5;
        s.limits.in_flight_p2p = 3;
        return s;
    }
    enum class Way { all, direct, shared, shared_with_passing };
    struct Published {
        Way way = Way::all;
        std::string direct;  // whom it is for
        bool expires = false;
    };
    std::size_t pick(std::size_t below) { return random_() % below; }
    Client& one_of_all(Client& pub) {
        switch (pick(8)) {
            case 0:
            case 1:
            case 2:
                return subs_[pick(subs_.size())];
            case 3:
            case 4:
                return members_[pick(members_.size())];
            case 5:
                return passing_.front();
            default:
                return pub;
        }
    }
    static int times(Client& client, const std::string& payload) {
        return client.received.contains(payload) ? client.received[payload] : 0;
    }
    void check_one(const std::string& payload, const Published& sent, Client& sub) {
        const auto count = times(sub, payload);
        const bool exactly = payload[0] == '2' && (sent.way == Way::direct || sub.id()[0] < '2');
        if (sent.way == Way::direct && sent.direct != sub.id()) {
            EXPECT_EQ(count, 0) << payload << " at " << sub.id();
            return;
        }
        if (!sent.expires) EXPECT_GE(count, 1) << payload << " at " << sub.id();
        if (exactly) EXPECT_LE(count, 1) << payload << " at " << sub.id();
    }
    // One of the members that stay. What went to the one whose session ends need not have come to them.
    void check_shared(const std::string& payload, const Published& sent) {
        int count = 0;
        for (auto& member : members_) count += times(member, payload);
        if (sent.way == Way::shared && !sent.expires) EXPECT_GE(count, 1) << payload;
        if (payload[0] == '2') EXPECT_LE(count, 1) << payload;
        for (auto& sub : subs_) EXPECT_EQ(times(sub, payload), 0) << payload;
    }
    void publish(Client& pub) {
        const auto qos = pick(2) == 0 ? QoS::at_least_once : QoS::exactly_once;
        const auto payload =
            (qos == QoS::exactly_once ? "2-" : "1-") + pub.id() + "-" + std::to_string(published_.size());
        const bool v5 = pub.id()[0] % 2 == 1;
        Published sent{.way = Way::all, .direct = {}, .expires = v5 && pick(6) == 0};
        std::string topic = "t/" + std::to_string(pick(3));
        switch (pick(6)) {
            case 0:
            case 1:
                sent.way = Way::direct;
                sent.direct = subs_[pick(subs_.size())].id();
                topic = "esl/p2p/" + sent.direct;
                break;
            case 2:
                sent.way = Way::shared;
                topic = "s/x";
                break;
            case 3:
                sent.way = Way::shared_with_passing;
                topic = "u/x";
                break;
            default:
                break;
        }
        published_[payload] = sent;
        pub.publish(topic, payload, qos, sent.expires ? static_cast<std::uint32_t>(1 + pick(3)) : 0);
    }
    void kill() {
        ++kills_;
        for (auto* group : {&subs_, &pubs_, &members_}) {
            for (auto& client : *group) client.forget_link();
        }
        passing_.front().forget_link();
        rig_.restart();
    }

    std::mt19937 random_;
    Rig rig_;
    std::deque<Client> subs_;
    std::deque<Client> pubs_;
    std::deque<Client> members_;
    std::deque<Client> passing_;
    std::map<std::string, Published> published_;  // by payload
    std::size_t steps_ = 0;
    int kills_ = 0;
};

class SessionProperty : public ::testing::TestWithParam<ShardId> {};

TEST_P(SessionProperty, WhatIsAcknowledgedArrivesAndAtQos2ExactlyOnce) {
    const auto base = std::random_device{}();
    const std::uint32_t runs = std::getenv("SHELFWIRE_LONG") != nullptr ? 1'000 : 20;
    int kills = 0;
    std::size_t published = 0;
    std::size_t steps = 0;
    const auto from = std::chrono::steady_clock::now();
    for (std::uint32_t run = 0; run < runs && !::testing::Test::HasFailure(); ++run) {
        const auto seed = base + run;
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world(seed, GetParam());
        for (int i = 0; i < 1'500; ++i) world.step();
        world.calm();
        world.check();
        kills += world.kills();
        published += world.published();
        steps += world.steps();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    std::cout << steps << " steps, " << published << " messages, " << kills << " kills; "
              << static_cast<long>(static_cast<double>(steps) / took.count()) << " steps a second\n";
    EXPECT_GT(kills, 0);
    EXPECT_GT(published, 1'000U);
}

INSTANTIATE_TEST_SUITE_P(Shards, SessionProperty, ::testing::Values(1U, 3U),
                         [](const auto& info) { return std::to_string(info.param) + "shards"; });

}  // namespace
}  // namespace esl::broker::testing
