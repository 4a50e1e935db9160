// An MQTT client that only receives, without I/O: bytes of another broker in, bytes for it out. What it receives is
// acknowledged when the owner says that it is stored, not before.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"
#include "common/mqtt/packet/any.hpp"

namespace esl::broker {

enum class SourceError {
    refused,   // the connection or the subscription, by the other broker
    ended,     // the connection, by the other broker or on the way
    protocol,  // it sent what it must not send
    silent,    // no answer in time
    unstored,  // this broker's store does not take a message now
};
constexpr std::string_view describe(SourceError e) {
    switch (e) {
        case SourceError::refused:
            return "refused";
        case SourceError::ended:
            return "the connection has ended";
        case SourceError::protocol:
            return "the other broker breaks the protocol";
        case SourceError::silent:
            return "no answer";
        case SourceError::unstored:
            return "the message store cannot write; the other broker keeps what comes";
    }
    return "source error";
}

struct SourceOptions {
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v311;
    std::string client_id{};
    std::string user{};  // empty: neither user name nor password
    std::string password{};
    std::string filter{};  // subscribed to at QoS 1
    std::chrono::seconds keep_alive{60};
};

// One session at the other broker, over as many connections as it takes. For one thread.
//
// Outlives connections: packet ids that are not answered to the end. What comes again under such an id, in the same
// session, is the same message and is not handed over twice; with the process that knowledge goes.
class SourceSession {
public:
    // Messages that may be under way to the store, and the Receive Maximum of MQTT 5.
    static constexpr std::size_t kWindow = 64;
    // For CONNACK, SUBACK and PINGRESP.
    static constexpr std::chrono::seconds kAnswerWithin{10};

    // Takes a message, of which the packet is valid during the call, and answers with stored() or not_stored() under
    // the same ticket, now or later.
    using Take = std::function<void(std::uint64_t ticket, const mqtt::PublishView&)>;

    SourceSession(SourceOptions options, Take take) : options_(std::move(options)), take_(std::move(take)) {}

    // On a new connection: what was left of the one before is forgotten, CONNECT is in output().
    void connect(SteadyTime now);
    // An error ends the connection; what output() has then goes out first, as far as it can. While full(), the rest
    // waits here: call again, without bytes if there are none, when it no longer is.
    [[nodiscard]] Result<> receive(BytesView bytes, SteadyTime now);
    void stored(std::uint64_t ticket);
    // The message is forgotten, to be taken when it comes again. True: that is not before this connection has ended.
    [[nodiscard]] bool not_stored(std::uint64_t ticket);
    // To be called at due(): PINGREQ, or SourceError::silent.
    [[nodiscard]] Result<> tick(SteadyTime now);
    [[nodiscard]] SteadyTime due() const { return due_; }
    // The connection is gone: nothing more is put into output() before the next.
    void lost() { phase_ = Phase::closed; }
    // The last packet of a connection.
    void disconnect(mqtt::ReasonCode reason = mqtt::ReasonCode::success);

    // What is to be sent; the owner takes off the front what it has sent.
    [[nodiscard]] Bytes& output() { return output_; }
    [[nodiscard]] bool full() const { return under_way_.size() >= kWindow; }
    // The subscription stands, on this connection.
    [[nodiscard]] bool subscribed() const { return phase_ == Phase::subscribed; }
    [[nodiscard]] mqtt::QoS granted() const { return granted_; }

private:
    enum class Phase { closed, connecting, subscribing, subscribed };
    struct Incoming {
        std::uint64_t ticket = 0;
        mqtt::QoS qos{};
        bool stored = false;
        bool received = false;         // QoS 2: PUBREC is out, PUBREL is to come
        std::uint64_t connection = 0;  // on which it came last
    };

    [[nodiscard]] Result<> packet(const mqtt::Frame& frame, SteadyTime now);
    [[nodiscard]] Result<> connack(const mqtt::ConnackView& packet, SteadyTime now);
    [[nodiscard]] Result<> suback(const mqtt::SubackView& packet);
    [[nodiscard]] Result<> publish(const mqtt::PublishView& packet);
    [[nodiscard]] Result<> pubrel(mqtt::PacketId id);
    [[nodiscard]] Result<> subscribe(std::size_t size_most);
    void hand_over(mqtt::PacketId id, const mqtt::PublishView& packet);
    void answer();
    void forget(std::map<mqtt::PacketId, Incoming>::iterator at);
    [[nodiscard]] std::unexpected<Error> broken(std::string about,
                                                mqtt::ReasonCode reason = mqtt::ReasonCode::protocol_error);

    const SourceOptions options_;
    const Take take_;

    // Of the session.
    std::map<mqtt::PacketId, Incoming> incoming_;
    bool filter_stands_ = false;

    // Of all sessions.
    std::map<std::uint64_t, mqtt::PacketId> under_way_;  // by ticket; id 0: QoS 0
    std::uint64_t next_ticket_ = 1;

    // Of the connection.
    Phase phase_ = Phase::closed;
    std::uint64_t connection_ = 0;
    Bytes input_;
    Bytes output_;
    std::deque<mqtt::PacketId> order_;  // to be acknowledged as they came [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    std::size_t open_ = 0;              // ids of incoming_ that came on this connection
    mqtt::QoS granted_{};
    std::chrono::milliseconds ping_every_{};
    bool ping_out_ = false;
    bool deaf_ = false;  // was full since the last PINGREQ: its answer may not have been read
    SteadyTime answer_by_{};
    SteadyTime answer_ping_by_{};
    SteadyTime due_ = SteadyTime::max();
};

}  // namespace esl::broker
