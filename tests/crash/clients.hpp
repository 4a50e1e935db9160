// The clients of the crash test: persistent sessions that keep their side of MQTT through every crash of the broker,
// all on one thread. A client's own state (packet ids, what it has received at QoS 2) survives, as on a device that
// stays up.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/mqtt/packet/any.hpp"
#include "tests/crash/ledger.hpp"

namespace esl::crash {

class Client {
public:
    Client(std::string id, mqtt::ProtocolVersion version) : id_(std::move(id)), version_(version) {}
    virtual ~Client();
    Client(const Client&) = delete;

    void connect_to(std::uint16_t port);
    void drop();  // without a word
    [[nodiscard]] bool connected() const { return fd_ >= 0; }
    [[nodiscard]] bool ready() const { return ready_; }  // CONNACK is here
    [[nodiscard]] int fd() const { return fd_; }
    // Reads what is there and answers it.
    void on_readable(Ledger& ledger);
    void flush();
    [[nodiscard]] bool wants_to_write() const { return !out_.empty(); }
    [[nodiscard]] std::size_t received() const { return received_; }  // packets, over all

protected:
    virtual void on_ready(Ledger& ledger, bool session_present) = 0;
    virtual void on_packet(Ledger& ledger, const mqtt::AnyPacket& packet) = 0;
    void send_ack(mqtt::PacketType type, mqtt::PacketId id) { mqtt::encode_ack(type, id, out_); }

    std::string id_;
    mqtt::ProtocolVersion version_;
    Bytes out_;
    bool known_ = false;  // has had a session

private:
    int fd_ = -1;
    bool ready_ = false;
    Bytes in_;
    std::size_t received_ = 0;
};

class Publisher final : public Client {
public:
    Publisher(std::uint32_t number, mqtt::ProtocolVersion version, std::size_t topics, std::uint32_t seed)
        : Client("pub-" + std::to_string(number), version), number_(number), topics_(topics), random_(seed) {}
    // Fills its window with new messages.
    void publish(Ledger& ledger);
    [[nodiscard]] bool idle() const { return open_.empty(); }

private:
    struct Open {
        mqtt::PacketId id;
        mqtt::QoS qos;
        bool released;  // PUBREC has come
        std::size_t topic;
        std::uint32_t number;
    };
    void on_ready(Ledger& ledger, bool session_present) override;
    void on_packet(Ledger& ledger, const mqtt::AnyPacket& packet) override;
    void write(const Open& message, bool again);

    std::uint32_t number_;
    std::size_t topics_;
    std::minstd_rand random_;
    std::deque<Open> open_;  // in the order of sending
    mqtt::PacketId next_id_ = 1;
};

class Subscriber final : public Client {
public:
    Subscriber(std::size_t number, std::size_t topic, mqtt::QoS qos, mqtt::ProtocolVersion version)
        : Client("sub-" + std::to_string(number), version), number_(number), topic_(topic), qos_(qos) {}
    [[nodiscard]] bool subscribed() const { return subscribed_; }
    [[nodiscard]] std::size_t topic() const { return topic_; }
    [[nodiscard]] std::size_t number() const { return number_; }

private:
    void on_ready(Ledger& ledger, bool session_present) override;
    void on_packet(Ledger& ledger, const mqtt::AnyPacket& packet) override;

    std::size_t number_;
    std::size_t topic_;
    mqtt::QoS qos_;
    bool subscribed_ = false;
    std::set<mqtt::PacketId> received_;  // QoS 2, between PUBLISH and PUBREL
};

// Serves the clients for a moment: waits at most `wait` for something to come.
void serve(const std::vector<std::unique_ptr<Client>>& clients, Ledger& ledger, std::chrono::milliseconds wait);

}  // namespace esl::crash
