// One rule, as administrators write it: in broker.toml, over REST, in rules.json (docs/formats/broker-rules.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/core/result.hpp"
#include "common/http/url.hpp"

namespace esl::broker {

enum class RuleKind : std::uint8_t { outbound, inbound, notification };
[[nodiscard]] std::string_view name(RuleKind kind);

enum class RuleError { bad, bad_data, exists, not_there, too_many, configured };
constexpr std::string_view describe(RuleError e) {
    switch (e) {
        case RuleError::bad:
            return "not a rule";
        case RuleError::bad_data:
            return "not to be published";
        case RuleError::exists:
            return "there is such a rule";
        case RuleError::not_there:
            return "no such rule";
        case RuleError::too_many:
            return "too many rules";
        case RuleError::configured:
            return "the rule is in the configuration, change it there";
    }
    return "rule error";
}

struct RuleSpec {
    std::string id;        // 3 to 64 characters of [0-9A-Za-z_-]
    std::string kind;      // a RuleKind's name
    std::string resource;  // outbound: a topic filter; inbound: a topic; notification: a group
    std::string via;       // http, mqtt, file, sqlite
    bool enabled = true;
    bool durable = true;   // on disk before a device's QoS 1 or 2 message is acknowledged
    bool ordered = false;  // http: a client's messages one after the other
    std::uint64_t outbox_rows = 100'000;
    std::uint64_t outbox_bytes = 16UL << 20;
    std::chrono::milliseconds keep = std::chrono::hours(72);
    std::chrono::milliseconds retry_first{1'000};
    std::chrono::milliseconds retry_limit{300'000};
    std::string url;      // http, mqtt source
    std::string ca_file;  // https://, ssl://: PEM with the CAs that count; empty: the system's
    std::string secret;   // http: of the signature; empty: none
    std::chrono::milliseconds timeout{5'000};
    std::uint64_t connections = 1;  // http: requests at a time
    std::string path;               // file, sqlite
    std::uint64_t rotate_bytes = 64UL << 20;
    std::uint64_t rotate_keep = 10;
    std::string topic;              // mqtt: where to, with ${...}
    std::string qos = "same";       // mqtt: same, 0, 1, 2
    std::string filter = "#";       // mqtt source: what to subscribe to
    std::string version = "3.1.1";  // mqtt source: of MQTT, 3.1.1 or 5
    std::string client_id;          // mqtt source
    std::string user;
    std::string password;

    [[nodiscard]] RuleKind rule_kind() const;  // of a checked rule
    bool operator==(const RuleSpec&) const = default;
};

// How each key is read and written, and for which kinds and ways (bits of kFor...) it may be set.
struct RuleField {
    using Member = std::variant<std::string RuleSpec::*, bool RuleSpec::*, std::uint64_t RuleSpec::*,
                                std::chrono::milliseconds RuleSpec::*>;
    const char* key;
    Member member;
    std::uint64_t low = 0;
    std::uint64_t high = 0;  // of numbers and durations (ms)
    std::uint8_t used_by = 0xFF;
    bool secret = false;
};
[[nodiscard]] std::span<const RuleField> rule_fields();

// "tcp://host:port" or "ssl://host:port"; without a port 1883, or 8883.
struct BrokerUrl {
    bool tls = false;
    http::HostPort at;
};
[[nodiscard]] Result<BrokerUrl> parse_broker_url(std::string_view text);

// Everything but what depends on other rules and on files. RuleError::bad names the key.
[[nodiscard]] Result<> check_rule(const RuleSpec& rule, bool apsara);
// For rules that are new: the files that they name are there and good now. RuleError::bad names key and file.
[[nodiscard]] Result<> check_rule_files(const RuleSpec& rule);
// What `other` does that a second rule may not do as well; empty: they may stand beside each other.
[[nodiscard]] std::string_view in_the_way(const RuleSpec& rule, const RuleSpec& other);
[[nodiscard]] Result<RuleSpec> rule_from_json(const nlohmann::json& json);
// `show_secrets` false: "***" stands for them.
[[nodiscard]] nlohmann::json to_json(const RuleSpec& rule, bool show_secrets);

}  // namespace esl::broker
