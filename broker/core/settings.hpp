// What the session core obeys. Filled from configuration once, at start; immutable afterwards.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/names.hpp"

namespace esl::broker {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Mode : std::uint8_t { apsara, standard };

// Every bound has a counter `limit_...` in /metrics that says how often it was reached.
struct Limits {
    std::size_t packet_before_connect = 16 * 1024;  // token passwords pass 1 KB
    std::size_t packet = 131'072;                   // Maximum Packet Size of CONNACK; ApsaraMQ's number
    std::size_t payload = 65'536;
    std::size_t filters_per_client = 30;
    std::size_t wildcards_per_parent = 100;  // apsara: the whole instance
    std::size_t topic_levels = 128;
    std::size_t queue_messages = 100'000;      // per session: waiting and unacknowledged
    std::size_t queue_bytes = 64UL << 20;      // per session
    std::size_t offline_messages = 1'000'000;  // whole broker, oldest of the session first out
    std::size_t message_bytes = 1UL << 30;     // all messages in memory: publishers are slowed, then refused
    std::size_t retained_messages = 100'000;
    std::size_t retained_bytes = 256UL << 20;
    std::size_t sessions = 1'000'000;
    std::size_t output_bytes = 1UL << 20;   // unsent bytes of one connection: QoS 0 is dropped above, QoS 1 and 2 wait
    std::size_t store_queue = 100'000;      // operations on their way to disk: publishers wait for each answer above
    std::size_t inbox = 65'536;             // what waits for one shard: the others stop reading above
    std::uint16_t in_flight = 100;          // unacknowledged per client, ordinary
    std::uint16_t in_flight_p2p = 100;      // and P2P, apart
    std::uint16_t receive_maximum = 1'000;  // what clients may have unacknowledged towards us
    std::uint16_t topic_alias = 30;
    seconds keep_alive_highest{480};  // more is treated as this; 0 (off) too, in apsara
    seconds keep_alive_lowest{60};    // apsara, MQTT 5: less is treated as this; 0 (off) is not less
    std::size_t offline_batch = 30;   // apsara: of what waited for a client, at its return; 0: all at once
    seconds offline_pause{5};         // until the next batch
    milliseconds ack_wait{5'000};     // then sent again, 3.1 and 3.1.1 only; zero: never
    unsigned resends = 15;            // and then given up
    seconds connect_timeout{10};
    seconds message_expiry{3 * 24 * 3600};                 // nothing is queued for longer; apsara's three days
    seconds message_expiry_lowest{60};                     // apsara: a shorter interval of a publisher is this long
    std::uint32_t session_expiry_lowest = 600;             // apsara: what MQTT 5 clients ask above 0 is at least this
    std::uint32_t session_expiry_highest = 2'147'483'647;  // and at most this
    std::size_t connections_per_address = 0;               // 0: no bound
    std::size_t connections = 1'000'000;
    std::size_t connects_per_second = 0;   // 0: no bound; more wait in the system's backlog
    std::size_t connects_per_address = 0;  // a second; 0: no bound
    std::size_t failed_logins = 100;       // of an address in a minute, then it is blocked; 0: never
    seconds login_block{60};

    bool operator==(const Limits&) const = default;
};

struct Settings {
    Mode mode = Mode::apsara;
    Limits limits;
    bool p2p = true;  // `{parent}/p2p/{client}`; standard mode: off unless switched on
    bool retain = true;
    bool wills = true;
    bool shared_subscriptions = true;
    bool queue_qos0_offline = true;  // apsara
    // QoS 2 subscriptions of persistent sessions; decision 0024. Standard mode: always.
    bool queue_qos2_offline = false;
    bool resend_unacknowledged = true;
    bool refuse_duplicates = true;             // false: takeover, as MQTT says
    std::string response_information;          // told to MQTT 5 clients that ask, `/{client id}` behind; empty: nothing
    std::string message_id_property;           // user property with the message's id, to MQTT 5 receivers; empty: none
    seconds system_interval{10};               // of $SYS/broker/...; zero: none
    std::string presence_topic;                // empty: nobody is told
    std::vector<std::string> presence_groups;  // empty: every client

    bool operator==(const Settings&) const = default;
    [[nodiscard]] bool apsara() const { return mode == Mode::apsara; }
    [[nodiscard]] static Settings defaults(Mode mode) {
        Settings s;
        s.mode = mode;
        if (mode == Mode::apsara) return s;
        s.p2p = s.queue_qos0_offline = s.resend_unacknowledged = s.refuse_duplicates = false;
        s.queue_qos2_offline = true;
        s.limits.payload = s.limits.packet = 1UL << 20;
        s.limits.filters_per_client = 1'000;
        s.limits.keep_alive_highest = seconds{65'535};
        s.limits.offline_batch = 0;
        s.limits.session_expiry_lowest = 0;
        s.limits.session_expiry_highest = 0xFFFF'FFFF;
        s.limits.keep_alive_lowest = s.limits.message_expiry_lowest = seconds{0};
        s.limits.topic_alias = 100;
        return s;
    }
};

}  // namespace esl::broker
