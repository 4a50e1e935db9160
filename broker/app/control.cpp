#include "broker/app/control.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include "broker/auth/config_authenticator.hpp"
#include "broker/net/shard.hpp"
#include "common/mqtt/topic.hpp"

namespace esl::broker {

bool Control::on_shard(std::size_t index, std::function<void(Shard&)> work) {
    auto done = std::make_shared<std::promise<void>>();
    auto future = done->get_future();
    Shard& shard = *shards_[index];
    shard.post(RunOnShard{[&shard, work = std::move(work), done] {
        work(shard);
        done->set_value();
    }});
    return future.wait_for(std::chrono::seconds(2)) == std::future_status::ready;
}

std::vector<SessionInfo> Control::sessions(const std::string& part, bool connected_only, std::size_t most) {
    std::vector<SessionInfo> out;
    for (std::size_t i = 0; i < shards_.size() && out.size() < most; ++i) {
        // Shared: a shard that answers too late still has somewhere to write to.
        auto here = std::make_shared<std::vector<SessionInfo>>();
        const auto room = most - out.size();
        const bool answered = on_shard(i, [=](Shard& shard) {
            shard.hub().for_each_session([&](const Session& s) {
                if (here->size() >= room || (connected_only && s.link == nullptr)) return;
                if (!part.empty() && s.client_id.find(part) == std::string::npos) return;
                SessionInfo info;
                info.client_id = s.client_id;
                info.connected = s.link != nullptr;
                if (s.link != nullptr) info.address = s.link->peer();
                info.version = mqtt::name(s.version);
                info.persistent = s.persistent;
                info.since = to_millis(s.since);
                info.filters = s.filters.size();
                if (s.out) {
                    info.queued = s.out->live();
                    info.in_flight = s.out->ordinary.in_flight() + s.out->p2p.in_flight();
                }
                here->push_back(std::move(info));
            });
        });
        if (answered) out.insert(out.end(), here->begin(), here->end());
    }
    return out;
}

std::vector<ListenerInfo> Control::listeners() const {
    std::vector<ListenerInfo> out;
    endpoints_.for_each([&](const Endpoint& endpoint, bool open) {
        const auto connections = endpoint.counts.connections.load(std::memory_order_relaxed);
        if (!open && connections == 0) return;
        auto& info = out.emplace_back();
        info.address = endpoint.address;
        info.kind = endpoint.kind;
        info.open = open;
        info.since = to_millis(endpoint.since);
        info.connections = connections;
        info.connections_most = endpoint.connections;
        info.connections_per_address = endpoint.connections_per_address;
        info.packet = endpoint.packet;
        info.packet_before_connect = endpoint.packet_before_connect;
        info.connect_timeout = endpoint.connect_timeout;
        if (has_websocket(endpoint.kind)) info.paths = endpoint.websocket.paths;
        if (endpoint.tls) info.certificate = endpoint.tls->shown();
        for (unsigned i = 0; i < kAuthMethods; ++i) {
            const auto method = static_cast<AuthMethod>(i);
            const bool way = (method != AuthMethod::anonymous ||
                              endpoint.auth.allow_anonymous.value_or(configured_->allows_anonymous())) &&
                             (method != AuthMethod::certificate ||
                              (info.certificate && info.certificate->asked != ClientCertificates::none));
            if (endpoint.auth.allows(method) && way) info.auth.push_back(method);
        }
    });
    return out;
}

bool Control::kick(const std::string& client_id) {
    auto found = std::make_shared<bool>(false);
    const auto home = shards_.front()->home_of(client_id);
    return on_shard(home, [=](Shard& shard) { *found = shard.hub().kick(client_id); }) && *found;
}

Result<> Control::check_publish(const std::string& topic, std::size_t size) const {
    const auto& settings = shards_.front()->hub().settings();  // immutable: readable from any thread
    if (!mqtt::is_topic_name(topic) || topic.starts_with('$'))
        return fail(NameError::bad_topic, "topic: not a topic to publish to");
    if (mqtt::level_count(topic) > settings.limits.topic_levels) {
        return fail(NameError::bad_topic,
                    "topic: more than " + std::to_string(settings.limits.topic_levels) + " levels");
    }
    if (settings.apsara()) {
        if (const auto ok = registrar_.current()->check_topic(topic); !ok)
            return fail(NameError::bad_topic, "topic: " + ok.error().message());
    }
    if (size > settings.limits.payload) {
        return fail(ParseError::out_of_range,
                    "payload: " + std::to_string(size) + " bytes, at most " + std::to_string(settings.limits.payload));
    }
    return {};
}

Result<> Control::publish(const std::string& topic, Bytes payload, mqtt::QoS qos, bool retain) {
    return publish({.topic = topic, .payload = std::move(payload), .qos = qos, .retain = retain}, {});
}

Result<> Control::publish(OutsideMessage message, Told told) {
    if (auto ok = check_publish(message.topic, message.payload.size()); !ok) return ok;
    if (message.retain && !shards_.front()->hub().settings().retain)
        return fail(ParseError::out_of_range, "retain: is switched off");
    shards_.front()->post(
        RunOnShard{[shard = shards_.front().get(), message = std::move(message), told = std::move(told)] {
            shard->hub().publish_system({.topic = message.topic,
                                         .payload = message.payload,
                                         .properties = message.properties,
                                         .qos = message.qos,
                                         .retain = message.retain,
                                         .online_only = message.online_only,
                                         .expires = message.expires},
                                        told);
        }});
    return {};
}

void Control::set_exports(const std::shared_ptr<const ExportTable>& exports) {
    on_every_shard([exports](Shard& shard) { shard.hub().set_exports(exports); });
}

bool Control::on_every_shard(const std::function<void(Shard&)>& work) {
    bool all = true;
    for (std::size_t i = 0; i < shards_.size(); ++i) all = on_shard(i, work) && all;
    return all;
}

Result<std::string> Control::send(const std::string& topic, Bytes payload, mqtt::QoS qos) {
    if (auto ok = check_publish(topic, payload.size()); !ok) return fail(ok.error());
    auto id = std::make_shared<MessageId>(0);
    const bool answered = on_shard(0, [id, topic, payload = std::move(payload), qos](Shard& shard) {
        *id = shard.hub().publish_system(topic, payload, qos, false);
    });
    if (!answered) return fail(ControlError::no_answer);
    return message_id_text(instance_, *id);
}

bool Control::connected(const std::string& client_id) {
    auto found = std::make_shared<bool>(false);
    const auto home = shards_.front()->home_of(client_id);
    return on_shard(home,
                    [=](Shard& shard) {
                        shard.hub().for_each_session([&](const Session& s) {
                            *found = *found || (s.link != nullptr && s.client_id == client_id);
                        });
                    }) &&
           *found;
}

Result<TraceAnswer> Control::traces(const TraceQuery& query) {
    if (traces_ == nullptr) return fail(TraceError::off);
    for (std::size_t i = 0; i < shards_.size(); ++i) on_shard(i, [](Shard& shard) { shard.hub().tracer().flush(); });
    traces_->settle();
    return traces_->query(query);
}

bool Control::alive() {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        if (!on_shard(i, [](Shard&) {})) return false;
    }
    return true;
}

std::uint64_t Control::changes_that_wait_for_the_disk() const {
    return store_ == nullptr ? 0 : store_->figures().kept;
}

void Control::add_listener_figures(std::vector<Figure>& out) const {
    std::array<std::uint64_t, kListenerKinds> open{};
    std::optional<UnixMillis> first_to_end;
    endpoints_.for_each([&](const Endpoint& endpoint, bool open_door) {
        open[static_cast<std::size_t>(endpoint.kind)] += endpoint.counts.connections.load(std::memory_order_relaxed);
        if (endpoint.tls && open_door)
            first_to_end = std::min(first_to_end.value_or(UnixMillis::max()), endpoint.tls->shown().not_after);
    });
    constexpr std::array kNames{"sockets_tcp", "sockets_tls", "sockets_ws", "sockets_wss"};
    constexpr std::array kHelp{"open sockets of plain listeners, before and after CONNECT",
                               "open sockets of TLS listeners", "open sockets of WebSocket listeners",
                               "open sockets of secure WebSocket listeners"};
    for (std::size_t i = 0; i < kListenerKinds; ++i) out.push_back({kNames[i], "gauge", kHelp[i], open[i]});
    if (!first_to_end) return;
    out.push_back({"tls_certificate_expiry_seconds", "gauge",
                   "Unix time at which the first listener's certificate expires",
                   static_cast<std::uint64_t>(std::max<std::int64_t>(to_millis(*first_to_end) / 1000, 0))});
}

std::vector<Control::Figure> Control::figures() const {
    std::vector<Figure> out;
    const auto sum = [&](Counter Counters::* member) {
        std::uint64_t total = 0;
        for (const auto& shard : shards_) total += (shard->counters().*member).get();
        return total;
    };
#define ESL_X(name, kind, help) out.push_back({#name, #kind, help, sum(&Counters::name)});
    ESL_BROKER_COUNTERS(ESL_X)
#undef ESL_X
    out.push_back({"message_bytes", "gauge", "bytes of all messages in memory", live_message_bytes()});
    out.push_back({"shards", "gauge", "threads that serve clients", shards_.size()});
    add_listener_figures(out);
    if (traces_ != nullptr) {
        const auto t = traces_->figures();
        out.push_back({"trace_rows_total", "counter", "trace rows written", t.rows_written});
        out.push_back({"trace_rows_dropped_total", "counter", "trace rows that could not be kept", t.rows_dropped});
        out.push_back({"trace_bytes", "gauge", "size of the trace files", t.bytes});
    }
    if (store_ == nullptr) return out;
    const auto f = store_->figures();
    out.push_back({"store_commits_total", "counter", "commits of the message store", f.commits});
    out.push_back({"store_operations_total", "counter", "changes committed to the message store", f.operations});
    out.push_back({"store_commit_seconds_total", "counter", "time spent in commits", f.commit_microseconds, 1'000'000});
    out.push_back({"store_commit_failures_total", "counter", "commits that failed", f.failures});
    out.push_back({"store_waiting_operations", "gauge", "changes handed over and not committed", f.waiting});
    out.push_back({"store_kept_operations", "gauge", "changes that a full or failing disk did not take yet", f.kept});
    out.push_back({"store_messages", "gauge", "messages kept on disk", f.messages});
    return out;
}

}  // namespace esl::broker
