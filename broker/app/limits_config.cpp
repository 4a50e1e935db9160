#include "broker/app/limits_config.hpp"

#include <algorithm>
#include <type_traits>

namespace esl::broker {
namespace {

constexpr std::int64_t kMany = 1LL << 40;
constexpr std::int64_t kPacketMost = 268'435'455;

constexpr std::int64_t kLong = 100LL * 365 * 24 * 3600;  // seconds
constexpr std::int64_t kKeepAliveMost = 65'535;          // what CONNECT and CONNACK can say, in seconds

// visit(name, member, least, most); those of durations in seconds.
template <class AnyLimits, class Visit>
void for_each_limit(AnyLimits& l, Visit visit) {
    visit("packet_before_connect", l.packet_before_connect, 128, kPacketMost);
    visit("packet", l.packet, 128, kPacketMost);
    visit("payload", l.payload, 0, kPacketMost);
    visit("filters_per_client", l.filters_per_client, 0, kMany);
    visit("wildcards_per_parent", l.wildcards_per_parent, 0, kMany);
    visit("topic_levels", l.topic_levels, 1, 65'535);
    visit("queue_messages", l.queue_messages, 1, kMany);
    visit("queue_bytes", l.queue_bytes, 1, kMany);
    visit("offline_messages", l.offline_messages, 1, kMany);
    visit("message_bytes", l.message_bytes, 1, kMany);
    visit("retained_messages", l.retained_messages, 0, kMany);
    visit("retained_bytes", l.retained_bytes, 0, kMany);
    visit("sessions", l.sessions, 1, kMany);
    visit("output_bytes", l.output_bytes, 1, kMany);
    visit("store_queue", l.store_queue, 1, kMany);
    visit("inbox", l.inbox, 1, kMany);
    visit("in_flight", l.in_flight, 1, 65'535);
    visit("in_flight_p2p", l.in_flight_p2p, 1, 16'384);
    visit("receive_maximum", l.receive_maximum, 1, 65'535);
    visit("topic_alias", l.topic_alias, 0, 65'535);
    visit("keep_alive", l.keep_alive_highest, 1, kKeepAliveMost);
    visit("keep_alive_lowest", l.keep_alive_lowest, 0, kKeepAliveMost);
    visit("ack_wait", l.ack_wait, 0, kLong);
    visit("resends", l.resends, 0, 255);
    visit("connect_timeout", l.connect_timeout, 1, kLong);
    visit("message_expiry", l.message_expiry, 1, kLong);
    visit("message_expiry_lowest", l.message_expiry_lowest, 0, kLong);
    visit("session_expiry_lowest", l.session_expiry_lowest, 0, 0xFFFF'FFFF);
    visit("session_expiry_highest", l.session_expiry_highest, 0, 0xFFFF'FFFF);
    visit("offline_batch", l.offline_batch, 0, kMany);
    visit("offline_pause", l.offline_pause, 0, kLong);
    visit("connections", l.connections, 1, kMany);
    visit("connections_per_address", l.connections_per_address, 0, kMany);
    visit("connects_per_second", l.connects_per_second, 0, kMany);
    visit("connects_per_address", l.connects_per_address, 0, kMany);
    visit("failed_logins", l.failed_logins, 0, kMany);
    visit("login_block", l.login_block, 0, kLong);
}

void check_duration(const config::Table& table, std::string_view name, milliseconds value, std::int64_t least,
                    std::int64_t most) {
    if (value >= seconds(least) && value <= seconds(most)) return;
    throw config::ConfigError(table.where(name) + ": key 'limits." + std::string(name) + "': must be from " +
                              std::to_string(least) + " to " + std::to_string(most) + " s");
}

}  // namespace

void read_seconds(const config::Table& table, std::string_view key, seconds& value) {
    milliseconds wide = value;
    table.read(key, wide);
    value = std::chrono::ceil<seconds>(wide);
}

void read_limits(const config::Table& table, Limits& limits) {
    std::vector<std::string_view> names;
    for_each_limit(limits, [&](std::string_view name, auto&, std::int64_t, std::int64_t) { names.push_back(name); });
    table.only(names);
    for_each_limit(limits, [&](std::string_view name, auto& value, std::int64_t least, std::int64_t most) {
        using Value = std::remove_reference_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, seconds>) {
            read_seconds(table, name, value);
            check_duration(table, name, value, least, most);
        } else if constexpr (std::is_same_v<Value, milliseconds>) {
            table.read(name, value);
            check_duration(table, name, value, least, most);
        } else {
            table.read(name, value, least, most);
        }
    });
    if (table.has("keep_alive_lowest") && limits.keep_alive_lowest > limits.keep_alive_highest) {
        throw config::ConfigError(table.where("keep_alive_lowest") + ": key 'limits.keep_alive_lowest': more than " +
                                  "keep_alive, " + std::to_string(limits.keep_alive_highest.count()) + " s");
    }
}

std::vector<LimitValue> list_limits(const Limits& limits) {
    std::vector<LimitValue> out;
    for_each_limit(limits, [&](std::string_view name, const auto& value, std::int64_t, std::int64_t) {
        using Value = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, seconds> || std::is_same_v<Value, milliseconds>) {
            out.push_back({std::string(name), static_cast<std::uint64_t>(milliseconds(value).count())});
        } else {
            out.push_back({std::string(name), static_cast<std::uint64_t>(value)});
        }
    });
    return out;
}

}  // namespace esl::broker
