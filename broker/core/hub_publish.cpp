// PUBLISH from a client: checks, routing, and the acknowledgement that follows once everything owed is on disk.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/core/hub.hpp"
#include "common/mqtt/topic.hpp"

namespace esl::broker {

using mqtt::PropertyId;
using mqtt::QoS;
using mqtt::ReasonCode;

namespace {

// What travels on: everything but the alias and the expiry, which each hop writes anew.
BytesView forwarded(mqtt::PropertiesView properties, Bytes& scratch) {
    if (properties.empty()) return {};
    scratch.clear();
    for (auto it = properties.begin(); it != properties.end(); ++it) {
        if (it->id == PropertyId::topic_alias || it->id == PropertyId::message_expiry_interval) continue;
        const auto raw = it.raw();
        scratch.insert(scratch.end(), raw.begin(), raw.end());
    }
    return scratch;
}

bool is_control_topic(std::string_view topic) {
    return topic == "$SYS/uploadToken" || topic == "$SYS/enableOrderMsg" || topic == "$SYS/getOfflineMsg";
}

}  // namespace

bool Hub::resolve_alias(Session& session, mqtt::PublishView& packet) {
    const auto alias = packet.properties.number(PropertyId::topic_alias);
    if (!alias) {
        if (!packet.topic.empty()) return true;
        close(session, CloseCause::protocol_error, ReasonCode::protocol_error, "PUBLISH: neither topic nor alias");
        return false;
    }
    if (*alias == 0 || *alias > ports_.settings.limits.topic_alias) {
        // The service's own word for it is "topic name error".
        close(session, CloseCause::protocol_error,
              ports_.settings.apsara() ? ReasonCode::topic_name_invalid : ReasonCode::topic_alias_invalid,
              "PUBLISH: topic alias " + std::to_string(*alias) + ", at most " +
                  std::to_string(ports_.settings.limits.topic_alias));
        return false;
    }
    auto& aliases = session.incoming().aliases;
    if (aliases.size() < *alias) aliases.resize(*alias);
    auto& known = aliases[*alias - 1];
    if (!packet.topic.empty()) {
        known = packet.topic;
    } else if (known.empty()) {
        close(session, CloseCause::protocol_error, ReasonCode::protocol_error,
              "PUBLISH: topic alias " + std::to_string(*alias) + " was never set");
        return false;
    }
    packet.topic = known;
    return true;
}

// False: closed. A refusal is answered in the acknowledgement; without one the message goes on.
bool Hub::check_publish(Session& session, mqtt::PublishView& packet, std::optional<ReasonCode>& refusal) {
    const auto& settings = ports_.settings;
    if (packet.properties.find(PropertyId::subscription_identifier)) {
        close(session, CloseCause::protocol_error, ReasonCode::protocol_error,
              "PUBLISH: a client sends no subscription identifier [MQTT-3.3.4-6]");
        return false;
    }
    if (!resolve_alias(session, packet)) return false;
    if (packet.payload.size() > settings.limits.payload) {
        counters_.limit_payload_total.add();
        close(session, CloseCause::invalid_param, ReasonCode::packet_too_large,
              "PUBLISH: payload of " + std::to_string(packet.payload.size()) + " bytes, at most " +
                  std::to_string(settings.limits.payload));
        return false;
    }
    if (packet.retain && !settings.retain) {
        close(session, CloseCause::protocol_error, ReasonCode::retain_not_supported, "PUBLISH: retain is switched off");
        return false;
    }
    if (packet.topic.starts_with('$')) {
        // Control topics are answered and go nowhere; other topics of the server are not for clients to write.
        refusal =
            settings.apsara() && is_control_topic(packet.topic) ? ReasonCode::success : ReasonCode::not_authorized;
        if (settings.apsara() && packet.topic == "$SYS/enableOrderMsg")
            refusal = on_enable_order(session, packet.payload);
        if (settings.apsara() && packet.topic == "$SYS/getOfflineMsg")
            refusal = on_get_offline(session, packet.payload);
        return !settings.apsara() || packet.topic != "$SYS/uploadToken" || on_upload_token(session, packet.payload);
    }
    if (mqtt::level_count(packet.topic) > settings.limits.topic_levels) {
        counters_.limit_levels_total.add();
        refusal = ReasonCode::topic_name_invalid;
        return true;
    }
    if (!settings.apsara()) return !session.grant || authorize_publish(session, packet.topic, refusal);
    if (const auto ok = registry_->check_topic(packet.topic); !ok) {
        const bool unknown = ok.error().is(NameError::unknown_parent);
        close(session, unknown ? CloseCause::resource_auth_failed : CloseCause::invalid_param,
              unknown ? ReasonCode::not_authorized : ReasonCode::topic_name_invalid,
              "PUBLISH: " + ok.error().message());
        return false;
    }
    return !session.grant || authorize_publish(session, packet.topic, refusal);
}

// Near the bound each publisher is read from once a second; at the bound only older clients at QoS 1 and 2, which
// cannot be told no, get in more.
bool Hub::room_for(Session& session, const mqtt::PublishView& packet, std::optional<ReasonCode>& refusal) {
    const auto most = ports_.settings.limits.message_bytes;
    const auto now = live_message_bytes();
    if (now < most - most / 8) return true;
    if (!session.slowed) {
        session.slowed = true;
        session.link->hold_reading(true);
        slowed_.push_back(session.number);
        counters_.limit_message_bytes_total.add();
    }
    if (now < most) return true;
    if (packet.qos == QoS::at_most_once) {
        counters_.dropped_qos0_total.add();
        return false;
    }
    if (session.v5() && !refusal) refusal = ReasonCode::quota_exceeded;
    return true;
}

bool Hub::on_publish(Session& session, const mqtt::Frame& frame) {
    auto decoded = mqtt::decode_publish(frame, session.version);
    if (!decoded) return reject(session, decoded.error()), false;
    auto& packet = *decoded;
    counters_.publishes_received_total.add();
    std::optional<ReasonCode> refusal;
    if (!check_publish(session, packet, refusal)) return false;
    if (!room_for(session, packet, refusal)) return true;

    PendingPublish pending;
    pending.publisher = session.number;
    pending.epoch = session.epoch;
    pending.packet_id = packet.packet_id;
    pending.qos = packet.qos;
    if (packet.qos != QoS::at_most_once) {
        auto& in = session.incoming();
        auto* const same = packet.qos == QoS::exactly_once ? in.received.find(packet.packet_id) : nullptr;
        if (same != nullptr) {
            // Sent again: taken once already. Before its commit PUBREC must wait [MQTT-4.3.3-10].
            if (same->committed) {
                mqtt::encode_ack(mqtt::PacketType::pubrec, packet.packet_id, session.link->output());
            } else {
                same->asked_again = true;
            }
            return true;
        }
        const std::size_t told = ports_.settings.limits.receive_maximum;
        if (session.v5() && (in.acks.size() >= told || in.received.size() >= told)) {
            counters_.limit_receive_maximum_total.add();
            close(session, CloseCause::protocol_error, ReasonCode::receive_maximum_exceeded,
                  "PUBLISH: more than " + std::to_string(told) + " unacknowledged");
            return false;
        }
        pending.ack = in.first_ack + in.acks.size();
        in.acks.push_back({.packet_id = packet.packet_id, .qos = packet.qos});
        if (refusal) {
            acknowledge(session, pending.ack, *refusal);
            return true;
        }
        if (packet.qos == QoS::exactly_once) in.received.add({.packet_id = packet.packet_id});
        pending.remember_id = packet.qos == QoS::exactly_once && session.stored && ports_.store != nullptr;
        // 3.1.1 clients know no receive maximum: they are slowed down instead, after what has been read already.
        const std::size_t most = store_behind_ ? 1 : told;
        if (in.acks.size() >= most && !session.holding) {
            if (store_behind_) counters_.limit_store_queue_total.add();
            session.holding = true;
            session.link->hold_reading(true);
        }
    } else if (refusal) {
        return true;
    }

    Parcel parcel(packet.topic, packet.payload);
    parcel.properties = forwarded(packet.properties, properties_scratch_);
    parcel.qos = packet.qos;
    parcel.retain = packet.retain;
    parcel.publisher = session.number;
    parcel.ordered = session.ordered;
    parcel.point_to_point = ports_.settings.p2p && parse_point_to_point(packet.topic).has_value();
    if (parcel.point_to_point) counters_.p2p_received_total.add();
    if (const auto expiry = packet.properties.number(PropertyId::message_expiry_interval)) {
        const auto& limits = ports_.settings.limits;
        auto interval = std::max(seconds(*expiry), limits.message_expiry_lowest);
        if (ports_.settings.apsara()) interval = std::min(interval, limits.message_expiry);
        parcel.expires = ports_.clock.wall() + interval;
    }
    parcel.id = new_message_id();
    ports_.tracer.message(TraceAction::pub_mqtt, parcel.id, session.client_id);
    const bool waits = exports_ && export_publish(session.client_id, !session.persistent, parcel);
    if (waits) ++pending.waiting;
    const auto slot = route(parcel, std::move(pending));
    if (waits) export_slots_.push_back(slot);
    return true;
}

std::uint32_t Hub::route(Parcel& parcel, PendingPublish&& pending) {
    parcel.born = ports_.clock.wall();
    pending.qos = parcel.qos;
    if (parcel.retain) {
        pending.retain_order = ports_.ids.order.fetch_add(1, std::memory_order_relaxed);
        const bool kept = keep_retained(parcel.share(), pending.retain_order);
        // What the broker says of itself is said anew after a restart.
        if (!parcel.point_to_point && ports_.store != nullptr && !mqtt::is_server_topic(parcel.topic)) {
            if (parcel.payload.empty() || !kept) {
                store_op(RemoveRetained{std::string(parcel.topic), pending.retain_order});
            } else {
                store_op(PutRetained{parcel.share(), pending.retain_order});
            }
        }
    }
    const bool answered = parcel.qos != QoS::at_most_once;
    // Which other shards must see it?
    const auto count = ports_.peers.count();
    const auto self = ports_.peers.self();
    std::uint64_t shards = 0;
    bool here = true;
    if (parcel.point_to_point) {
        const auto home = ports_.peers.home_of(parse_point_to_point(parcel.topic)->client_id);
        here = home == self;
        if (!here) shards = 1ULL << home;
    } else if (count > 1) {
        hear_interest();
        matches_.clear();
        interest_.match(parcel.topic, matches_);
        for (const auto& match : matches_) shards |= 1ULL << match.holder;
        if (parcel.retain) shards = (1ULL << count) - 1;
        shards &= ~(1ULL << self);
    }
    chosen_.clear();
    if (!shares_.empty() && !parcel.point_to_point) shares_.choose(parcel.topic, chosen_);
    for (const auto& choice : chosen_) {
        if (choice.shard != self) shards |= 1ULL << choice.shard;
    }
    // Most messages are over when this returns, and need no place to wait in.
    std::uint32_t slot = answered && (shards != 0 || pending.waiting != 0) ? take_publish_slot() : kNoSlot;
    for (ShardId to = 0; to < count; ++to) {
        if ((shards & (1ULL << to)) == 0) continue;
        RouteMessage message{parcel.share(), slot, parcel.point_to_point ? 0 : pending.retain_order};
        for (const auto& choice : chosen_) {
            if (choice.shard == to) message.shares.push_back({choice.group->key, choice.rank, choice.connected});
        }
        ports_.peers.post(to, std::move(message));
        ++pending.waiting;
    }
    if (here) pending.matched |= deliver_here(parcel, pending.owed);
    for (const auto& choice : chosen_) {
        if (choice.shard == self)
            pending.matched |= deliver_share(*choice.group, choice.rank, choice.connected, parcel, pending.owed);
    }
    if (!answered) return kNoSlot;
    if (!pending.owed.empty()) pending.owed_there.emplace_back(self, pending.owed.size());
    if (slot == kNoSlot) {
        if (!keeps(pending) && !pending.rare) {
            conclude(pending, true);
            return kNoSlot;
        }
        slot = take_publish_slot();
    }
    if (pending.waiting != 0 || !pending.owed.empty()) pending.message = parcel.share();
    const bool settled = pending.waiting == 0;
    publishes_[slot] = std::move(pending);
    if (settled) settle(slot);
    return slot;
}

std::uint32_t Hub::take_publish_slot() {
    if (free_publishes_.empty()) {
        publishes_.emplace_back();
        return static_cast<std::uint32_t>(publishes_.size() - 1);
    }
    const auto slot = free_publishes_.back();
    free_publishes_.pop_back();
    return slot;
}

// False: there is no room for it.
bool Hub::keep_retained(const MessagePtr& message, std::uint64_t order) {
    if (message->point_to_point) return true;  // for one client once: nobody could ask for it later
    const auto& limits = ports_.settings.limits;
    const bool no_room =
        retained_.put(message, order, limits.retained_messages, limits.retained_bytes) == Retained::Put::no_room;
    if (no_room) {
        counters_.limit_retained_total.add();
        if (const auto now = now_seconds(); now != told_of_retained_) {  // never silently, nor a line for each
            told_of_retained_ = now;
            spdlog::warn("the message of {} is not retained: {} are, {} bytes", message->topic, retained_.size(),
                         retained_.bytes());
        }
    }
    counters_.retained_messages.set(retained_.size());
    counters_.retained_bytes.set(retained_.bytes());
    return !no_room;
}

bool Hub::keeps(const PendingPublish& pending) const {
    return ports_.store != nullptr && (!pending.owed.empty() || pending.remember_id || pending.retain_order != 0);
}

// All shards have said whom they owe it to: store it, or finish at once when there is nothing to keep.
void Hub::settle(std::uint32_t slot) {
    auto& pending = publishes_[slot];
    const bool kept = keeps(pending);
    if (pending.rare) {
        auto& [told, also, farewell] = *pending.rare;
        for (auto& operation : also) store_op(std::move(operation));
        also.clear();
        if (farewell.use_count() == 1) store_op(RemoveSession{*farewell});
        farewell.reset();
    }
    if (pending.export_failed || !kept) return complete(slot, !pending.export_failed);
    if (!pending.owed.empty()) store_op(PutMessage{pending.message, pending.owed});
    if (pending.remember_id) store_op(PutReceived{pending.publisher, pending.packet_id});
    after_.push_back({.what = AfterCommit::What::publish, .slot = slot});
}

// Only a publisher of MQTT 5 that is still there can be told no. To whoever sends a message again after a reconnect it
// is still to come, before what it has sent since.
bool Hub::can_be_refused(const PendingPublish& pending) {
    const Session* publisher = pending.publisher == 0 ? nullptr : find(pending.publisher);
    return publisher != nullptr && publisher->link != nullptr && publisher->epoch == pending.epoch && publisher->v5() &&
           pending.qos != QoS::at_most_once;
}

void Hub::complete(std::uint32_t slot, bool stored) {
    auto& pending = publishes_[slot];  // stays where it is when others come meanwhile
    conclude(pending, stored);
    pending = {};
    free_publishes_.push_back(slot);
}

void Hub::conclude(PendingPublish& pending, bool stored) {
    // At QoS 1 who is there has been sent it already.
    if (!pending.owed.empty() && (!stored || pending.qos == QoS::exactly_once)) {
        auto from = pending.owed.begin();
        // owed_there lists the shards in the order in which `owed` was filled.
        for (const auto& [shard, count] : pending.owed_there) {
            const auto to = from + static_cast<std::ptrdiff_t>(count);
            Recipients recipients(from, to);
            from = to;
            const bool direct = pending.message->point_to_point;
            if (shard != ports_.peers.self()) {
                ports_.peers.post(shard, Committed{direct, std::move(recipients), stored});
            } else if (stored) {
                release_committed(recipients, direct);
            } else {
                withdraw(recipients, direct);
            }
        }
    }
    if (pending.rare && pending.rare->told) pending.rare->told(stored);
    if (pending.publisher == 0) return;
    if (!stored && pending.remember_id) store_op(RemoveReceived{pending.publisher, pending.packet_id});
    Session* session = find(pending.publisher);
    if (session == nullptr || !session->in) return;
    bool asked_again = false;
    if (pending.qos == QoS::exactly_once) {
        if (auto* const at = session->in->received.find(pending.packet_id)) {
            asked_again = at->asked_again;
            at->committed = stored;
            at->asked_again = false;
            if (!stored) session->in->received.remove(at);
        }
    }
    if (session->link == nullptr) return;
    if (pending.epoch == session->epoch) {
        const auto good = pending.matched ? ReasonCode::success : ReasonCode::no_matching_subscribers;
        acknowledge(*session, pending.ack, stored ? good : ReasonCode::quota_exceeded);
    } else if (asked_again) {  // only when stored: a refusal finds its publisher where it was
        mqtt::encode_ack(mqtt::PacketType::pubrec, pending.packet_id, session->link->output());
    }
}

void Hub::acknowledge(Session& session, std::uint64_t ack, ReasonCode reason) {
    auto& in = *session.in;
    auto& entry = in.acks[ack - in.first_ack];
    entry.reason = reason;
    entry.done = true;
    flush_acks(session);
}

void Hub::flush_acks(Session& session) {
    auto& in = *session.in;
    Bytes& out = session.link->output();
    while (!in.acks.empty() && in.acks.front().done) {
        const auto ack = in.acks.front();
        in.acks.pop_front();
        ++in.first_ack;
        const auto type = ack.qos == QoS::at_least_once ? mqtt::PacketType::puback : mqtt::PacketType::pubrec;
        if (session.v5() && ack.reason != ReasonCode::success) {
            static_cast<void>(mqtt::encode_ack(
                type, {.packet_id = ack.packet_id, .reason = ack.reason, .properties = {}}, session.version, out));
        } else {
            mqtt::encode_ack(type, ack.packet_id, out);
        }
    }
    const auto few = store_behind_ ? 0U : ports_.settings.limits.receive_maximum / 2U;
    if (session.holding && in.acks.size() <= few) {
        session.holding = false;
        if (!session.slowed) session.link->hold_reading(false);
    }
}

bool Hub::on_pubrel(Session& session, const mqtt::Frame& frame) {
    const auto packet = mqtt::decode_ack(frame, session.version);
    if (!packet) return reject(session, packet.error()), false;
    bool known = false;
    if (session.in) {
        const auto* const at = session.in->received.find(packet->packet_id);
        known = at != nullptr;
        if (known) session.in->received.remove(at);
    }
    // The id may be used again after PUBCOMP, so it must be forgotten on disk first: else a new message under it would
    // be taken for the old one.
    // A PUBREL that comes again over a new connection waits for the same commit.
    const auto reason = known ? ReasonCode::success : ReasonCode::packet_identifier_not_found;
    const bool removal_under_way = !batches_.empty() || !late_.empty() || !batch_.empty();
    if (session.stored && ports_.store != nullptr && (known || removal_under_way)) {
        if (known) store_op(RemoveReceived{session.number, packet->packet_id});
        after_.push_back({.what = AfterCommit::What::pubcomp,
                          .session = session.number,
                          .packet_id = packet->packet_id,
                          .epoch = session.epoch,
                          .reason = reason});
        return true;
    }
    static_cast<void>(mqtt::encode_ack(mqtt::PacketType::pubcomp,
                                       {.packet_id = packet->packet_id, .reason = reason, .properties = {}},
                                       session.version, session.link->output()));
    return true;
}

}  // namespace esl::broker
