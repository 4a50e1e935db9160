#include "broker/core/hub.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace esl::broker {

Parcel::Parcel(const MessagePtr& message)
    : topic(message->topic),
      payload(message->payload),
      properties(message->properties),
      id(message->id),
      qos(message->qos),
      retain(message->retain),
      point_to_point(message->point_to_point),
      ordered(message->ordered),
      online_only(message->online_only),
      expires(message->expires),
      born(message->born),
      publisher(message->publisher),
      shared_(message) {}

const MessagePtr& Parcel::share() {
    if (!shared_) {
        shared_ = make_message(Message{.id = id,
                                       .topic = topic,
                                       .payload = payload,
                                       .properties = properties,
                                       .qos = qos,
                                       .retain = retain,
                                       .point_to_point = point_to_point,
                                       .ordered = ordered,
                                       .online_only = online_only,
                                       .expires = expires,
                                       .born = born,
                                       .publisher = publisher});
    }
    return shared_;
}

Hub::Hub(Ports ports, std::shared_ptr<const Registry> registry)
    : ports_(std::move(ports)),
      registry_(std::move(registry)),
      shares_(ports_.peers.self(), ports_.peers.count()),
      started_(ports_.clock.steady()) {}

std::uint64_t Hub::now_millis() const {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<milliseconds>(ports_.clock.steady() - started_).count());
}

std::uint32_t Hub::now_seconds() const {
    return static_cast<std::uint32_t>(now_millis() / 1'000) + 1;
}

MessageId Hub::new_message_id() {
    constexpr MessageId kBlock = 64;
    if (next_id_ == end_id_) {
        next_id_ = ports_.ids.message.fetch_add(kBlock, std::memory_order_relaxed);
        end_id_ = next_id_ + kBlock;
    }
    return next_id_++;
}

Session* Hub::find(SessionNumber number) {
    const auto at = by_number_.find(number);
    return at == by_number_.end() ? nullptr : at->second;
}

Session* Hub::find(std::string_view client_id) {
    const auto at = sessions_.find(client_id);
    return at == sessions_.end() ? nullptr : at->second.get();
}

void Hub::store_op(StoreOperation operation) {
    if (ports_.store != nullptr) batch_.push_back(std::move(operation));
}

void Hub::schedule(Timer::What what, const Session& session, seconds delay) {
    const auto millis = static_cast<std::uint64_t>(milliseconds(delay).count());
    timers_.push({now_millis() + millis, session.number, session.epoch, what});
}

void Hub::restore(const StoredState& state) {
    const auto now = ports_.clock.wall();
    for (const auto& stored : state.sessions) {
        const auto& record = stored.record;
        if (ports_.peers.home_of(record.client_id) != ports_.peers.self()) continue;
        Session& session = new_session(record.client_id);
        by_number_.erase(session.number);
        session.number = record.number;
        by_number_[session.number] = &session;
        session.persistent = true;
        session.expiry_seconds = record.expiry_seconds;
        session.since = record.offline_since == 0 ? now : from_millis(record.offline_since);
        if (record.offline_since == 0) put_session(session);
        for (const auto& [filter, options] : stored.subscriptions) {
            PendingSubscribe nobody;
            const auto shared = mqtt::split_shared(filter);
            const bool matches = can_match(shared ? shared->filter : std::string_view(filter));
            hold(session, {filter, options, matches, shared.has_value()}, kNoSlot, nobody);
        }
        for (const auto id : stored.received) session.incoming().received.add({.packet_id = id, .committed = true});
        if (session.expiry_seconds != kNeverExpires) {
            const auto gone = std::chrono::duration_cast<seconds>(now - session.since).count();
            const auto left = static_cast<std::int64_t>(session.expiry_seconds) - gone;
            schedule(Timer::What::expire_session, session, seconds(std::max<std::int64_t>(left, 0)));
        }
    }
    restore_left_behind(state);
    // Lanes are refilled in the order of their sequence numbers, which is the order they were promised in.
    struct Entry {
        Session* session;
        LaneKind lane;
        LaneEntry entry;
    };
    std::vector<Entry> entries;
    for (const auto& owed : state.messages) {
        for (const auto& to : owed.recipients) {
            Session* session = find(to.session);
            if (session == nullptr) continue;
            LaneEntry entry;
            entry.message = owed.message;
            entry.sequence = to.sequence;
            entry.subscription_id = to.subscription_id;
            entry.qos = to.qos;
            entry.retain = to.retain;
            entry.owed = true;
            entry.offline = true;
            // Queued after its connection had ended, by what the store knows.
            entry.fresh = to.qos != mqtt::QoS::exactly_once && owed.message->born > session->since;
            entry.sent_before = true;  // perhaps: a DUP flag too many is allowed, one too few is not
            entry.state = to.released ? LaneEntry::State::released : LaneEntry::State::waiting;
            entries.push_back(
                {session, owed.message->point_to_point ? LaneKind::p2p : LaneKind::ordinary, std::move(entry)});
        }
    }
    std::ranges::sort(entries, {}, [](const Entry& e) { return e.entry.sequence; });
    for (auto& e : entries) {
        e.entry.share = share_of(*e.session, *e.entry.message);
        e.session->outgoing().lane(e.lane).push(std::move(e.entry));
    }
    counters_.queued_messages.add(entries.size());
    for (const auto& kept : state.retained) {
        retained_.put(kept.message, kept.order, ports_.settings.limits.retained_messages,
                      ports_.settings.limits.retained_bytes);
    }
    counters_.retained_messages.set(retained_.size());
}

bool Hub::packet(Session& session, const mqtt::Frame& frame) {
    using mqtt::PacketType;
    switch (frame.type) {
        case PacketType::publish:
            return on_publish(session, frame);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubcomp:
            return on_puback(session, frame);
        case PacketType::pubrel:
            return on_pubrel(session, frame);
        case PacketType::subscribe:
            return on_subscribe(session, frame);
        case PacketType::unsubscribe:
            return on_unsubscribe(session, frame);
        case PacketType::pingreq:
            if (const auto ok = mqtt::decode_ping(frame); !ok) return reject(session, ok.error()), false;
            mqtt::encode_pingresp(session.link->output());
            return true;
        case PacketType::disconnect: {
            const auto packet = mqtt::decode_disconnect(frame, session.version);
            if (!packet) return reject(session, packet.error()), false;
            if (session.v5()) {
                if (const auto expiry = packet->properties.number(mqtt::PropertyId::session_expiry_interval)) {
                    if (session.expiry_seconds == 0 && *expiry != 0) {
                        close(session, CloseCause::protocol_error, mqtt::ReasonCode::protocol_error,
                              "DISCONNECT: session expiry on a session that had none [MQTT-3.14.2-2]");
                        return false;
                    }
                    session.expiry_seconds = bounded_expiry(*expiry);
                    if (*expiry == 0) session.persistent = false;
                }
            }
            if (packet->reason != mqtt::ReasonCode::disconnect_with_will) forget_will(session);
            Link* link = session.link;
            end_connection(session, CloseCause::disconnected_by_client);
            link->close(CloseCause::disconnected_by_client);
            return false;
        }
        case PacketType::connect:
            close(session, CloseCause::protocol_error, mqtt::ReasonCode::protocol_error,
                  "a second CONNECT [MQTT-3.1.0-2]");
            return false;
        case PacketType::auth:
            close(session, CloseCause::protocol_error, mqtt::ReasonCode::protocol_error,
                  "AUTH: no authentication method was agreed on");
            return false;
        case PacketType::connack:
        case PacketType::suback:
        case PacketType::unsuback:
        case PacketType::pingresp:
            break;
    }
    close(session, CloseCause::protocol_error, mqtt::ReasonCode::protocol_error,
          std::string(mqtt::name(frame.type)) + " is for servers to send");
    return false;
}

void Hub::peer(ShardId from, PeerMessage&& message) {
    struct Visitor {
        Hub& hub;
        ShardId from;
        void operator()(RouteMessage& m) const {
            Parcel parcel(m.message);
            RouteReply reply{.slot = m.slot, .matched = false, .owed = {}};
            if (!m.only_shares) reply.matched = hub.deliver_here(parcel, reply.owed);
            if (!m.shares.empty()) hub.deliver_shares(m, parcel, reply);
            if (m.retain_order != 0) static_cast<void>(hub.keep_retained(m.message, m.retain_order));
            if (m.slot != kNoSlot) hub.ports_.peers.post(from, std::move(reply));
        }
        void operator()(RouteReply& m) const {
            auto& pending = hub.publishes_[m.slot];
            pending.matched |= m.matched;
            if (!m.owed.empty()) pending.owed_there.emplace_back(from, m.owed.size());
            pending.owed.insert(pending.owed.end(), m.owed.begin(), m.owed.end());
            if (!m.refused.empty()) hub.choose_again(m.slot, m.refused);
            if (--pending.waiting == 0) hub.settle(m.slot);
        }
        void operator()(Committed& m) const {
            if (m.stored) {
                hub.release_committed(m.recipients, m.point_to_point);
            } else {
                hub.withdraw(m.recipients, m.point_to_point);
            }
        }
        void operator()(ShareChange& m) const { hub.peer_counts(from, m); }
        void operator()(SlotReply& m) const { hub.release_subscribe(m.slot); }
        void operator()(RunThere& m) const { m.work(hub); }
    };
    std::visit(Visitor{*this, from}, message);
}

void Hub::end_turn() {
    counters_.turns_total.add();
    hear_interest();
    ports_.tracer.end_turn();
    post_exports();
    if (batch_.empty() && after_.empty() && !ask_again_) return;
    ask_again_ = false;
    batches_.push_back(std::move(after_));
    after_.clear();
    const auto number = ++batches_posted_;
    std::vector<StoreOperation> operations;
    operations.swap(batch_);
    ports_.store->post(std::move(operations),
                       [tell = ports_.on_stored, number](const Result<>& result) { tell(number, result); });
    store_behind_ = ports_.store->figures().waiting > ports_.settings.limits.store_queue;
}

void Hub::stored(std::uint64_t batch, const Result<>& result) {
    assert(batch == batches_answered_ + 1);
    batches_answered_ = batch;
    const auto after = std::move(batches_.front());
    batches_.pop_front();
    if (!result) {
        for (const auto& next : after) {
            if (next.what == AfterCommit::What::publish && can_be_refused(publishes_[next.slot])) {
                counters_.store_failures_total.add();
                complete(next.slot, false);
            } else if (next.what == AfterCommit::What::presence || next.what == AfterCommit::What::connack) {
                // Better told, or let in, without a record than not at all while the disk is full.
                follow(next);
            } else {
                late_.push_back(next);
            }
        }
        return;
    }
    // What the store had kept has been committed before this batch.
    std::vector<AfterCommit> late;
    late.swap(late_);
    for (const auto& next : late) follow(next);
    for (const auto& next : after) follow(next);
}

void Hub::follow(const AfterCommit& next) {
    switch (next.what) {
        case AfterCommit::What::publish:
            return complete(next.slot, true);
        case AfterCommit::What::subscribe:
            return release_subscribe(next.slot);
        case AfterCommit::What::pubrel:
            return released(next);
        case AfterCommit::What::presence:
            return presence_stored();
        case AfterCommit::What::connack:
            return let_connack_go(next);
        case AfterCommit::What::pubcomp: {
            Session* session = find(next.session);
            if (session == nullptr || session->link == nullptr || session->epoch != next.epoch) return;
            static_cast<void>(mqtt::encode_ack(mqtt::PacketType::pubcomp,
                                               {.packet_id = next.packet_id, .reason = next.reason, .properties = {}},
                                               session->version, session->link->output()));
            return;
        }
    }
}

void Hub::let_slowed_go_on() {
    std::vector<SessionNumber> slowed;
    slowed.swap(slowed_);
    for (const auto number : slowed) {
        Session* session = find(number);
        if (session == nullptr || !session->slowed) continue;
        session->slowed = false;
        if (session->link != nullptr && !session->holding) session->link->hold_reading(false);
    }
}

void Hub::tick() {
    const auto now = now_seconds();
    end_id_ = next_id_;  // numbers of long ago would stand between the store's old rows
    ask_again_ = !late_.empty();
    if (store_behind_) store_behind_ = ports_.store->figures().waiting > ports_.settings.limits.store_queue;
    let_slowed_go_on();
    while (!timers_.empty() && timers_.top().at <= now_millis()) {
        const Timer timer = timers_.top();
        timers_.pop();
        Session* session = find(timer.session);
        if (session == nullptr || session->epoch != timer.epoch || session->link != nullptr) continue;
        switch (timer.what) {
            case Timer::What::publish_will:
                publish_will(*session);
                break;
            case Timer::What::expire_session:
                counters_.sessions_expired_total.add();
                publish_will(*session);
                remove_session(*session);
                break;
        }
    }
    watch_expiries();
    resend_overdue();
    drain();
    ports_.tracer.flush();
    constexpr std::uint32_t kSweepEvery = 60;
    if (now % kSweepEvery == 0) {
        // A removal can go once no older change can still be on its way between shards: a minute is ample.
        const auto order = ports_.ids.order.load(std::memory_order_relaxed);
        drop_too_old();
        retained_.sweep(ports_.clock.wall(), swept_order_, [&](const Message& message, std::uint64_t order_of_it) {
            store_op(RemoveRetained{std::string(message.topic), order_of_it + 1});
        });
        swept_order_ = order;
        counters_.retained_messages.set(retained_.size());
    }
}

void Hub::say_system_topics(const SystemTotals& totals) {
    const auto uptime = std::chrono::duration_cast<seconds>(ports_.clock.steady() - started_);
    system_topics_.update(totals, ports_.settings.system_interval, uptime,
                          [&](std::string_view topic, const std::string& value) {
                              Parcel parcel(topic, as_bytes(value));
                              parcel.retain = ports_.settings.retain;
                              route(parcel, {});
                          });
}

MessageId Hub::publish_system(const SystemMessage& message, std::function<void(bool, MessageId)> told) {
    Parcel parcel(message.topic, message.payload);
    parcel.properties = message.properties;
    parcel.qos = message.qos;
    parcel.retain = message.retain;
    parcel.expires = message.expires;
    parcel.point_to_point = ports_.settings.p2p && parse_point_to_point(message.topic).has_value();
    parcel.online_only = message.online_only && parcel.point_to_point;
    parcel.id = new_message_id();
    const auto id = parcel.id;
    ports_.tracer.message(TraceAction::pub_mq, id, {});
    PendingPublish pending;
    pending.qos = message.qos;
    const bool answered = message.qos != mqtt::QoS::at_most_once;
    if (told && answered) {
        pending.rare_part().told = [told, id](bool stored) { told(stored, id); };
    }
    route(parcel, std::move(pending));
    if (told && !answered) told(true, id);
    return id;
}

}  // namespace esl::broker
