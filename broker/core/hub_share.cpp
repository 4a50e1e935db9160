// Shared subscriptions: membership as the other shards must know it, and one member a message.
#include <algorithm>

#include "broker/core/hub.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

using mqtt::QoS;

namespace {

constexpr std::uint8_t kShareTries = 8;  // members that were gone when the message came to their shard

}  // namespace

// Where the member stands, and what the others are told of it. `slot`: the pending SUBACK that waits for their answers.
void Hub::place_member(Session& session, const HeldFilter& filter, bool leaves, std::uint32_t slot,
                       PendingSubscribe* pending) {
    using Place = SharedGroups::Place;
    const auto qos = static_cast<QoS>(filter.options.qos);
    const bool queues = session.persistent && (qos != QoS::exactly_once || ports_.settings.queue_qos2_offline) &&
                        (qos != QoS::at_most_once || ports_.settings.queue_qos0_offline);
    const auto place = leaves                    ? Place::nowhere
                       : session.link != nullptr ? Place::connected
                       : queues                  ? Place::waiting
                                                 : Place::nowhere;
    bool made = false;
    auto& group = shares_.get(filter.filter, made);
    if (made) count_wildcard(group.filter(), true);
    const bool changed = shares_.place(group, {session.number, filter.options}, place);
    if (changed) {
        const auto counts = group.counts[ports_.peers.self()];
        for (ShardId to = 0; to < ports_.peers.count(); ++to) {
            if (to == ports_.peers.self()) continue;
            ports_.peers.post(to, ShareChange{filter.filter, counts.connected, counts.waiting, slot});
            if (slot != kNoSlot) ++pending->waiting;
        }
    }
    leave_if_empty(group);
}

void Hub::leave_if_empty(SharedGroup& group) {
    const std::string filter(group.filter());
    if (shares_.drop_if_empty(group)) count_wildcard(filter, false);
}

// The session has come or gone.
void Hub::place_in_groups(Session& session) {
    if (!session.in_groups) return;
    for (const auto& filter : session.filters) {
        if (filter.shared && filter.matches) place_member(session, filter, false, kNoSlot, nullptr);
    }
}

void Hub::peer_counts(ShardId from, const ShareChange& m) {
    bool made = false;
    auto& group = shares_.get(m.key, made);
    if (made) count_wildcard(group.filter(), true);
    shares_.set_counts(group, from, {.connected = m.connected, .waiting = m.waiting});
    leave_if_empty(group);
    if (m.slot != kNoSlot) ports_.peers.post(from, SlotReply{m.slot});
}

// False when nobody is left here to take it.
bool Hub::deliver_share(const SharedGroup& group, std::uint32_t rank, bool connected, Parcel& parcel,
                        Recipients& owed) {
    const auto* member = SharedGroups::member(group, rank, connected);
    if (member == nullptr) return false;
    deliver_to(*find(member->holder), parcel, std::min(parcel.qos, static_cast<QoS>(member->options.qos)),
               parcel.retain && member->options.retain_as_published, member->options.identifier, &owed, group.number);
    return true;
}

// What another shard has chosen members of this one for.
void Hub::deliver_shares(const RouteMessage& m, Parcel& parcel, RouteReply& reply) {
    encoded_.stamp = 0;
    for (const auto& call : m.shares) {
        const SharedGroup* group = shares_.find(call.key);
        if (group != nullptr && deliver_share(*group, call.rank, call.connected, parcel, reply.owed)) {
            reply.matched = true;
        } else {
            reply.refused.push_back(call.key);
        }
    }
}

// Gives the message to one member of one group; the slot waits for it when that is on another shard.
void Hub::give_to_group(std::uint32_t slot, SharedGroup& group) {
    auto& pending = publishes_[slot];
    SharedGroups::Choice choice;
    if (!shares_.choose(group, choice)) return;
    if (choice.shard != ports_.peers.self()) {
        ports_.peers.post(choice.shard, RouteMessage{.message = pending.message,
                                                     .slot = slot,
                                                     .retain_order = 0,
                                                     .shares = {{group.key, choice.rank, choice.connected}},
                                                     .only_shares = true});
        ++pending.waiting;
        return;
    }
    Parcel parcel(pending.message);
    encoded_.stamp = 0;
    const auto before = pending.owed.size();
    pending.matched |= deliver_share(group, choice.rank, choice.connected, parcel, pending.owed);
    if (pending.owed.size() != before)
        pending.owed_there.emplace_back(ports_.peers.self(), pending.owed.size() - before);
}

// The members there had gone when the message came. Their shard's counts came ahead of this answer.
void Hub::choose_again(std::uint32_t slot, const std::vector<std::string>& keys) {
    for (const auto& key : keys) {
        if (++publishes_[slot].share_tries > kShareTries) return;
        if (SharedGroup* group = shares_.find(key)) give_to_group(slot, *group);
    }
}

// After a restart: by which shared subscription a message must have come to this session; 0 when it may have come by an
// ordinary one.
std::uint32_t Hub::share_of(const Session& session, const Message& message) {
    if (!session.in_groups || message.point_to_point) return 0;
    std::uint32_t number = 0;
    for (const auto& held : session.filters) {
        if (!held.matches) continue;
        if (!held.shared && mqtt::matches(held.filter, message.topic)) return 0;
        SharedGroup* group = held.shared ? shares_.find(held.filter) : nullptr;
        if (number == 0 && group != nullptr && mqtt::matches(group->filter(), message.topic)) number = group->number;
    }
    return number;
}

// The session has ended without acknowledging this: another member of its group gets it. At QoS 2 only what was never
// sent may go to somebody else [MQTT-4.8.2-5].
void Hub::pass_on(const LaneEntry& entry, SessionNumber ended, const std::shared_ptr<SessionNumber>& farewell) {
    SharedGroup* group = shares_.find(entry.share);
    SharedGroups::Choice anyone;
    const bool may = entry.qos == QoS::at_least_once ||
                     (entry.qos == QoS::exactly_once && entry.state == LaneEntry::State::waiting && !entry.sent_before);
    if (group == nullptr || !may || !shares_.choose(*group, anyone)) {
        if (entry.owed) store_op(AckMessage{entry.message->id, ended});
        return;
    }
    --group->next;  // that was only a look
    Parcel parcel(entry.message);
    parcel.renew(new_message_id());
    const auto slot = take_publish_slot();
    auto& pending = publishes_[slot];
    pending.qos = parcel.qos;
    pending.message = parcel.share();
    pending.rare_part().farewell = farewell;
    // The old debt ends in the commit that writes the new one.
    if (entry.owed) pending.rare_part().also.emplace_back(AckMessage{entry.message->id, ended});
    give_to_group(slot, *group);
    if (publishes_[slot].waiting == 0) settle(slot);
}

}  // namespace esl::broker
