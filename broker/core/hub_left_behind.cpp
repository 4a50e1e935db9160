// Wills and connections as the store keeps them, and what is said after a restart for those that were alive before.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/core/hub.hpp"

namespace esl::broker {

void Hub::store_will(const Session& session) {
    store_op(PutWill{{.session = session.number,
                      .client_id = session.client_id,
                      .delay_seconds = session.will->delay_seconds,
                      .message = session.will->message}});
}

// Nobody is to hear of it any more.
void Hub::forget_will(Session& session) {
    if (!session.will) return;
    store_op(RemoveWill{session.will->message->id});
    session.will.reset();
}

void Hub::publish_will(Session& session) {
    if (!session.will) return;
    const auto will = std::move(session.will);
    publish_will_of(session.number, session.client_id, *will->message);
}

// Its record goes in the commit that writes what its receivers are owed, which waits for the outbox when a durable rule
// wants it.
void Hub::publish_will_of(SessionNumber number, std::string_view client_id, const Message& m) {
    counters_.wills_published_total.add();
    Parcel parcel(m.topic, m.payload);
    parcel.properties = m.properties;
    parcel.qos = m.qos;
    parcel.retain = m.retain;
    parcel.publisher = number;
    parcel.point_to_point = ports_.settings.p2p && parse_point_to_point(m.topic).has_value();
    if (m.expires != UnixMillis{}) parcel.expires = ports_.clock.wall() + m.expires.time_since_epoch();
    parcel.id = new_message_id();
    ports_.tracer.message(TraceAction::pub_mqtt, parcel.id, client_id);
    const bool waits = exports_ && export_publish(client_id, true, parcel);
    PendingPublish pending;
    if (waits) ++pending.waiting;
    if (m.qos != mqtt::QoS::at_most_once) {
        if (ports_.store != nullptr) pending.rare_part().also.emplace_back(RemoveWill{m.id});
    } else {
        store_op(RemoveWill{m.id});
    }
    const auto slot = route(parcel, std::move(pending));
    if (waits) export_slots_.push_back(slot);
}

void Hub::restore_left_behind(const StoredState& state) {
    const auto now = ports_.clock.wall();
    for (const auto& stored : state.wills) {
        if (ports_.peers.home_of(stored.client_id) != ports_.peers.self()) continue;
        Session* session = find(stored.session);
        if (session != nullptr && session->will) {  // of an earlier connection, published and perhaps not committed
            left_behind_.wills.push_back({.session = stored.session,
                                          .client_id = stored.client_id,
                                          .message = std::exchange(session->will, nullptr)->message});
        }
        if (session == nullptr || stored.delay_seconds == 0) {
            left_behind_.wills.push_back(stored);  // its session ended with its connection, or it is due at once
            continue;
        }
        session->will = std::make_unique<Will>(Will{stored.message, stored.delay_seconds});
        const auto gone = std::chrono::duration_cast<seconds>(now - session->since).count();
        const auto wait = std::min(stored.delay_seconds, session->expiry_seconds);
        const auto left = std::max<std::int64_t>(static_cast<std::int64_t>(wait) - gone, 0);
        schedule(Timer::What::publish_will, *session, seconds(left));
    }
    for (const auto& stored : state.connections) {
        if (ports_.peers.home_of(stored.client_id) == ports_.peers.self()) left_behind_.connections.push_back(stored);
    }
}

void Hub::publish_left_behind() {
    const auto left = std::exchange(left_behind_, {});
    for (const auto& connection : left.connections) {
        say_presence({.of = connection, .event = "tcpclean", .at = ports_.clock.wall()});
    }
    for (const auto& will : left.wills) publish_will_of(will.session, will.client_id, *will.message);
    if (!left.connections.empty() || !left.wills.empty()) {
        spdlog::info("the connections of before have ended: {} events, {} wills", left.connections.size(),
                     left.wills.size());
    }
}

}  // namespace esl::broker
