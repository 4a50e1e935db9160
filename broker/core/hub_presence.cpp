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

void Hub::tell_presence(const Session& session, std::string_view event, const std::string& peer) {
    if (!tells_of(session.client_id) && !exports_presence_of(session.client_id)) return;
    const StoredConnection connection{.session = session.number,
                                      .client_id = session.client_id,
                                      .channel_id = channel_text(session.channel, ports_.ids.channel_key),
                                      .peer = peer};
    std::optional<StoreOperation> also;
    if (event == "connect") also = PutConnection{connection};
    if (event == "tcpclean") also = RemoveConnection{session.number};
    say_presence(connection, event, std::move(also));
}

// The event is owed to whom it concerns in the commit that `also` is in.
void Hub::say_presence(const StoredConnection& of, std::string_view event, std::optional<StoreOperation> also) {
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
                    to_millis(ports_.clock.wall()), event, of.channel_id, of.peer);
    if (exports_presence_of(of.client_id)) export_presence(of.client_id, event, json);
    if (tells_of(of.client_id)) {
        publish_system(ports_.settings.presence_topic, as_bytes(json), mqtt::QoS::at_least_once, false,
                       std::move(also));
    } else if (also) {
        store_op(std::move(*also));
    }
}

bool Hub::exports_presence_of(std::string_view client_id) const {
    return exports_ && exports_->notification.contains(group_of(client_id));
}

void Hub::export_presence(const std::string& client_id, std::string_view event, const std::string& json) {
    const auto group = group_of(client_id);
    const auto rule = exports_->notification.find(group);
    const auto bytes = as_bytes(json);
    export_batch_.push_back(
        {.rule = rule->second,
         .durable = exports_->durable.contains(rule->second),
         .what = std::make_shared<const Exported>(Exported{.kind = Exported::Kind::presence,
                                                           .qos = mqtt::QoS::at_least_once,
                                                           .born = ports_.clock.wall(),
                                                           .id = {},
                                                           .topic = std::string(group) + "_MQTT",
                                                           .client_id = client_id,
                                                           .event = std::string(event),
                                                           .payload = Bytes(bytes.begin(), bytes.end()),
                                                           .properties = {}})});
}

}  // namespace esl::broker
