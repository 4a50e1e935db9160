// CONNECT, the end of connections, and the life of sessions.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/core/hub.hpp"
#include "common/core/ids.hpp"
#include "common/mqtt/utf8.hpp"

namespace esl::broker {

using mqtt::PropertyId;
using mqtt::ReasonCode;

namespace {

std::string shown(std::string_view client_id) {
    std::string out;
    for (const char c : client_id.substr(0, 128)) out.push_back(c > ' ' && c < 0x7F ? c : '?');
    return out;
}

// As a Reason String: short, and good UTF-8 though it may quote what a client sent.
std::string_view reason_text(std::string_view why) {
    constexpr std::size_t kLongest = 256;
    const auto text = why.substr(0, kLongest);
    return text.substr(0, mqtt::find_bad_utf8(text).value_or(text.size()));
}

// The largest CONNACK that lets this client in [MQTT-3.1.2-24] [MQTT-3.1.4-5].
std::size_t connack_bytes(const mqtt::ConnectView& p, const Settings& settings) {
    constexpr std::size_t kFixed = 5;
    constexpr std::size_t kNumbers = 23;  // every property that has one
    constexpr std::size_t kText = 3;
    constexpr std::size_t kAssigned = 29;
    const auto id = p.client_id.empty() ? kAssigned : p.client_id.size();
    const bool asks = p.properties.number_or(PropertyId::request_response_information, 0) == 1;
    const auto& information = settings.response_information;
    return kFixed + kNumbers + (p.client_id.empty() ? kText + kAssigned : 0) +
           (asks && !information.empty() ? kText + information.size() + 1 + id : 0);
}

// Nobody who may not come in learns about others or about what exists.
bool tells_why(CloseCause cause, ReasonCode reason) {
    return cause != CloseCause::client_id_conflict && cause != CloseCause::not_authorized &&
           reason != ReasonCode::not_authorized && reason != ReasonCode::bad_user_name_or_password;
}

}  // namespace

void Hub::refuse(Link& link, const mqtt::ConnectView& packet, ReasonCode reason, CloseCause cause,
                 std::string_view why) {
    counters_.connects_refused_total.add();
    spdlog::info("refused {} from {}: {}", shown(packet.client_id), link.peer(), why);
    trace_refusal(packet.client_id, cause, reason);
    mqtt::Properties properties;
    const auto most = packet.properties.number_or(PropertyId::maximum_packet_size, 0xFFFF'FFFF);
    constexpr std::size_t kAround = 10;  // what a CONNACK has besides the text
    const auto text = reason_text(why);
    if (packet.version == mqtt::ProtocolVersion::v5 && tells_why(cause, reason) && text.size() + kAround <= most) {
        properties.text(PropertyId::reason_string, text);
    }
    static_cast<void>(mqtt::encode_connack({.session_present = false, .reason = reason, .properties = properties},
                                           packet.version, link.output()));
    link.close(cause);
}

Session* Hub::refused(Link& link, const mqtt::ConnectView& p, ReasonCode reason, CloseCause cause,
                      std::string_view why) {
    refuse(link, p, reason, cause, why);
    return nullptr;
}

std::optional<std::pair<ReasonCode, std::string>> Hub::check_connect(const mqtt::ConnectView& p,
                                                                     const Grant* grant) const {
    const auto& settings = ports_.settings;
    if (settings.apsara()) {
        if (auto ok = registry_->check_client_id(p.client_id); !ok) {
            const bool group = ok.error().is(NameError::unknown_group);
            return std::pair{group ? ReasonCode::not_authorized : ReasonCode::client_identifier_not_valid,
                             ok.error().message()};
        }
    } else if (p.client_id.size() > 1'024) {
        return std::pair{ReasonCode::client_identifier_not_valid, std::string("client id above 1,024 bytes")};
    }
    if (p.client_id.empty() && !p.clean_start && p.version != mqtt::ProtocolVersion::v5) {
        return std::pair{ReasonCode::client_identifier_not_valid,
                         std::string("no client id and no clean session [MQTT-3.1.3-8]")};
    }
    // Its identity was removed while the password was being checked.
    if (grant != nullptr && grant->ended()) return std::pair{ReasonCode::not_authorized, std::string("not authorized")};
    const auto most = p.properties.number_or(PropertyId::maximum_packet_size, 0xFFFF'FFFF);
    if (p.version == mqtt::ProtocolVersion::v5 && most < connack_bytes(p, settings)) {
        return std::pair{ReasonCode::packet_too_large,
                         "a maximum packet size of " + std::to_string(most) + " is too small for CONNACK"};
    }
    if (!p.will) return std::nullopt;
    if (p.will->topic.starts_with('$'))
        return std::pair{ReasonCode::topic_name_invalid, std::string("will: topics of the server are its own")};
    if (!settings.wills)
        return std::pair{ReasonCode::implementation_specific_error, std::string("wills are switched off")};
    if (p.will->retain && !settings.retain) {
        return std::pair{ReasonCode::retain_not_supported,
                         std::string("the will is to be retained, which is switched off")};
    }
    if (p.will->payload.size() > settings.limits.payload) {
        return std::pair{ReasonCode::packet_too_large, std::string("the will's payload is above the limit")};
    }
    if (settings.apsara()) {
        if (auto ok = registry_->check_topic(p.will->topic); !ok)
            return std::pair{ReasonCode::topic_name_invalid, "will: " + ok.error().message()};
    }
    if (grant != nullptr && !authorize_will(*grant, p.will->topic))
        return std::pair{ReasonCode::not_authorized, std::string("will: no permission for its topic")};
    return std::nullopt;
}

// The client id is connected already. True when the newcomer may come in: the holder has been closed then.
bool Hub::make_room_for(Link& link, const mqtt::ConnectView& packet, Session& holder) {
    counters_.duplicate_client_ids_total.add();
    if (ports_.settings.refuse_duplicates && !holder.link->dead_or_silent()) {
        refuse(link, packet, ReasonCode::client_identifier_not_valid, CloseCause::client_id_conflict,
               "clientId conflict: connected from " + holder.link->peer());
        return false;
    }
    const auto cause = ports_.settings.refuse_duplicates ? CloseCause::client_id_conflict : CloseCause::taken_over;
    close(holder, cause, ReasonCode::session_taken_over, "the client has connected again from " + link.peer());
    return true;
}

Session& Hub::new_session(std::string client_id) {
    auto session = std::make_unique<Session>();
    session->number = ports_.ids.session.fetch_add(1, std::memory_order_relaxed);
    session->client_id = client_id;
    Session& ref = *session;
    by_number_[ref.number] = &ref;
    sessions_.emplace(std::move(client_id), std::move(session));
    counters_.sessions.add();
    return ref;
}

Session* Hub::connect(Link& link, const mqtt::ConnectView& packet, GrantPtr grant) {
    if (const auto bad = check_connect(packet, grant.get())) {
        const bool unauthorized = bad->first == ReasonCode::not_authorized;
        return refused(link, packet, bad->first, unauthorized ? CloseCause::not_authorized : CloseCause::refused,
                       bad->second);
    }
    std::string client_id(packet.client_id);
    const bool assigned = client_id.empty();
    if (assigned) client_id = "auto-" + to_lower_hex(random_bytes(12));

    Session* session = find(std::string_view(client_id));
    if (session != nullptr && session->link != nullptr) {
        session->link->take_what_came();  // its DISCONNECT, perhaps
        session = find(std::string_view(client_id));
    }
    if (session != nullptr && session->link != nullptr) {
        if (!make_room_for(link, packet, *session)) return nullptr;
        session = find(std::string_view(client_id));  // a clean session went with its connection
    }
    if (session == nullptr &&
        sessions_.size() >= std::max<std::size_t>(ports_.settings.limits.sessions / ports_.peers.count(), 1)) {
        counters_.limit_sessions_total.add();
        return refused(link, packet, ReasonCode::quota_exceeded, CloseCause::refused, "there are too many sessions");
    }
    const bool v5 = packet.version == mqtt::ProtocolVersion::v5;
    // A will that still waits belongs to the old connection: it is published when its session ends, and not when the
    // session goes on in time [MQTT-3.1.3-9].
    if (session != nullptr && packet.clean_start) {
        publish_will(*session);
        remove_session(*session);
        session = nullptr;
    }
    const bool present = session != nullptr;
    if (session == nullptr) session = &new_session(client_id);
    Session& s = *session;
    ++s.epoch;
    s.link = &link;
    s.version = packet.version;
    s.since = ports_.clock.wall();
    forget_will(s);
    s.grant = std::move(grant);
    s.expiry_seconds = v5 ? bounded_expiry(packet.properties.number_or(PropertyId::session_expiry_interval, 0))
                          : (packet.clean_start ? 0 : kNeverExpires);
    s.persistent = s.expiry_seconds != 0;
    s.receive_maximum =
        static_cast<std::uint16_t>(v5 ? packet.properties.number_or(PropertyId::receive_maximum, 65'535) : 65'535);
    s.max_packet = v5 ? packet.properties.number_or(PropertyId::maximum_packet_size, 0xFFFF'FFFF) : 0xFFFF'FFFF;
    if (s.persistent || s.stored) put_session(s);
    if (s.in) {
        s.in->acks.clear();
        s.in->first_ack = 0;
        s.in->aliases.clear();
    }
    take_will(s, packet);
    if (present) place_in_groups(s);

    // More than the limit means: none. So it is where the client wants more than it may have.
    const auto aliases = v5 ? packet.properties.number_or(PropertyId::topic_alias_maximum, 0) : 0;
    const auto own = ports_.settings.limits.topic_alias;
    s.alias_maximum = static_cast<std::uint16_t>(
        ports_.settings.apsara() && aliases > own ? 0 : std::min<std::uint32_t>(aliases, own));

    const auto keep_alive = bounded_keep_alive(packet);
    link.set_keep_alive(keep_alive);
    counters_.connects_total.add();
    counters_.connections.add();
    send_connack(s, packet, present, assigned, keep_alive);
    spdlog::debug("connect {} from {} session {} clean {} keep-alive {} s", s.client_id, link.peer(), s.number,
                  packet.clean_start, keep_alive.count());
    s.channel = ports_.ids.channel.fetch_add(1, std::memory_order_relaxed);
    if (ports_.tracer.devices()) {
        ports_.tracer.device(TraceAction::connect, s.client_id, channel_text(s.channel, ports_.ids.channel_key),
                             words(TraceAction::connect).info);
    }
    tell_presence(s, "connect", link.peer());
    if (s.grant) {
        if (present && filters_follow(s)) drop_refused_filters(s);
        if (!watch_tokens(s, UnixMillis{})) return nullptr;
    }
    if (s.out) {
        s.out->ordinary.rewind();
        s.out->p2p.rewind();
        set_aside(s, keep_alive);
        pump(s);
    }
    return session;
}

void Hub::take_will(Session& session, const mqtt::ConnectView& packet) {
    if (!packet.will) return;
    const auto& w = *packet.will;
    Message message{.id = new_message_id(),
                    .topic = w.topic,
                    .payload = w.payload,
                    .qos = w.qos,
                    .retain = w.retain,
                    .publisher = session.number};
    Bytes properties;
    for (auto it = w.properties.begin(); it != w.properties.end(); ++it) {
        if (it->id == PropertyId::will_delay_interval) continue;
        if (it->id == PropertyId::message_expiry_interval) {
            // Counted from publication: kept as a duration until then.
            message.expires = from_millis(static_cast<std::int64_t>(it->number) * 1'000);
            continue;
        }
        const auto raw = it.raw();
        properties.insert(properties.end(), raw.begin(), raw.end());
    }
    message.properties = properties;
    session.will =
        std::make_unique<Will>(Will{make_message(message), w.properties.number_or(PropertyId::will_delay_interval, 0)});
    if (ports_.store == nullptr) return;
    store_will(session);
    // Once the client knows that it is in, its will outlives this process.
    session.link->hold_output(true);
    after_.push_back({.what = AfterCommit::What::connack, .session = session.number, .epoch = session.epoch});
}

void Hub::let_connack_go(const AfterCommit& what) {
    Session* session = find(what.session);
    if (session != nullptr && session->link != nullptr && session->epoch == what.epoch)
        session->link->hold_output(false);
}

void Hub::send_connack(Session& s, const mqtt::ConnectView& packet, bool present, bool assigned, seconds keep_alive) {
    mqtt::Properties properties;
    if (s.v5()) {
        const auto& settings = ports_.settings;
        if (s.expiry_seconds != packet.properties.number_or(PropertyId::session_expiry_interval, 0)) {
            properties.number(PropertyId::session_expiry_interval, s.expiry_seconds);
        }
        properties.number(PropertyId::receive_maximum, settings.limits.receive_maximum);
        if (!settings.retain) properties.number(PropertyId::retain_available, 0);
        const auto packet_limit = s.link->packet_limit();
        properties.number(PropertyId::maximum_packet_size,
                          static_cast<std::uint32_t>(packet_limit != 0 ? packet_limit : settings.limits.packet));
        if (assigned) properties.text(PropertyId::assigned_client_identifier, s.client_id);
        properties.number(PropertyId::topic_alias_maximum, settings.limits.topic_alias);
        if (!settings.shared_subscriptions) properties.number(PropertyId::shared_subscription_available, 0);
        if (keep_alive != seconds(packet.keep_alive.count())) {
            properties.number(PropertyId::server_keep_alive, static_cast<std::uint32_t>(keep_alive.count()));
        }
        if (!settings.response_information.empty() &&
            packet.properties.number_or(PropertyId::request_response_information, 0) == 1) {
            properties.text(PropertyId::response_information, settings.response_information + "/" + s.client_id);
        }
    }
    Bytes answer;
    static_cast<void>(mqtt::encode_connack(
        {.session_present = present, .reason = ReasonCode::success, .properties = properties}, s.version, answer));
    send_answer(s, answer);
}

bool Hub::send_answer(Session& session, BytesView packet) {
    if (packet.size() > session.max_packet) {
        counters_.dropped_too_large_total.add();
        return false;
    }
    Bytes& out = session.link->output();
    out.insert(out.end(), packet.begin(), packet.end());
    return true;
}

std::uint32_t Hub::bounded_expiry(std::uint32_t wanted) const {
    const auto& limits = ports_.settings.limits;
    return wanted == 0 ? 0 : std::clamp(wanted, limits.session_expiry_lowest, limits.session_expiry_highest);
}

seconds Hub::bounded_keep_alive(const mqtt::ConnectView& packet) const {
    const auto& limits = ports_.settings.limits;
    const seconds wanted(packet.keep_alive.count());
    if (wanted == seconds{0}) return ports_.settings.apsara() ? limits.keep_alive_highest : wanted;
    // Only MQTT 5 clients can be told to keep alive less often than they meant to.
    const bool v5 = packet.version == mqtt::ProtocolVersion::v5;
    return std::min(v5 ? std::max(wanted, limits.keep_alive_lowest) : wanted, limits.keep_alive_highest);
}

void Hub::say_disconnect(Session& session, ReasonCode reason, std::string_view why) {
    if (!session.v5()) return;
    mqtt::Properties properties;
    properties.text(PropertyId::reason_string, reason_text(why));
    Bytes packet;
    static_cast<void>(mqtt::encode_disconnect({.reason = reason, .properties = properties}, session.version, packet));
    if (why.empty() || packet.size() > session.max_packet) {
        packet.clear();
        static_cast<void>(mqtt::encode_disconnect({.reason = reason, .properties = {}}, session.version, packet));
    }
    send_answer(session, packet);
}

void Hub::put_session(Session& session) {
    session.stored = true;
    store_op(PutSession{{.number = session.number,
                         .client_id = session.client_id,
                         .expiry_seconds = session.expiry_seconds,
                         .offline_since = session.link != nullptr ? 0 : to_millis(session.since)}});
}

void Hub::close(Session& session, CloseCause cause, ReasonCode reason, std::string_view why) {
    spdlog::info("close {} from {}: {}: {}", session.client_id, session.link->peer(), describe(cause), why);
    if (cause == CloseCause::protocol_error) counters_.protocol_errors_total.add();
    Link* link = session.link;
    say_disconnect(session, reason, cause == CloseCause::taken_over || !tells_why(cause, reason) ? "" : why);
    end_connection(session, cause);
    link->close(cause);
}

void Hub::reject(Session& session, const Error& error) {
    counters_.malformed_total.add();
    close(session, CloseCause::invalid_param, mqtt::reason_code_for(error), error.message());
}

void Hub::lost(Session& session, CloseCause cause) {
    if (cause == CloseCause::no_heart) counters_.keep_alive_timeouts_total.add();
    spdlog::debug("lost {}: {}", session.client_id, describe(cause));
    end_connection(session, cause);
}

// The session goes offline, or ends with its connection. The session may be gone afterwards.
void Hub::end_connection(Session& session, CloseCause cause) {
    const std::string peer = session.link->peer();
    if (session.holding || session.slowed) session.link->hold_reading(false);
    session.holding = session.slowed = false;
    session.link = nullptr;
    if (session.grant) {
        expiries_.forget(session.number);
        session.grant.reset();
    }
    ++session.epoch;
    place_in_groups(session);
    session.since = ports_.clock.wall();
    session.aliases.reset();
    counters_.connections.sub();
    counters_.disconnects_total.add();
    trace_end(session, cause);
    if (cause == CloseCause::disconnected_by_client) tell_presence(session, "disconnect", peer);
    tell_presence(session, "tcpclean", peer);
    if (session.in) {
        session.in->acks.clear();
        session.in->first_ack = 0;
        session.in->aliases.clear();
    }
    if (session.will && (session.will->delay_seconds == 0 || !session.persistent)) publish_will(session);
    if (!session.persistent) return remove_session(session);
    if (session.out) put_back(session);
    put_session(session);
    if (session.will)
        schedule(Timer::What::publish_will, session,
                 seconds(std::min(session.will->delay_seconds, session.expiry_seconds)));
    if (session.expiry_seconds != kNeverExpires)
        schedule(Timer::What::expire_session, session, seconds(session.expiry_seconds));
}

void Hub::remove_session(Session& session) {
    std::vector<LaneEntry> shared;  // for other members of their groups
    if (session.out) {
        put_back(session);
        for (auto* lane : {&session.out->ordinary, &session.out->p2p}) {
            lane->for_each_live([&](LaneEntry& entry) {
                counters_.queued_messages.sub();
                if (entry.share != 0) return shared.push_back(entry);
                if (entry.owed) store_op(AckMessage{entry.message->id, session.number});
            });
        }
    }
    while (!session.filters.empty()) drop_filter(session, std::string(session.filters.back().filter));
    // What is passed on must be on disk as owed to another before the session may go from there.
    auto farewell = session.stored ? std::make_shared<SessionNumber>(session.number) : nullptr;
    for (const auto& entry : shared) pass_on(entry, session.number, farewell);
    if (farewell.use_count() == 1) store_op(RemoveSession{session.number});
    by_number_.erase(session.number);
    counters_.sessions.sub();
    const std::string id = session.client_id;
    sessions_.erase(id);
}

bool Hub::kick(std::string_view client_id) {
    Session* session = find(client_id);
    if (session == nullptr || session->link == nullptr) return false;
    close(*session, CloseCause::kicked, ReasonCode::administrative_action, "by an administrator");
    return true;
}

void Hub::close_all(CloseCause cause) {
    std::vector<SessionNumber> online;
    for (const auto& [id, session] : sessions_) {
        if (session->link != nullptr) online.push_back(session->number);
    }
    for (const auto number : online) {
        if (Session* s = find(number); s != nullptr && s->link != nullptr) {
            Link* link = s->link;
            say_disconnect(*s, ReasonCode::server_shutting_down, {});
            end_connection(*s, cause);
            link->close(cause);
        }
    }
}

void Hub::trace_refusal(std::string_view client_id, CloseCause cause, ReasonCode reason) {
    if (!ports_.tracer.devices()) return;
    const auto channel = channel_text(ports_.ids.channel.fetch_add(1), ports_.ids.channel_key);
    const auto told = cause != CloseCause::refused           ? cause
                      : reason == ReasonCode::not_authorized ? CloseCause::not_authorized
                      : reason == ReasonCode::quota_exceeded ? CloseCause::refused
                                                             : CloseCause::invalid_param;
    ports_.tracer.device(TraceAction::close, client_id, channel, trace_info(told));
}

void Hub::trace_end(const Session& session, CloseCause cause) {
    if (!ports_.tracer.devices()) return;
    const auto action = cause == CloseCause::disconnected_by_client ? TraceAction::disconnect : TraceAction::close;
    ports_.tracer.device(action, session.client_id, channel_text(session.channel, ports_.ids.channel_key),
                         trace_info(cause));
}

}  // namespace esl::broker
