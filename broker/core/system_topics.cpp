#include "broker/core/system_topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace esl::broker {

void SystemTotals::add(const Counters& c) {
    connections += c.connections.get();
    sessions += c.sessions.get();
    subscriptions += c.subscriptions.get();
    shared_subscriptions += c.shared_subscriptions.get();
    retained = std::max(retained, c.retained_messages.get());  // every shard holds all of them
    queued += c.queued_messages.get();
    publishes_received += c.publishes_received_total.get();
    publishes_sent += c.publishes_sent_total.get();
    publishes_dropped += c.dropped_qos0_total.get() + c.dropped_queue_full_total.get() + c.dropped_expired_total.get() +
                         c.dropped_given_up_total.get() + c.dropped_too_large_total.get();
    bytes_received += c.bytes_received_total.get();
    bytes_sent += c.bytes_sent_total.get();
    connects += c.connects_total.get();
    expired += c.sessions_expired_total.get();
}

void SystemTopics::say_changed(std::string_view topic, std::string value, const Say& say) {
    auto& before = said_[std::string(topic)];
    if (before == value) return;
    before = std::move(value);
    say(topic, before);
}

void SystemTopics::say_load(std::string_view name, std::uint64_t now, std::chrono::seconds elapsed, const Say& say) {
    constexpr std::pair<int, const char*> kWindows[] = {{1, "1min"}, {5, "5min"}, {15, "15min"}};
    const auto seconds = static_cast<double>(std::max<std::int64_t>(elapsed.count(), 1));
    auto& load = loads_[std::string(name)];
    const double rate = static_cast<double>(now - load.before) * 60 / seconds;
    load.before = now;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& [minutes, text] = kWindows[i];
        load.average[i] = rate + std::exp(-seconds / (60.0 * minutes)) * (load.average[i] - rate);
        say_changed(fmt::format("$SYS/broker/load/{}/{}", name, text), fmt::format("{:.2f}", load.average[i]), say);
    }
}

void SystemTopics::update(const SystemTotals& now, std::chrono::seconds elapsed, std::chrono::seconds uptime,
                          const Say& say) {
    most_connections_ = std::max(most_connections_, now.connections);
    const std::pair<const char*, std::uint64_t> numbers[] = {
        {"clients/total", now.sessions},
        {"clients/connected", now.connections},
        {"clients/disconnected", now.sessions - std::min(now.connections, now.sessions)},
        {"clients/maximum", most_connections_},
        {"clients/expired", now.expired},
        {"subscriptions/count", now.subscriptions},
        {"shared_subscriptions/count", now.shared_subscriptions},
        {"retained messages/count", now.retained},
        {"store/messages/count", now.queued},
        {"messages/received", now.publishes_received},
        {"messages/sent", now.publishes_sent},
        {"publish/messages/received", now.publishes_received},
        {"publish/messages/sent", now.publishes_sent},
        {"publish/messages/dropped", now.publishes_dropped},
        {"bytes/received", now.bytes_received},
        {"bytes/sent", now.bytes_sent},
    };
    say_changed("$SYS/broker/version", "shelfwire " ESL_VERSION, say);
    say_changed("$SYS/broker/uptime", fmt::format("{} seconds", uptime.count()), say);
    for (const auto& [topic, value] : numbers) {
        say_changed(fmt::format("$SYS/broker/{}", topic), std::to_string(value), say);
    }
    say_load("messages/received", now.publishes_received, elapsed, say);
    say_load("messages/sent", now.publishes_sent, elapsed, say);
    say_load("publish/dropped", now.publishes_dropped, elapsed, say);
    say_load("bytes/received", now.bytes_received, elapsed, say);
    say_load("bytes/sent", now.bytes_sent, elapsed, say);
    say_load("connections", now.connects, elapsed, say);
}

}  // namespace esl::broker
