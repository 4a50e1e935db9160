// Towards the clients: who gets a message, queues, windows, and the clients' acknowledgements.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/core/hub.hpp"

namespace esl::broker {

using mqtt::PropertyId;
using mqtt::QoS;
using mqtt::ReasonCode;
using State = LaneEntry::State;

namespace {

// At QoS 2 the client may know the packet id already: such a message is seen through to its end.
bool may_expire(const LaneEntry& entry) {
    return entry.qos != QoS::exactly_once || !entry.sent_before;
}

}  // namespace

// What only receivers get: the rest of the message's time, the subscription's identifier, and the message's id, last:
// of what a publisher sent along nothing is taken out [MQTT-3.3.2-17], so the last of that name is ours.
mqtt::Properties Hub::added_properties(std::uint32_t subscription_id, UnixMillis expires, MessageId message) const {
    mqtt::Properties added;
    if (expires != UnixMillis{}) {
        const auto left = std::chrono::ceil<seconds>(expires - ports_.clock.wall()).count();
        added.number(PropertyId::message_expiry_interval, static_cast<std::uint32_t>(std::max<std::int64_t>(left, 0)));
    }
    if (subscription_id != 0) added.number(PropertyId::subscription_identifier, subscription_id);
    if (const auto& name = ports_.settings.message_id_property; !name.empty())
        added.user(name, message_id_text(ports_.ids.instance, message));
    return added;
}

bool Hub::deliver_here(Parcel& parcel, Recipients& owed) {
    encoded_.stamp = 0;
    if (parcel.point_to_point) {
        // No subscription is asked for, and no other session sees it.
        Session* session = find(parse_point_to_point(parcel.topic)->client_id);
        if (session == nullptr || (parcel.online_only && session->link == nullptr)) return false;
        deliver_to(*session, parcel, parcel.qos, false, 0, &owed);
        return true;
    }
    matches_.clear();
    tree_.match(parcel.topic, matches_);
    if (matches_.empty()) return false;
    ++stamp_;
    merged_.clear();
    for (const auto& match : matches_) {
        if (match.options.no_local && match.holder == parcel.publisher) continue;
        Session* session = find(match.holder);
        // As with a clean session. A filter of lower QoS that matches as well still queues its copy.
        if (session->link == nullptr && match.options.qos == static_cast<std::uint8_t>(QoS::exactly_once) &&
            !ports_.settings.queue_qos2_offline) {
            continue;
        }
        // Overlapping filters give one copy at the highest QoS; those with identifiers of their own give one each, so
        // that the client can tell them apart.
        if (session->match_stamp == stamp_) {
            auto& before = merged_[session->match_index].options;
            if (before.identifier == match.options.identifier || match.options.identifier == 0 ||
                before.identifier == 0) {
                before.qos = std::max(before.qos, match.options.qos);
                before.identifier = std::max(before.identifier, match.options.identifier);
                before.retain_as_published |= match.options.retain_as_published;
                continue;
            }
        }
        session->match_stamp = stamp_;
        session->match_index = static_cast<std::uint32_t>(merged_.size());
        merged_.push_back(match);
    }
    for (const auto& match : merged_) {
        const auto qos = std::min(parcel.qos, static_cast<QoS>(match.options.qos));
        deliver_to(*find(match.holder), parcel, qos, parcel.retain && match.options.retain_as_published,
                   match.options.identifier, &owed);
    }
    return !merged_.empty();
}

void Hub::deliver_to(Session& session, Parcel& parcel, QoS qos, bool retain, std::uint32_t subscription_id,
                     Recipients* owed, std::uint32_t share) {
    if (qos == QoS::at_most_once) {
        const bool behind =
            parcel.ordered && session.out && session.link != nullptr &&
            !session.out->lane(parcel.point_to_point ? LaneKind::p2p : LaneKind::ordinary).everything_sent();
        if (session.link != nullptr && !behind) {
            // Behind what is queued already, so that one publisher's messages keep their order where that is cheap.
            if (session.link->backlog() > ports_.settings.limits.output_bytes ||
                !write_now(session, parcel, retain, subscription_id)) {
                counters_.dropped_qos0_total.add();
            }
            return;
        }
        if (!behind && (!session.persistent || !ports_.settings.queue_qos0_offline))
            return counters_.dropped_qos0_total.add();
    } else if (session.link == nullptr && !session.persistent) {
        return;
    }
    enqueue(session, parcel, qos, retain, subscription_id, owed, share);
}

// Straight into the output, without a queue or an allocation of its own.
bool Hub::write_now(Session& session, Parcel& parcel, bool retain, std::uint32_t subscription_id) {
    const auto id = session.v5() ? subscription_id : 0;
    if (session.alias_maximum != 0) {
        const mqtt::PublishView view{.topic = parcel.topic,
                                     .payload = parcel.payload,
                                     .properties = mqtt::PropertiesView(parcel.properties),
                                     .retain = retain};
        if (write_publish(session, view, added_properties(id, parcel.expires, parcel.id))) {
            ports_.tracer.message(TraceAction::sub, parcel.id, session.client_id);
        } else {
            counters_.dropped_too_large_total.add();
        }
        return true;
    }
    if (encoded_.stamp == 0 || encoded_.v5 != session.v5() || encoded_.retain != retain ||
        encoded_.subscription_id != id) {
        mqtt::Properties extra;
        if (session.v5()) extra = added_properties(id, parcel.expires, parcel.id);
        encoded_.bytes.clear();
        const mqtt::PublishView view{.topic = parcel.topic,
                                     .payload = parcel.payload,
                                     .properties = mqtt::PropertiesView(session.v5() ? parcel.properties : BytesView{}),
                                     .packet_id = 0,
                                     .qos = QoS::at_most_once,
                                     .retain = retain,
                                     .dup = false};
        if (!mqtt::encode_publish(view, session.version, encoded_.bytes, extra)) return false;
        encoded_.stamp = 1;
        encoded_.v5 = session.v5();
        encoded_.retain = retain;
        encoded_.subscription_id = id;
    }
    if (encoded_.bytes.size() > session.max_packet) {
        counters_.dropped_too_large_total.add();
        return true;
    }
    Bytes& out = session.link->output();
    out.insert(out.end(), encoded_.bytes.begin(), encoded_.bytes.end());
    counters_.publishes_sent_total.add();
    ports_.tracer.message(TraceAction::sub, parcel.id, session.client_id);
    return true;
}

void Hub::enqueue(Session& session, Parcel& parcel, QoS qos, bool retain, std::uint32_t subscription_id,
                  Recipients* owed, std::uint32_t share) {
    const auto& limits = ports_.settings.limits;
    auto& out = session.outgoing();
    Lane& lane = out.lane(parcel.point_to_point ? LaneKind::p2p : LaneKind::ordinary);
    const auto offline_share = std::max<std::size_t>(limits.offline_messages / ports_.peers.count(), 1);
    while (out.live() >= limits.queue_messages || out.bytes() >= limits.queue_bytes ||
           (session.link == nullptr && (counters_.queued_messages.get() >= offline_share ||
                                        live_message_bytes() >= limits.message_bytes))) {
        counters_.dropped_queue_full_total.add();
        if (const auto now = now_seconds(); now != told_of_drops_) {  // never silently, nor a line for each
            told_of_drops_ = now;
            spdlog::warn("the queue of {} is full: {} messages, {} bytes; the oldest go", session.client_id, out.live(),
                         out.bytes());
        }
        if (!drop_oldest(session, lane)) return;  // everything is in flight: the newcomer goes
    }
    LaneEntry entry;
    entry.message = parcel.share();
    entry.subscription_id = subscription_id;
    entry.share = share;
    entry.qos = qos;
    entry.retain = retain;
    entry.owed = qos != QoS::at_most_once && session.persistent && ports_.store != nullptr && owed != nullptr;
    entry.held = entry.owed && qos == QoS::exactly_once;
    entry.offline = entry.fresh = session.link == nullptr;
    const auto& queued = lane.push(std::move(entry));
    counters_.queued_messages.add();
    if (queued.owed) {
        owed->push_back({.session = session.number,
                         .sequence = queued.sequence,
                         .subscription_id = subscription_id,
                         .qos = qos,
                         .retain = retain});
    }
    if (session.link != nullptr) pump_lane(session, lane);
}

bool Hub::drop_oldest(Session& session, Lane& lane) {
    auto& out = *session.out;
    if (out.aside.empty()) {
        LaneEntry* oldest = lane.oldest_waiting();
        if (oldest != nullptr) drop(session, lane, *oldest);
        return oldest != nullptr;
    }
    const auto entry = out.take_aside(false);
    if (entry.owed) store_op(AckMessage{entry.message->id, session.number});
    counters_.queued_messages.sub();
    return true;
}

void Hub::drop(Session& session, Lane& lane, LaneEntry& entry) {
    if (entry.owed) store_op(AckMessage{entry.message->id, session.number});
    counters_.queued_messages.sub();
    lane.finish(entry);
}

bool Hub::too_old(const Message& message, UnixMillis now) const {
    return message.expired(now) ||
           (message.born != UnixMillis{} && message.born + ports_.settings.limits.message_expiry < now);
}

// Queues are in the order of arrival, so each is looked at up to the first that may stay.
void Hub::drop_too_old() {
    const auto now = ports_.clock.wall();
    for (auto& [id, session] : sessions_) {
        if (!session->out || session->link != nullptr) continue;
        for (auto* lane : {&session->out->ordinary, &session->out->p2p}) {
            for (LaneEntry* entry = lane->oldest_waiting();
                 entry != nullptr && may_expire(*entry) && too_old(*entry->message, now);
                 entry = lane->oldest_waiting()) {
                counters_.dropped_expired_total.add();
                drop(*session, *lane, *entry);
            }
        }
    }
}

std::uint16_t Hub::window(const Session& session, LaneKind kind) const {
    const auto& limits = ports_.settings.limits;
    // The client's receive maximum is shared by halves, so that neither lane can take all of it.
    const auto theirs = session.receive_maximum;
    const auto p2p_share = static_cast<std::uint16_t>(ports_.settings.p2p ? theirs / 2 : 0);
    if (theirs == 1)
        return session.out->live() > 0 && session.out->ordinary.in_flight() + session.out->p2p.in_flight() > 0 ? 0 : 1;
    return kind == LaneKind::p2p ? std::min(limits.in_flight_p2p, p2p_share)
                                 : std::min(limits.in_flight, static_cast<std::uint16_t>(theirs - p2p_share));
}

void Hub::pump(Session& session) {
    pump_lane(session, session.out->p2p);
    pump_lane(session, session.out->ordinary);
}

void Hub::pump_lane(Session& session, Lane& lane) {
    const auto wall = ports_.clock.wall();
    for (;;) {
        if (session.link->backlog() > ports_.settings.limits.output_bytes) break;  // writable() goes on
        LaneEntry* entry = lane.next_to_send(window(session, lane.kind()));
        if (entry == nullptr) break;
        if (entry->state == State::waiting && may_expire(*entry) && too_old(*entry->message, wall)) {
            counters_.dropped_expired_total.add();
            drop(session, lane, *entry);
            continue;
        }
        if (!write_entry(session, *entry, lane.kind())) {
            counters_.dropped_too_large_total.add();
            drop(session, lane, *entry);
            continue;
        }
        if (entry->qos == QoS::at_most_once) counters_.queued_messages.sub();
        entry->sent_at = static_cast<std::uint32_t>(now_millis());
        lane.mark_sent();
    }
    if (lane.in_flight() > 0 && !session.awaits_acks && ports_.settings.resend_unacknowledged && !session.v5()) {
        session.awaits_acks = true;
        awaiting_acks_.push_back(session.number);
    }
}

// False when it is larger than the client takes.
bool Hub::write_entry(Session& session, LaneEntry& entry, LaneKind kind) {
    const auto id = entry.qos == QoS::at_most_once ? mqtt::PacketId{0} : packet_id_of(kind, entry.sequence);
    Bytes& out = session.link->output();
    if (entry.state == State::released) {
        if (!entry.release_wait) mqtt::encode_ack(mqtt::PacketType::pubrel, id, out);
        return true;
    }
    const Message& m = *entry.message;
    const bool v5 = session.v5();
    mqtt::Properties extra;
    if (v5) extra = added_properties(entry.subscription_id, m.expires, m.id);
    const mqtt::PublishView view{.topic = m.topic,
                                 .payload = m.payload,
                                 .properties = mqtt::PropertiesView(v5 ? BytesView(m.properties) : BytesView{}),
                                 .packet_id = id,
                                 .qos = entry.qos,
                                 .retain = entry.retain,
                                 .dup = entry.sent_before && entry.qos != QoS::at_most_once};
    if (!write_publish(session, view, extra)) return false;
    ports_.tracer.message(entry.offline ? TraceAction::push_offline : TraceAction::sub, m.id, session.client_id);
    entry.sent_before = true;
    return true;
}

bool Hub::write_publish(Session& session, mqtt::PublishView view, const mqtt::Properties& extra) {
    Bytes& out = session.link->output();
    const auto before = out.size();
    const auto fits = [&](const mqtt::Properties& properties) {
        const bool good = mqtt::encode_publish(view, session.version, out, properties).has_value() &&
                          out.size() - before <= session.max_packet;
        if (!good) out.resize(before);
        return good;
    };
    if (session.alias_maximum != 0 && !session.aliases)
        session.aliases = std::make_unique<TopicAliases>(session.alias_maximum);
    const auto topic = view.topic;
    const auto alias = session.aliases ? session.aliases->use(topic) : TopicAliases::Use{};
    bool done = false;
    if (alias.alias != 0) {
        mqtt::Properties with_alias = extra;
        with_alias.number(PropertyId::topic_alias, alias.alias);
        if (!alias.fresh) view.topic = {};
        done = fits(with_alias);
        if (!done && alias.fresh) session.aliases->take_back(topic);
        view.topic = topic;
    }
    // With a new alias it was too large: perhaps it is not without.
    if (!done && (alias.alias == 0 || alias.fresh)) done = fits(extra);
    if (done) counters_.publishes_sent_total.add();
    return done;
}

void Hub::writable(Session& session) {
    if (session.link != nullptr && session.out) pump(session);
}

void Hub::release_committed(const Recipients& recipients, bool point_to_point) {
    for (const auto& to : recipients) {
        Session* session = find(to.session);
        if (session == nullptr || !session->out || to.qos != QoS::exactly_once) continue;
        Lane& lane = session->out->lane(point_to_point ? LaneKind::p2p : LaneKind::ordinary);
        if (LaneEntry* entry = lane.find(to.sequence)) entry->held = false;
        if (session->link != nullptr) pump_lane(*session, lane);
    }
}

// The publisher has been told that the store did not take it. What a client has been sent already it may keep.
void Hub::withdraw(const Recipients& recipients, bool point_to_point) {
    for (const auto& to : recipients) {
        Session* session = find(to.session);
        if (session == nullptr || !session->out) continue;
        Lane& lane = session->out->lane(point_to_point ? LaneKind::p2p : LaneKind::ordinary);
        LaneEntry* entry = lane.find(to.sequence);
        if (entry == nullptr || entry->sent_before) continue;
        drop(*session, lane, *entry);
        if (session->link != nullptr) pump_lane(*session, lane);
    }
}

bool Hub::on_puback(Session& session, const mqtt::Frame& frame) {
    const auto packet = mqtt::decode_ack(frame, session.version);
    if (!packet) return reject(session, packet.error()), false;
    const auto kind = lane_of(packet->packet_id);
    LaneEntry* entry = session.out ? session.out->lane(kind).find_sent(packet->packet_id) : nullptr;
    const auto type = frame.type;
    const bool fits = entry != nullptr && (type == mqtt::PacketType::puback ? entry->qos == QoS::at_least_once
                                                                            : entry->qos == QoS::exactly_once);
    if (!fits) {
        // An old acknowledgement, or a repeat whose first was enough. PUBREC alone wants an answer.
        if (type == mqtt::PacketType::pubrec && !mqtt::is_failure(packet->reason)) {
            static_cast<void>(mqtt::encode_ack(
                mqtt::PacketType::pubrel,
                {.packet_id = packet->packet_id, .reason = ReasonCode::packet_identifier_not_found, .properties = {}},
                session.version, session.link->output()));
        }
        return true;
    }
    Lane& lane = session.out->lane(kind);
    if (type == mqtt::PacketType::pubrec && !mqtt::is_failure(packet->reason)) {
        if (entry->release_wait) return true;
        entry->sent_at = static_cast<std::uint32_t>(now_millis());
        if (entry->state == State::sent && entry->owed) {
            // After PUBREL the client forgets the id; before that is on disk a restart would send the message anew.
            entry->state = State::released;
            entry->release_wait = true;
            store_op(ReleaseMessage{entry->message->id, session.number});
            after_.push_back({.what = AfterCommit::What::pubrel,
                              .session = session.number,
                              .packet_id = packet->packet_id,
                              .sequence = entry->sequence});
            return true;
        }
        entry->state = State::released;
        mqtt::encode_ack(mqtt::PacketType::pubrel, packet->packet_id, session.link->output());
        return true;
    }
    if (type == mqtt::PacketType::pubcomp && entry->state != State::released) return true;
    drop(session, lane, *entry);
    if (!lane.everything_sent()) pump_lane(session, lane);
    return true;
}

// The mark of a PUBREC is on disk. The client may have gone, or have come back, meanwhile.
void Hub::released(const AfterCommit& what) {
    Session* session = find(what.session);
    if (session == nullptr || !session->out) return;
    LaneEntry* entry = session->out->lane(lane_of(what.packet_id)).find(what.sequence);
    if (entry == nullptr || !entry->release_wait) return;
    entry->release_wait = false;
    if (session->link != nullptr && entry->counted) {
        mqtt::encode_ack(mqtt::PacketType::pubrel, what.packet_id, session->link->output());
    }
}

// 3.1 and 3.1.1: what has not been acknowledged in time is sent again, a bounded number of times.
void Hub::resend_overdue() {
    const auto now = static_cast<std::uint32_t>(now_millis());
    const auto wait = static_cast<std::uint32_t>(ports_.settings.limits.ack_wait.count());
    if (wait == 0) return;
    std::erase_if(awaiting_acks_, [&](SessionNumber number) {
        Session* session = find(number);
        if (session == nullptr) return true;
        if (session->link == nullptr || session->v5() || !session->out || session->out->live() == 0) {
            session->awaits_acks = false;
            return true;
        }
        for (auto* lane : {&session->out->ordinary, &session->out->p2p}) {
            std::vector<std::uint32_t> given_up;
            lane->for_each_sent([&](LaneEntry& entry) {
                if (!entry.counted || entry.release_wait || now - entry.sent_at < wait) return;
                if (session->link->backlog() > ports_.settings.limits.output_bytes) return;
                if (entry.resends >= ports_.settings.limits.resends) {
                    given_up.push_back(entry.sequence);
                    return;
                }
                ++entry.resends;
                entry.sent_at = now;
                counters_.publishes_resent_total.add();
                write_entry(*session, entry, lane->kind());
            });
            for (const auto sequence : given_up) {
                LaneEntry* entry = lane->find(sequence);
                if (entry == nullptr) continue;
                counters_.dropped_given_up_total.add();
                spdlog::info("give up a message for {} after {} repeats: packet id {} is never acknowledged",
                             session->client_id, ports_.settings.limits.resends, packet_id_of(lane->kind(), sequence));
                drop(*session, *lane, *entry);
            }
            if (!given_up.empty()) pump_lane(*session, *lane);
        }
        return false;
    });
}

}  // namespace esl::broker
