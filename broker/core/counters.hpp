// What a shard counts. One writer (the shard), any reader.
#pragma once

#include <atomic>
#include <cstdint>

namespace esl::broker {

// Not a read-modify-write: only the owning shard adds.
class Counter {
public:
    void add(std::uint64_t by = 1) { value_.store(get() + by, std::memory_order_relaxed); }
    void sub(std::uint64_t by = 1) { value_.store(get() - by, std::memory_order_relaxed); }
    void set(std::uint64_t to) { value_.store(to, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

// name, kind for Prometheus, help
#define ESL_BROKER_COUNTERS(X)                                                                                \
    X(connections, gauge, "open connections")                                                                 \
    X(sessions, gauge, "sessions, connected or not")                                                          \
    X(subscriptions, gauge, "filters held")                                                                   \
    X(shared_subscriptions, gauge, "filters held that are shared")                                            \
    X(sessions_expired_total, counter, "sessions that ended because their time had passed")                   \
    X(queued_messages, gauge, "messages waiting for or sent to a client and not acknowledged")                \
    X(retained_messages, gauge, "retained messages, on every shard")                                          \
    X(retained_bytes, gauge, "bytes of retained messages, on every shard")                                    \
    X(connects_total, counter, "connections accepted")                                                        \
    X(connects_refused_total, counter, "CONNECT packets answered with a refusal")                             \
    X(duplicate_client_ids_total, counter, "newcomers refused or holders dropped for a client id in use")     \
    X(disconnects_total, counter, "connections ended")                                                        \
    X(bytes_received_total, counter, "bytes read from clients")                                               \
    X(bytes_sent_total, counter, "bytes written to clients")                                                  \
    X(reads_total, counter, "recv calls that gave bytes")                                                     \
    X(sends_total, counter, "send calls")                                                                     \
    X(publishes_received_total, counter, "PUBLISH packets taken")                                             \
    X(publishes_sent_total, counter, "PUBLISH packets written, repeats included")                             \
    X(publishes_resent_total, counter, "PUBLISH packets written again")                                       \
    X(p2p_received_total, counter, "P2P messages taken")                                                      \
    X(wills_published_total, counter, "will messages published")                                              \
    X(turns_total, counter, "turns of the shard")                                                             \
    X(wakeups_total, counter, "wake-ups sent to other shards")                                                \
    X(malformed_total, counter, "connections closed for bytes that are not MQTT")                             \
    X(protocol_errors_total, counter, "connections closed for a well-formed packet that was not allowed")     \
    X(publishes_refused_total, counter, "PUBLISH packets to topics that the client has no permission for")    \
    X(subscribes_refused_total, counter, "filters that the client has no permission for")                     \
    X(keep_alive_timeouts_total, counter, "connections closed for silence")                                   \
    X(connect_timeouts_total, counter, "connections closed for want of a CONNECT")                            \
    X(tls_handshakes_total, counter, "TLS sessions established, resumed ones included")                       \
    X(tls_resumptions_total, counter, "TLS sessions resumed by a ticket")                                     \
    X(tls_handshake_failures_total, counter, "connections closed because no TLS session came about")          \
    X(websocket_refused_total, counter, "connections closed because no WebSocket came about")                 \
    X(layer_violations_total, counter, "connections closed for TLS or WebSocket frames that are not allowed") \
    X(store_failures_total, counter, "messages the store could not take")                                     \
    X(dropped_qos0_total, counter, "QoS 0 deliveries dropped because the client reads too slowly or is away") \
    X(dropped_queue_full_total, counter, "messages dropped from a full queue, oldest first")                  \
    X(dropped_expired_total, counter, "messages whose time had passed before delivery")                       \
    X(dropped_given_up_total, counter, "messages given up after the last repeat")                             \
    X(dropped_too_large_total, counter, "deliveries larger than the receiver's maximum packet size")          \
    X(limit_packet_total, counter, "packets above the size limit")                                            \
    X(limit_payload_total, counter, "payloads above the size limit")                                          \
    X(limit_filters_total, counter, "subscriptions above the filters of a client")                            \
    X(limit_wildcards_total, counter, "wildcard subscriptions above the filters of a parent topic")           \
    X(limit_sessions_total, counter, "connects refused because there are too many sessions")                  \
    X(limit_connections_total, counter, "connections refused because there are too many")                     \
    X(limit_address_total, counter, "connections refused because their address has too many")                 \
    X(limit_files_total, counter, "times that accepting had to wait for a file descriptor")                   \
    X(limit_receive_maximum_total, counter, "clients that sent more unacknowledged messages than allowed")    \
    X(limit_offline_requests_total, counter, "requests for queued messages above five a second")              \
    X(limit_levels_total, counter, "topics and filters refused because they are too deep")                    \
    X(limit_message_bytes_total, counter, "times a publisher was slowed because messages take much memory")   \
    X(limit_store_queue_total, counter, "times a publisher was slowed because much is on its way to disk")    \
    X(limit_inbox_total, counter, "turns without reading because another shard has much to do")               \
    X(limit_connects_total, counter, "times that accepting had to wait because connections came too fast")    \
    X(limit_address_connects_total, counter, "connections refused because their address comes too often")     \
    X(limit_logins_total, counter, "addresses blocked for failed log-ins")                                    \
    X(limit_blocked_total, counter, "connections refused because their address is blocked")                   \
    X(limit_retained_total, counter, "retained messages not kept because there are too many")

struct Counters {
#define ESL_X(name, kind, help) Counter name;
    ESL_BROKER_COUNTERS(ESL_X)
#undef ESL_X
};

}  // namespace esl::broker
