// SUBSCRIBE and UNSUBSCRIBE, and what other shards and the store must know before they are answered.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/core/hub.hpp"
#include "common/mqtt/topic.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

using mqtt::ReasonCode;

bool Hub::on_subscribe(Session& session, const mqtt::Frame& frame) {
    const auto packet = mqtt::decode_subscribe(frame, session.version);
    if (!packet) return reject(session, packet.error()), false;
    const auto identifier = packet->properties.number_or(mqtt::PropertyId::subscription_identifier, 0);

    std::uint32_t slot = 0;
    if (free_subscribes_.empty()) {
        slot = static_cast<std::uint32_t>(subscribes_.size());
        subscribes_.emplace_back();
    } else {
        slot = free_subscribes_.back();
        free_subscribes_.pop_back();
    }
    auto& pending = subscribes_[slot];
    pending.session = session.number;
    pending.epoch = session.epoch;
    pending.waiting = 1;  // this call itself
    std::vector<ReasonCode> reasons;
    bool close_it = false;
    for (const auto& wanted : packet->filters) {
        reasons.push_back(subscribe(session, wanted, identifier, slot, pending, close_it));
        if (close_it) break;
    }
    if (close_it) {
        pending.answer.clear();
        pending.retained_for.clear();
        close(session, CloseCause::resource_auth_failed, ReasonCode::not_authorized, "SUBSCRIBE: " + close_reason_);
        release_subscribe(slot);
        return false;
    }
    static_cast<void>(mqtt::encode_suback(packet->packet_id, reasons, {}, session.version, pending.answer));
    if (session.stored && ports_.store != nullptr) {
        ++pending.waiting;
        after_.push_back({.what = AfterCommit::What::subscribe, .slot = slot});
    }
    release_subscribe(slot);
    return true;
}

ReasonCode Hub::subscribe(Session& session, const mqtt::SubscriptionView& wanted, std::uint32_t identifier,
                          std::uint32_t slot, PendingSubscribe& pending, bool& close_it) {
    const auto& settings = ports_.settings;
    const auto shared = mqtt::split_shared(wanted.filter);
    if (shared && !settings.shared_subscriptions) return ReasonCode::shared_subscriptions_not_supported;
    // What topics are matched against; the whole of it is only the subscription's name.
    const auto plain = shared ? shared->filter : wanted.filter;
    const bool server_topic = mqtt::is_server_topic(plain);
    if (settings.apsara() && !server_topic) {
        if (const auto ok = registry_->check_filter(plain); !ok) {
            close_reason_ = ok.error().message();
            close_it = true;
            return ReasonCode::not_authorized;
        }
    }
    if (mqtt::level_count(plain) > settings.limits.topic_levels) {
        counters_.limit_levels_total.add();
        return ReasonCode::topic_filter_invalid;
    }
    if (session.grant && !authorize_subscribe(session, plain, close_it)) return ReasonCode::not_authorized;
    HeldFilter filter{.filter = std::string(wanted.filter),
                      .options = {.qos = static_cast<std::uint8_t>(wanted.qos),
                                  .no_local = wanted.no_local,
                                  .retain_as_published = wanted.retain_as_published,
                                  .retain_handling = static_cast<std::uint8_t>(wanted.retain_handling),
                                  .identifier = identifier},
                      .matches = can_match(plain),
                      .shared = shared.has_value()};
    const auto held = std::ranges::find(session.filters, filter.filter, &HeldFilter::filter);
    const bool is_new = held == session.filters.end();
    if (is_new) {
        const auto counted = std::ranges::count_if(session.filters, [](const HeldFilter& f) { return f.matches; });
        if (filter.matches && static_cast<std::size_t>(counted) >= settings.limits.filters_per_client) {
            counters_.limit_filters_total.add();
            spdlog::info("{} has {} filters already: '{}' is not added", session.client_id, counted, wanted.filter);
            return ReasonCode::quota_exceeded;
        }
        if (settings.apsara() && filter.matches && mqtt::has_wildcard(plain)) {
            hear_interest();
            const auto parent = plain.substr(0, plain.find('/'));
            const auto at = wildcards_.find(parent);
            if (at != wildcards_.end() && at->second >= settings.limits.wildcards_per_parent) {
                counters_.limit_wildcards_total.add();
                return ReasonCode::quota_exceeded;
            }
        }
    }
    if (session.stored) store_op(PutSubscription{session.number, filter.filter, filter.options});
    const bool send = filter.matches && !filter.shared &&
                      (filter.options.retain_handling == 0 || (filter.options.retain_handling == 1 && is_new));
    if (send && settings.retain) pending.retained_for.push_back(filter);
    if (is_new) {
        hold(session, std::move(filter), slot, pending);
    } else {
        held->options = filter.options;
        if (!held->matches) return mqtt::granted(wanted.qos);
        if (held->shared) {
            place_member(session, *held, false, slot, &pending);
        } else {
            tree_.add(filter.filter, session.number, filter.options);
        }
    }
    return mqtt::granted(wanted.qos);
}

// Not: what P2P brings anyway, and in apsara mode the control topics, which are routed nowhere.
bool Hub::can_match(std::string_view plain_filter) const {
    const auto& settings = ports_.settings;
    if (settings.p2p && parse_point_to_point(plain_filter) && !mqtt::has_wildcard(plain_filter)) return false;
    return !settings.apsara() || !mqtt::is_server_topic(plain_filter) || mqtt::overlap(plain_filter, "$SYS/broker/+/#");
}

void Hub::hold(Session& session, HeldFilter filter, std::uint32_t slot, PendingSubscribe& pending) {
    if (filter.matches && filter.shared) {
        session.in_groups = true;
        place_member(session, filter, false, slot, &pending);
    } else if (filter.matches &&
               tree_.add(filter.filter, session.number, filter.options) == SubscriptionTree::Added::first) {
        count_wildcard(filter.filter, true);
        // Nobody here held it before: the other shards must know before the client is told that it is subscribed.
        tell_interest(filter.filter, true);
    }
    if (filter.shared) counters_.shared_subscriptions.add();
    session.filters.push_back(std::move(filter));
    counters_.subscriptions.add();
}

void Hub::tell_interest(std::string_view filter, bool add) {
    const auto self = ports_.peers.self();
    for (ShardId to = 0; to < ports_.peers.count(); ++to) {
        if (to != self) ports_.peers.tell(to, {.of = self, .filter = std::string(filter), .add = add});
    }
}

void Hub::hear_interest() {
    if (interest_news_.waiting() == 0) return;
    interest_news_.take(heard_);
    for (const auto& change : heard_) {
        if (change.add) {
            interest_.add(change.filter, change.of, {});
        } else {
            interest_.remove(change.filter, change.of);
        }
        count_wildcard(change.filter, change.add);
    }
    heard_.clear();
    constexpr std::size_t kKept = 4'096;  // after a restart there were as many as there are filters
    if (heard_.capacity() > kKept) std::vector<InterestChange>{}.swap(heard_);
}

void Hub::count_wildcard(std::string_view filter, bool add) {
    if (!ports_.settings.apsara() || !mqtt::has_wildcard(filter)) return;
    auto& count = wildcards_[std::string(filter.substr(0, filter.find('/')))];
    if (add) {
        ++count;
    } else if (count > 0) {
        --count;
    }
}

bool Hub::drop_filter(Session& session, std::string_view filter) {
    const auto at = std::ranges::find(session.filters, filter, &HeldFilter::filter);
    if (at == session.filters.end()) return false;
    bool last = false;
    if (at->matches && at->shared) {
        place_member(session, *at, true, kNoSlot, nullptr);
    } else if (at->matches && tree_.remove(filter, session.number, &last) && last) {
        count_wildcard(filter, false);
        tell_interest(filter, false);
    }
    if (at->shared) counters_.shared_subscriptions.sub();
    session.filters.erase(at);
    counters_.subscriptions.sub();
    return true;
}

bool Hub::on_unsubscribe(Session& session, const mqtt::Frame& frame) {
    const auto packet = mqtt::decode_unsubscribe(frame, session.version);
    if (!packet) return reject(session, packet.error()), false;
    std::vector<ReasonCode> reasons;
    for (const auto& wanted : packet->filters) {
        const bool had = drop_filter(session, wanted.filter);
        if (had && session.stored) store_op(RemoveSubscription{session.number, std::string(wanted.filter)});
        reasons.push_back(had ? ReasonCode::success : ReasonCode::no_subscription_existed);
    }
    Bytes answer;
    static_cast<void>(mqtt::encode_unsuback(packet->packet_id, reasons, {}, session.version, answer));
    send_answer(session, answer);
    return true;
}

// One of the things a SUBACK waits for has happened.
void Hub::release_subscribe(std::uint32_t slot) {
    if (--subscribes_[slot].waiting == 0) finish_subscribe(slot);
}

void Hub::finish_subscribe(std::uint32_t slot) {
    auto pending = std::move(subscribes_[slot]);
    subscribes_[slot] = {};
    free_subscribes_.push_back(slot);
    Session* session = find(pending.session);
    if (session == nullptr || session->link == nullptr || session->epoch != pending.epoch) return;
    send_answer(*session, pending.answer);
    for (const auto& filter : pending.retained_for) send_retained(*session, filter);
}

void Hub::send_retained(Session& session, const HeldFilter& filter) {
    retained_.match(filter.filter, ports_.clock.wall(), [&](const MessagePtr& message) {
        if (filter.options.no_local && message->publisher == session.number) return;
        Parcel parcel(message);
        encoded_.stamp = 0;
        // Not owed on disk: after a restart the client subscribes, and is sent it, again.
        deliver_to(session, parcel, std::min(message->qos, static_cast<mqtt::QoS>(filter.options.qos)), true,
                   filter.options.identifier, nullptr);
    });
}

}  // namespace esl::broker
