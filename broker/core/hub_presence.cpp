// The news of clients that come and go: who is told, and in which words.
#include <fmt/format.h>

#include <algorithm>

#include "broker/core/hub.hpp"

namespace esl::broker {

bool Hub::tells_of(std::string_view client_id) const {
    const auto& topic = ports_.settings.presence_topic;
    const auto& groups = ports_.settings.presence_groups;
    return !topic.empty() && (groups.empty() || std::ranges::find(groups, group_of(client_id)) != groups.end());
}

// A `connect` is told when its record is on disk: whoever hears it will hear the end.
void Hub::tell_presence(const Session& session, std::string_view event, const std::string& peer) {
    if (!tells_of(session.client_id) && !exports_presence_of(session.client_id)) return;
    News news{.of = {.session = session.number,
                     .client_id = session.client_id,
                     .channel_id = channel_text(session.channel, ports_.ids.channel_key),
                     .peer = peer},
              .event = event,
              .at = ports_.clock.wall()};
    if (event == "connect" && ports_.store != nullptr) {
        store_op(PutConnection{news.of});
        after_.push_back({.what = AfterCommit::What::presence});
        news.waits = true;
    }
    if (news.waits || !news_.empty()) {
        news_.push_back(std::move(news));
    } else {
        say_presence(news);
    }
}

void Hub::presence_stored() {
    do {
        const auto news = std::move(news_.front());
        news_.pop_front();
        say_presence(news);
    } while (!news_.empty() && !news_.front().waits);
}

// The record of a connection goes when its end is in the outbox, in the commit that writes to whom that is owed.
void Hub::say_presence(const News& news) {
    const auto& of = news.of;
    // Client ids may hold any UTF-8 in standard mode.
    std::string id;
    for (const char c : of.client_id) {
        if (c == '"' || c == '\\') id.push_back('\\');
        if (static_cast<unsigned char>(c) < 0x20) {
            constexpr std::string_view kDigits = "0123456789abcdef";
            id.append("\\u00").push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
            id.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
        } else {
            id.push_back(c);
        }
    }
    const std::string json =
        fmt::format(R"({{"clientId":"{}","time":{},"eventType":"{}","channelId":"{}","clientIp":"{}"}})", id,
                    to_millis(news.at), news.event, of.channel_id, of.peer);
    const bool waits = exports_presence_of(of.client_id) && export_presence(news, json);
    PendingPublish pending;
    if (waits) ++pending.waiting;
    if (news.event == "tcpclean" && ports_.store != nullptr)
        pending.rare_part().also.emplace_back(RemoveConnection{of.channel_id});
    std::uint32_t slot = kNoSlot;
    if (tells_of(of.client_id)) {
        Parcel parcel(ports_.settings.presence_topic, as_bytes(json));
        parcel.qos = mqtt::QoS::at_least_once;
        parcel.id = new_message_id();
        ports_.tracer.message(TraceAction::pub_mq, parcel.id, {});
        slot = route(parcel, std::move(pending));
    } else {
        slot = take_publish_slot();
        publishes_[slot] = std::move(pending);
        if (!waits) settle(slot);
    }
    if (waits) export_slots_.push_back(slot);
}

bool Hub::exports_presence_of(std::string_view client_id) const {
    return exports_ && exports_->notification.contains(group_of(client_id));
}

// True when the end of a connection has to wait for the exporter.
bool Hub::export_presence(const News& news, const std::string& json) {
    const auto group = group_of(news.of.client_id);
    const auto rule = exports_->notification.find(group);
    const auto bytes = as_bytes(json);
    const bool durable = exports_->durable.contains(rule->second);
    const bool waits = durable && news.event == "tcpclean" && ports_.store != nullptr;
    export_batch_.push_back(
        {.rule = rule->second,
         .durable = durable,
         .answered = waits,
         .what = std::make_shared<const Exported>(Exported{.kind = Exported::Kind::presence,
                                                           .qos = mqtt::QoS::at_least_once,
                                                           .born = news.at,
                                                           .id = {},
                                                           .topic = std::string(group) + "_MQTT",
                                                           .client_id = news.of.client_id,
                                                           .event = std::string(news.event),
                                                           .payload = Bytes(bytes.begin(), bytes.end()),
                                                           .properties = {}})});
    return waits;
}

}  // namespace esl::broker
