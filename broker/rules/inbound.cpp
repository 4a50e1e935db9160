#include "broker/rules/inbound.hpp"

#include <openssl/crypto.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "broker/adapters/http_sink.hpp"
#include "broker/rules/export_json.hpp"
#include "common/mqtt/properties.hpp"
#include "common/mqtt/utf8.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

constexpr std::size_t kTextMost = 65'535;  // what MQTT can carry
constexpr std::int64_t kExpiryMost = 65'535;

auto bad(const std::string& what) {
    return fail(RuleError::bad_data, what);
}

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

Result<> add_user_properties(std::string_view text, mqtt::Properties& out) {
    if (text.size() > kUserPropertiesMost) return bad("mqtt5UserProperty: more than 8 KB");
    const auto list = json::parse(text, nullptr, false);
    if (!list.is_array()) return bad(R"(mqtt5UserProperty: must be [{"key": "...", "value": "..."}, ...] as text)");
    for (const auto& pair : list) {
        if (!pair.is_object() || !pair.value("key", json()).is_string() || !pair.value("value", json()).is_string())
            return bad("mqtt5UserProperty: each must have key and value, both text");
        const auto key = pair["key"].get<std::string>();
        const auto value = pair["value"].get<std::string>();
        if (!mqtt::is_utf8(key) || !mqtt::is_utf8(value)) return bad("mqtt5UserProperty: not what MQTT takes for text");
        out.user(key, value);
    }
    return {};
}

// Every value is text, as in the table of the reference.
Result<> apply(const std::string& key, const std::string& value, UnixMillis now, OutsideMessage& message,
               mqtt::Properties& properties) {
    if (value.size() > kTextMost) return bad(key + ": too long");
    if (key == "qoslevel") {
        if (value != "0" && value != "1" && value != "2") return bad("qoslevel: must be 0, 1 or 2");
        message.qos = static_cast<mqtt::QoS>(value[0] - '0');
    } else if (key == "cleansessionflag") {
        if (value != "true" && value != "false") return bad("cleansessionflag: must be true or false");
        message.online_only = value == "true";
    } else if (key == "mqttSecondTopic") {
        if (!value.empty()) message.topic.append(value.starts_with('/') ? "" : "/").append(value);
    } else if (key == "mqtt5MsgExpireInterval") {
        const auto seconds = number_of(value);
        if (!seconds || *seconds < 0 || *seconds > kExpiryMost)
            return bad("mqtt5MsgExpireInterval: must be 0 to 65535");
        message.expires = now + std::chrono::seconds(*seconds);
    } else if (key == "mqtt5ContentType") {
        if (!mqtt::is_utf8(value)) return bad("mqtt5ContentType: not what MQTT takes for text");
        properties.text(mqtt::PropertyId::content_type, value);
    } else if (key == "mqtt5UserProperty") {
        return add_user_properties(value, properties);
    } else {
        return bad("properties: " + key + " cannot be set");
    }
    return {};
}

Result<> read_payload(const json& body, OutsideMessage& message) {
    const auto payload = body.value("payload", json(""));
    const auto encoding = body.value("payloadEncoding", json("utf8"));
    if (!payload.is_string()) return bad("payload: must be text");
    const auto text = payload.get<std::string>();
    if (encoding == "utf8") {
        message.payload.assign(text.begin(), text.end());
    } else if (encoding == "base64") {
        auto bytes = from_base64(text);
        if (!bytes) return bad("payload: is no base64");
        message.payload = std::move(*bytes);
    } else {
        return bad("payloadEncoding: must be utf8 or base64");
    }
    return {};
}

}  // namespace

Result<OutsideMessage> inbound_message(const RuleSpec& rule, bool is_json, std::string_view body, UnixMillis now) {
    OutsideMessage message{.topic = rule.resource, .payload = {}, .online_only = true};
    if (!is_json) {
        message.payload.assign(body.begin(), body.end());
        return message;
    }
    const auto given = json::parse(body, nullptr, false);
    if (!given.is_object()) return bad("the body must be a JSON object, or of another content type");
    for (const auto& [key, value] : given.items()) {
        if (key != "payload" && key != "payloadEncoding" && key != "properties") return bad(key + ": unknown");
    }
    if (auto ok = read_payload(given, message); !ok) return fail(ok.error());
    const auto properties = given.value("properties", json::object());
    if (!properties.is_object()) return bad("properties: must be an object");
    mqtt::Properties mqtt5;
    for (const auto& [key, value] : properties.items()) {
        if (!value.is_string()) return bad("properties: " + key + " must be text");
        if (auto ok = apply(key, value.get<std::string>(), now, message, mqtt5); !ok) return fail(ok.error());
    }
    const auto raw = mqtt5.view().raw();
    message.properties.assign(raw.begin(), raw.end());
    return message;
}

bool signature_is_good(const RuleSpec& rule, std::string_view timestamp, std::string_view signature,
                       std::string_view body, UnixMillis now) {
    const auto millis = number_of(timestamp);
    if (!millis || *millis < 0) return false;
    const auto age = std::chrono::abs(now - from_millis(*millis));
    if (age > kSignatureGoodFor) return false;
    const auto right = webhook_signature(rule.secret, timestamp, body);
    return right.size() == signature.size() && CRYPTO_memcmp(right.data(), signature.data(), right.size()) == 0;
}

}  // namespace esl::broker
