// A small MQTT client on the codec for tests: blocking, with deadlines, and free to break the rules.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/tests/test_wire.hpp"
#include "common/core/bytes.hpp"
#include "common/mqtt/packet/any.hpp"

namespace esl::broker::testing {

struct ConnectOptions {
    std::string client_id{};
    bool clean = true;
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v311;
    std::uint16_t keep_alive = 60;
    std::optional<std::string> user{};
    std::optional<std::string> password{};
    mqtt::Properties properties{};
    std::optional<std::string> will_topic{};
    std::string will_payload = "will";
    bool will_retain = false;
    mqtt::QoS will_qos = mqtt::QoS::at_least_once;
    mqtt::Properties will_properties{};
};

struct Connack {
    mqtt::ReasonCode reason{};
    bool session_present = false;
    Bytes properties;
    [[nodiscard]] std::optional<std::uint32_t> number(mqtt::PropertyId id) const {
        return mqtt::PropertiesView(properties).number(id);
    }
};

struct Received {
    std::string topic;
    std::string payload;
    mqtt::QoS qos{};
    bool retain = false;
    bool dup = false;
    mqtt::PacketId packet_id = 0;
    Bytes properties;
};

// A packet that is neither PUBLISH nor an automatic answer.
struct Control {
    mqtt::PacketType type{};
    mqtt::PacketId packet_id = 0;
    mqtt::ReasonCode reason{};
    std::vector<mqtt::ReasonCode> reasons;  // of SUBACK
    Bytes properties = {};                  // of DISCONNECT
};

class TestClient {
public:
    // By the transport that SHELFWIRE_TEST_TRANSPORT names.
    explicit TestClient(std::uint16_t port) : TestClient(connect_by(test_transport(), port)) {}
    explicit TestClient(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {}

    // Everything below that waits throws std::runtime_error after ten seconds.
    Connack connect(const ConnectOptions& options);
    void send_connect(const ConnectOptions& options);  // and expect_connack() later
    std::vector<mqtt::ReasonCode> subscribe(const std::string& filter, mqtt::QoS qos, mqtt::SubscriptionView more = {},
                                            std::uint32_t id = 0);
    void unsubscribe(const std::string& filter);
    // Waits for the acknowledgement (QoS 2: to the end) and gives its reason.
    mqtt::ReasonCode publish(const std::string& topic, const std::string& payload, mqtt::QoS qos, bool retain = false,
                             const mqtt::Properties& properties = {});
    void send_publish(const std::string& topic, const std::string& payload, mqtt::QoS qos, mqtt::PacketId id,
                      bool dup = false);
    void send_ack(mqtt::PacketType type, mqtt::PacketId id);
    // The next PUBLISH; acknowledged to the end, unless told not to.
    Received receive(bool acknowledge = true);
    // The next packet of this type, with PUBLISHes kept for receive().
    Control expect(mqtt::PacketType type);
    // Nothing but what was received already: pings, and looks at what comes before the answer.
    [[nodiscard]] bool nothing_waits();
    void disconnect(mqtt::DisconnectView packet = {});
    void drop();  // closes the socket without a word
    // True when the broker closes within the deadline.
    [[nodiscard]] bool closed_by_broker() { return closed_within(std::chrono::seconds(10)); }
    [[nodiscard]] bool closed_within(std::chrono::milliseconds time);
    [[nodiscard]] const std::optional<Connack>& connack() const { return connack_; }
    // For a CONNECT that was sent as bytes.
    void speak(mqtt::ProtocolVersion version) { version_ = version; }
    Connack expect_connack();
    // Of all acknowledgements that have come and nobody has asked for.
    [[nodiscard]] std::vector<mqtt::ReasonCode> acknowledged_reasons() const;
    void send(BytesView bytes) { wire_->send(bytes); }
    [[nodiscard]] std::size_t waiting() const { return publishes_.size(); }

private:
    // Reads one packet; false when the broker has closed.
    bool read_packet(std::chrono::steady_clock::time_point deadline);
    void handle(const mqtt::Frame& frame);
    void need_packet();

    std::unique_ptr<Wire> wire_;  // null: dropped
    mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::v311;
    Bytes in_;
    std::deque<Received> publishes_;
    std::deque<Control> controls_;
    std::optional<Connack> connack_;
    mqtt::PacketId next_id_ = 1;
};

}  // namespace esl::broker::testing
