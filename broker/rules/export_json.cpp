#include "broker/rules/export_json.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "broker/core/names.hpp"
#include "common/mqtt/properties.hpp"
#include "common/mqtt/utf8.hpp"

namespace esl::broker {
namespace {

using mqtt::PropertyId;
using nlohmann::json;

constexpr std::int64_t kExpiryMost = 65'535;  // of mqtt5MsgExpireInterval

std::string_view parent_of(std::string_view topic) {
    return topic.substr(0, topic.find('/'));
}

// With its slash: "/p2p/GID_a@@@b".
std::string_view second_topic_of(std::string_view topic) {
    const auto slash = topic.find('/');
    return slash == std::string_view::npos ? std::string_view{} : topic.substr(slash);
}

std::string dumped(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string base64(BytesView bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.empty()) return Bytes{};
    const auto padding = static_cast<std::size_t>(text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0);
    const auto good = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    };
    if (!std::ranges::all_of(text.substr(0, text.size() - padding), good)) return std::nullopt;
    Bytes out(text.size() / 4 * 3);
    const int size =
        EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

json export_properties(const Exported& what) {
    json out{{"qoslevel", std::to_string(static_cast<int>(what.qos))},
             {"cleansessionflag", what.clean_session ? "true" : "false"},
             {"clientId", what.client_id},
             {"topic", what.topic}};
    if (const auto second = second_topic_of(what.topic); !second.empty()) out["mqttSecondTopic"] = second;
    json user = json::array();
    const mqtt::PropertiesView properties{what.properties};
    for (auto it = properties.begin(); it != properties.end(); ++it) {
        if (it->id == PropertyId::user_property) user.push_back({{"key", it->name}, {"value", it->text}});
        if (it->id == PropertyId::content_type) out["mqtt5ContentType"] = it->text;
    }
    if (!user.empty()) {
        if (auto text = dumped(user); text.size() <= kUserPropertiesMost) out["mqtt5UserProperty"] = std::move(text);
    }
    if (what.expires != UnixMillis{}) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(what.expires - what.born).count();
        out["mqtt5MsgExpireInterval"] = std::to_string(std::clamp<std::int64_t>(left, 0, kExpiryMost));
    }
    return out;
}

std::string export_json(std::string_view rule, const Exported& what) {
    json out{{"rule", rule}, {"topic", what.topic}, {"bornTime", to_millis(what.born)}, {"clientId", what.client_id}};
    if (what.kind == Exported::Kind::presence) {
        out["tag"] = what.event;
    } else {
        out["msgId"] = what.id;
        out["parentTopic"] = parent_of(what.topic);
        out["properties"] = export_properties(what);
    }
    const bool text = mqtt::is_utf8(as_text(what.payload));
    out["payloadEncoding"] = text ? "utf8" : "base64";
    out["payload"] = text ? std::string(as_text(what.payload)) : base64(what.payload);
    return dumped(out);
}

std::string fill_template(std::string_view pattern, const Exported& what) {
    std::string out;
    while (!pattern.empty()) {
        const auto at = pattern.find("${");
        const auto end = at == std::string_view::npos ? at : pattern.find('}', at);
        if (end == std::string_view::npos) return out.append(pattern);
        out.append(pattern.substr(0, at));
        const auto name = pattern.substr(at + 2, end - at - 2);
        pattern.remove_prefix(end + 1);
        const auto second = second_topic_of(what.topic);
        if (name == "topic")
            out += what.topic;
        else if (name == "parentTopic")
            out += parent_of(what.topic);
        else if (name == "secondTopic")
            out += second.empty() ? second : second.substr(1);
        else if (name == "clientId")
            out += what.client_id;
        else if (name == "groupId")
            out += group_of(what.client_id);
        else if (name == "msgId")
            out += what.id;
        else if (name == "event")
            out += what.event;
        else
            out.append("${").append(name).append("}");
    }
    return out;
}

}  // namespace esl::broker
