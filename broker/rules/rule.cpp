#include "broker/rules/rule.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "broker/core/names.hpp"
#include "common/config/config.hpp"
#include "common/mqtt/topic.hpp"
#include "common/mqtt/topic_filter.hpp"
#include "common/mqtt/utf8.hpp"
#include "common/tls/client.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

enum : std::uint8_t {
    kHttpSink = 1,
    kMqttSink = 2,
    kFileSink = 4,
    kSqliteSink = 8,
    kHttpSource = 16,
    kMqttSource = 32
};
constexpr std::uint8_t kSinks = kHttpSink | kMqttSink | kFileSink | kSqliteSink;
constexpr std::uint64_t kDay = 86'400'000;
constexpr std::size_t kTextMost = 65'535;  // what MQTT can carry

constexpr RuleField kFields[] = {
    {"id", &RuleSpec::id},
    {"kind", &RuleSpec::kind},
    {"resource", &RuleSpec::resource},
    {"via", &RuleSpec::via},
    {"enabled", &RuleSpec::enabled},
    {"durable", &RuleSpec::durable, 0, 0, kSinks},
    {"ordered", &RuleSpec::ordered, 0, 0, kHttpSink},
    {"outbox_rows", &RuleSpec::outbox_rows, 1, 10'000'000, kSinks},
    {"outbox_bytes", &RuleSpec::outbox_bytes, 1'024, 1ULL << 34, kSinks},
    {"keep", &RuleSpec::keep, 1'000, 30 * kDay, kSinks},
    {"retry_first", &RuleSpec::retry_first, 10, kDay, kSinks},
    {"retry_limit", &RuleSpec::retry_limit, 10, kDay, kSinks},
    {"url", &RuleSpec::url, 0, 0, kHttpSink | kMqttSource},
    {"ca_file", &RuleSpec::ca_file, 0, 0, kHttpSink | kMqttSource},
    {"secret", &RuleSpec::secret, 0, 0, kHttpSink | kHttpSource, true},
    {"timeout", &RuleSpec::timeout, 100, 300'000, kHttpSink},
    {"connections", &RuleSpec::connections, 1, 32, kHttpSink},
    {"path", &RuleSpec::path, 0, 0, kFileSink | kSqliteSink},
    {"rotate_bytes", &RuleSpec::rotate_bytes, 4'096, 1ULL << 40, kFileSink},
    {"rotate_keep", &RuleSpec::rotate_keep, 1, 10'000, kFileSink},
    {"topic", &RuleSpec::topic, 0, 0, kMqttSink | kMqttSource},
    {"qos", &RuleSpec::qos, 0, 0, kMqttSink | kMqttSource},
    {"filter", &RuleSpec::filter, 0, 0, kMqttSource},
    {"version", &RuleSpec::version, 0, 0, kMqttSource},
    {"client_id", &RuleSpec::client_id, 0, 0, kMqttSource},
    {"user", &RuleSpec::user, 0, 0, kMqttSource},
    {"password", &RuleSpec::password, 0, 0, kMqttSource, true},
};

auto bad(const std::string& what) {
    return fail(RuleError::bad, what);
}

bool share_a_file(const RuleSpec& a, const RuleSpec& b) {
    if (a.path.empty() || b.path.empty() || (a.via == "sqlite" && b.via == "sqlite")) return false;
    const auto plain = [](const std::string& path) { return std::filesystem::path(path).lexically_normal(); };
    return plain(a.path) == plain(b.path);
}

bool known_kind(std::string_view kind) {
    return kind == "outbound" || kind == "inbound" || kind == "notification";
}

std::uint8_t used_by(const RuleSpec& rule) {
    const bool source = rule.kind == "inbound";
    if (rule.via == "http") return source ? kHttpSource : kHttpSink;
    if (rule.via == "mqtt") return source ? kMqttSource : kMqttSink;
    if (rule.via == "file" && !source) return kFileSink;
    if (rule.via == "sqlite" && !source) return kSqliteSink;
    return 0;
}

bool good_id(std::string_view id) {
    return id.size() >= 3 && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                      c == '-';
           });
}

Result<> check_resource(const RuleSpec& rule, bool apsara) {
    if (rule.kind == "notification") {
        if (auto ok = check_group(rule.resource); !ok) return bad("resource: " + ok.error().message());
        return {};
    }
    if (rule.kind == "outbound") {
        if (!mqtt::is_topic_filter(rule.resource) || rule.resource.starts_with('$'))
            return bad("resource: '" + rule.resource + "' is no topic filter");
        return {};
    }
    if (!mqtt::is_topic_name(rule.resource) || rule.resource.starts_with('$'))
        return bad("resource: '" + rule.resource + "' is no topic");
    if (!apsara) return {};
    const auto parent = std::string_view(rule.resource).substr(0, rule.resource.find('/'));
    if (auto ok = check_parent(parent); !ok) return bad("resource: " + ok.error().message());
    return {};
}

// What goes into CONNECT and SUBSCRIBE must fit there.
Result<> check_mqtt_source(const RuleSpec& rule) {
    const auto url = parse_broker_url(rule.url);
    if (!url) return bad("url: " + url.error().about());
    if (!rule.ca_file.empty() && !url->tls) return bad("ca_file: has a meaning for ssl:// alone");
    if (!mqtt::is_topic_filter(rule.filter)) return bad("filter: is no topic filter");
    if (rule.version != "3.1.1" && rule.version != "5") return bad("version: must be 3.1.1 or 5");
    if (rule.client_id.size() > kTextMost || !mqtt::is_utf8(rule.client_id)) return bad("client_id: cannot be sent");
    if (rule.user.size() > kTextMost || !mqtt::is_utf8(rule.user)) return bad("user: cannot be sent");
    if (rule.password.size() > kTextMost) return bad("password: cannot be sent");
    return {};
}

Result<> check_way(const RuleSpec& rule) {
    const auto way = used_by(rule);
    if (way == 0) {
        return bad("via: '" + rule.via + "' is none of " +
                   (rule.kind == "inbound" ? "http, mqtt" : "http, mqtt, file, sqlite"));
    }
    if (way == kHttpSink) {
        const auto url = http::parse_url(rule.url);
        if (!url) return bad("url: " + url.error().message());
        if (!rule.ca_file.empty() && !url->tls) return bad("ca_file: has a meaning for https:// alone");
    }
    if (way == kMqttSource) {
        if (auto ok = check_mqtt_source(rule); !ok) return ok;
    }
    if (!rule.ca_file.empty() && rule.ca_file.front() != '/') return bad("ca_file: must be absolute");
    if ((way == kFileSink || way == kSqliteSink) && (rule.path.empty() || rule.path.front() != '/'))
        return bad("path: must be absolute");
    if (way == kMqttSink && rule.topic.empty()) return bad("topic: is needed");
    if (rule.qos != "same" && rule.qos != "0" && rule.qos != "1" && rule.qos != "2")
        return bad("qos: must be same, 0, 1 or 2");
    return {};
}

struct FromJson {
    RuleSpec& rule;
    const RuleField& field;
    const json& value;

    Result<> operator()(std::string RuleSpec::* member) const {
        if (!value.is_string()) return bad(std::string(field.key) + ": must be text");
        rule.*member = value.get<std::string>();
        if ((rule.*member).size() > 4'096) return bad(std::string(field.key) + ": longer than 4,096 bytes");
        return {};
    }
    Result<> operator()(bool RuleSpec::* member) const {
        if (!value.is_boolean()) return bad(std::string(field.key) + ": must be true or false");
        rule.*member = value.get<bool>();
        return {};
    }
    Result<> operator()(std::uint64_t RuleSpec::* member) const {
        if (!value.is_number_unsigned()) return bad(std::string(field.key) + ": must be a whole number");
        rule.*member = value.get<std::uint64_t>();
        return {};
    }
    Result<> operator()(milliseconds RuleSpec::* member) const {
        if (value.is_number_unsigned()) {
            rule.*member = std::chrono::seconds(std::min<std::uint64_t>(value.get<std::uint64_t>(), 1ULL << 32));
            return {};
        }
        if (!value.is_string()) return bad(std::string(field.key) + ": must be seconds, or text like \"5s\"");
        try {
            rule.*member = config::parse_duration(value.get<std::string>());
        } catch (const config::ConfigError& error) {
            return bad(std::string(field.key) + ": " + error.what());
        }
        return {};
    }
};

json value_of(const RuleSpec& rule, const RuleField& field) {
    return std::visit(
        [&](auto member) -> json {
            if constexpr (std::is_same_v<decltype(member), milliseconds RuleSpec::*>) {
                return std::to_string((rule.*member).count()) + "ms";
            } else {
                return rule.*member;
            }
        },
        field.member);
}

}  // namespace

std::string_view name(RuleKind kind) {
    switch (kind) {
        case RuleKind::outbound:
            return "outbound";
        case RuleKind::inbound:
            return "inbound";
        case RuleKind::notification:
            return "notification";
    }
    return "";
}

RuleKind RuleSpec::rule_kind() const {
    return kind == "inbound" ? RuleKind::inbound : kind == "outbound" ? RuleKind::outbound : RuleKind::notification;
}

std::span<const RuleField> rule_fields() {
    return kFields;
}

Result<> check_rule(const RuleSpec& rule, bool apsara) {
    if (!good_id(rule.id)) return bad("id: must be 3 to 64 characters of [0-9A-Za-z_-]");
    if (!known_kind(rule.kind)) return bad("kind: must be outbound, inbound or notification");
    if (auto ok = check_resource(rule, apsara); !ok) return ok;
    if (auto ok = check_way(rule); !ok) return ok;
    const RuleSpec untouched;
    for (const auto& field : kFields) {
        const auto value = value_of(rule, field);
        if ((field.used_by & used_by(rule)) == 0 && value != value_of(untouched, field))
            return bad(std::string(field.key) + ": has no meaning for " + rule.kind + " via " + rule.via);
        if (field.high == 0) continue;
        const auto* duration = std::get_if<milliseconds RuleSpec::*>(&field.member);
        const auto number =
            duration != nullptr ? static_cast<std::uint64_t>((rule.**duration).count()) : value.get<std::uint64_t>();
        if (number < field.low || number > field.high) {
            const auto* unit = duration != nullptr ? " ms" : "";
            return bad(std::string(field.key) + ": must be " + std::to_string(field.low) + unit + " to " +
                       std::to_string(field.high) + unit);
        }
    }
    return {};
}

Result<BrokerUrl> parse_broker_url(std::string_view text) {
    constexpr std::string_view kPlain = "tcp://";
    constexpr std::string_view kTls = "ssl://";
    const bool tls = text.starts_with(kTls);
    if (!tls && !text.starts_with(kPlain)) return fail(ParseError::malformed, "must begin with tcp:// or ssl://");
    auto at = http::parse_authority(text.substr(kTls.size()), tls ? 8883 : 1883);
    if (!at) return fail(at.error());
    return BrokerUrl{.tls = tls, .at = *std::move(at)};
}

Result<> check_rule_files(const RuleSpec& rule) {
    if (rule.ca_file.empty()) return {};
    try {
        static_cast<void>(tls::ClientContext(rule.ca_file));
    } catch (const std::runtime_error& error) {
        return bad(std::string("ca_file: ") + error.what());
    }
    return {};
}

std::string_view in_the_way(const RuleSpec& rule, const RuleSpec& other) {
    if (rule.kind == other.kind && rule.resource == other.resource) return "has this kind and resource";
    if (share_a_file(rule, other)) return "writes to this path";
    return {};
}

Result<RuleSpec> rule_from_json(const json& given) {
    if (!given.is_object()) return bad("must be an object");
    RuleSpec rule;
    for (const auto& [key, value] : given.items()) {
        const auto* field = std::ranges::find_if(kFields, [&](const RuleField& f) { return f.key == key; });
        if (field == std::end(kFields)) return bad(key + ": unknown");
        if (auto ok = std::visit(FromJson{rule, *field, value}, field->member); !ok) return fail(ok.error());
    }
    return rule;
}

json to_json(const RuleSpec& rule, bool show_secrets) {
    json out = json::object();
    for (const auto& field : kFields) {
        if ((field.used_by & used_by(rule)) == 0) continue;
        auto value = value_of(rule, field);
        if (field.secret && !show_secrets && value != "") value = "***";
        out[field.key] = std::move(value);
    }
    return out;
}

}  // namespace esl::broker
