// An MQTT 3.1.1 client for a part that lives on one Asio executor. A thin layer over Paho MQTT C++ that keeps Paho's
// threads away: every handler runs on the owner's executor, and reconnecting is under our control.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace boost::asio {
class any_io_executor;
}

namespace esl::mqttclient {

enum class ClientError { not_connected, connection_lost, queue_full, too_large, refused, timed_out, stopped };
constexpr std::string_view describe(ClientError e) {
    switch (e) {
        case ClientError::not_connected:
            return "not connected to the MQTT broker";
        case ClientError::connection_lost:
            return "connection lost before the broker acknowledged";
        case ClientError::queue_full:
            return "outgoing MQTT queue is full";
        case ClientError::too_large:
            return "MQTT message too large";
        case ClientError::refused:
            return "refused by the MQTT broker";
        case ClientError::timed_out:
            return "no acknowledgement from the MQTT broker";
        case ClientError::stopped:
            return "MQTT client is stopped";
    }
    return "MQTT client error";
}

struct Will {
    std::string topic;
    Bytes payload;
    int qos = 1;
    bool retained = false;
};

struct Options {
    std::string url;  // tcp://host:port or ssl://host:port
    std::string client_id;
    std::string username;  // empty: none is sent
    std::string password;
    std::string ca_file;  // ssl only; empty: the system's trust store
    bool clean_session = true;
    std::chrono::seconds keep_alive{60};
    std::optional<Will> will;
    std::chrono::milliseconds connect_timeout{10'000};
    // Wait between attempts: doubles from first to limit, each time shortened by a random 0 to 50 %.
    std::chrono::milliseconds backoff_first{250};
    std::chrono::milliseconds backoff_limit{30'000};
    // A QoS 1 message unacknowledged for so long fails with timed_out (the connection stays).
    std::chrono::milliseconds ack_timeout{30'000};
    std::size_t max_in_flight = 64;     // sent and not yet acknowledged
    std::size_t max_outgoing = 2'000;   // waiting or in flight; one more is queue_full
    std::size_t max_incoming = 20'000;  // received and not yet handled; one more is dropped and counted
    std::size_t max_payload = 65'536;
};

enum class State { disconnected, connecting, connected, stopped };

struct Message {
    std::string topic;
    Bytes payload;
    int qos = 0;
    bool retained = false;
    bool duplicate = false;
};

struct Stats {
    std::uint64_t connects = 0;
    std::uint64_t received = 0;
    std::uint64_t dropped_incoming = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t failed_publishes = 0;
};

// Threads: bound to `executor`, which must run one handler at a time (a single-threaded io_context or a strand); call
// every member there, destructor included. All handlers run there, never inside a call of a member.
//
// Delivery: a message is handed to the broker in the order of publish(). `done` tells the one outcome: success after
// PUBACK (QoS 0: after the write), otherwise the error. When the connection is lost, all that is queued or in flight
// fails with connection_lost; nothing is sent again behind the owner's back, because the owner alone knows what has
// become stale (with clean_session = false MQTT itself resends what was in flight). After `connection_lost` or
// `timed_out` the broker may have had the message.
class Client {
public:
    using MessageHandler = std::function<void(Message)>;
    // `why` is for the log: empty for connected, else what ended or refused the connection.
    using StateHandler = std::function<void(State, const std::string& why)>;
    using Done = std::function<void(Result<>)>;

    Client(const boost::asio::any_io_executor& executor, Options options);
    // Without stop() before, the connection is closed at once. No handler runs afterwards; the `done` of unfinished
    // publishes is not called.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Set both before start(). Messages that match no subscription (P2P of ApsaraMQ) arrive like all others.
    void on_message(MessageHandler handler);
    void on_state(StateHandler handler);

    // Connects and stays connected until stop(). Errors come to the state handler and are retried.
    void start();
    // Kept and subscribed again after each reconnect. `State::connected` is reported after the broker has acknowledged
    // all subscriptions made before start(); a refused one ends that connection with `why`.
    void subscribe(std::string filter, int qos = 1);
    // `done` may be empty. Errors at once through `done`: not_connected, queue_full, too_large, stopped.
    void publish(std::string topic, Bytes payload, int qos = 1, Done done = {}, bool retained = false);
    // Takes no more publishes, waits up to `drain` for acknowledgements of those accepted, sends DISCONNECT (no will),
    // then calls `stopped`. Calling it again only adds another `stopped`.
    void stop(std::chrono::milliseconds drain, std::function<void()> stopped);

    [[nodiscard]] State state() const;
    [[nodiscard]] std::size_t outgoing() const;  // waiting or in flight
    [[nodiscard]] Stats stats() const;
    // For the next connection, for instance after a token was renewed or the store became known.
    void set_credentials(std::string username, std::string password);
    void set_will(std::optional<Will> will);
    // Leaves the connection in order (no will) and makes a new one, with what was set since. What is queued or in
    // flight fails with connection_lost. Without a connection nothing happens: the next one has the new settings
    // anyway.
    void reconnect();

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace esl::mqttclient
