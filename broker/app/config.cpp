#include "broker/app/config.hpp"

#include <algorithm>
#include <array>

#include "broker/app/limits_config.hpp"
#include "common/config/config.hpp"
#include "common/http/url.hpp"
#include "common/mqtt/topic.hpp"

namespace esl::broker {
namespace {

using config::ConfigError;
using config::Table;

void read_trace(const Table& t, Config& config) {
    t.only({"mode", "keep", "message_bytes", "device_bytes"});
    std::string mode;
    t.read("mode", mode);
    if (!mode.empty()) {
        const auto parsed = parse_trace_mode(mode);
        if (!parsed) {
            throw ConfigError(t.where("mode") + ": key 'trace.mode': '" + mode + "' is none of off, device, all");
        }
        config.trace = *parsed;
    }
    constexpr std::uint64_t kLeast = 1UL << 20;
    t.read("keep", config.trace_keep);
    if (config.trace_keep < std::chrono::minutes(1))
        throw ConfigError(t.where("keep") + ": key 'trace.keep': must be a minute or more");
    t.read("message_bytes", config.trace_message_bytes, kLeast, 1LL << 50);
    t.read("device_bytes", config.trace_device_bytes, kLeast, 1LL << 50);
}

// The keys are those of the table of fields, so that a rule reads alike here and over REST.
struct FromToml {
    const Table& table;
    RuleSpec& rule;
    const char* key;

    void operator()(std::string RuleSpec::* member) const { table.read(key, rule.*member); }
    void operator()(bool RuleSpec::* member) const { table.read(key, rule.*member); }
    void operator()(std::uint64_t RuleSpec::* member) const { table.read(key, rule.*member, 0, 1LL << 50); }
    void operator()(milliseconds RuleSpec::* member) const { table.read(key, rule.*member); }
};

void read_rules(const Table& root, Config& config) {
    std::vector<std::string_view> known;
    for (const auto& field : rule_fields()) known.emplace_back(field.key);
    for (const auto& t : root.tables("rule")) {
        t.only(known);
        RuleSpec rule;
        for (const auto& field : rule_fields()) std::visit(FromToml{t, rule, field.key}, field.member);
        if (const auto ok = check_rule(rule, config.settings.apsara()); !ok)
            throw ConfigError(t.where("id") + ": rule '" + rule.id + "': " + ok.error().message());
        if (const auto ok = check_rule_files(rule); !ok)
            throw ConfigError(t.where("ca_file") + ": rule '" + rule.id + "': " + ok.error().message());
        for (const auto& other : config.rules) {
            if (const auto what = in_the_way(rule, other); !what.empty())
                throw ConfigError(t.where("id") + ": key 'id': rule '" + rule.id + "': rule '" + other.id + "' " +
                                  std::string(what) + " already");
        }
        config.rules.push_back(std::move(rule));
    }
}

void read_auth(const Table& root, Config& config) {
    for (const auto& t : root.tables("user")) {
        t.only({"name", "password", "password_hash"});
        UserConfig user;
        t.read("name", user.name);
        t.read("password", user.password);
        t.read("password_hash", user.password_hash);
        if (user.name.empty()) throw ConfigError(t.where("name") + ": a user without a name");
        if (user.name.find('|') != std::string::npos) {
            throw ConfigError(t.where("name") + ": key 'name': '" + user.name +
                              "': '|' is what parts a method from its account, as in Signature|id|instance");
        }
        if (user.password.empty() == user.password_hash.empty()) {
            throw ConfigError(t.where("name") + ": user '" + user.name + "' needs either password or password_hash");
        }
        if (!user.password_hash.empty() && !user.password_hash.starts_with("$argon2id$")) {
            throw ConfigError(t.where("password_hash") + ": user '" + user.name +
                              "': password_hash is not an argon2id hash");
        }
        config.users.push_back(std::move(user));
    }
    for (const auto& t : root.tables("access_key")) {
        t.only({"id", "secret", "instance"});
        AccessKeyConfig key;
        t.read("id", key.id);
        t.read("secret", key.secret);
        t.read("instance", key.instance);
        if (key.id.empty() || key.secret.empty())
            throw ConfigError(t.where("id") + ": an access key needs id and secret");
        if (!key.instance.empty() && !check_parent(key.instance)) {  // an instance's name has the rule of a parent's
            throw ConfigError(t.where("instance") + ": key 'instance': '" + key.instance +
                              "': an instance has 3 to 64 letters, digits, '-' and '_'");
        }
        config.access_keys.push_back(std::move(key));
    }
    const auto auth = root.table("auth");
    auth.only({"allow_anonymous"});
    auth.read("allow_anonymous", config.allow_anonymous);
}

// What only the start would stumble over otherwise.
void check_values(const Table& root, const Config& config) {
    const auto names = [](const Table& table, const std::string& key, const std::vector<std::string>& list,
                          Result<> (*check)(std::string_view)) {
        for (const auto& name : list) {
            if (const auto ok = check(name); !ok)
                throw ConfigError(table.where(key) + ": key '" + key + "': " + ok.error().message());
        }
    };
    names(root, "groups", config.groups, check_group);
    names(root, "topics", config.topics, check_parent);
    const auto presence = root.table("presence");
    names(presence, "groups", config.settings.presence_groups, check_group);
    if (const auto& topic = config.settings.presence_topic; !topic.empty() && !mqtt::is_topic_name(topic))
        throw ConfigError(presence.where("topic") + ": key 'topic': '" + topic +
                          "' is no topic to publish to: no wildcards, 1 to 65,535 bytes of UTF-8");
    Registry once;
    for (const auto& group : config.groups) {
        if (const auto ok = once.add_group(group); !ok)
            throw ConfigError(root.where("groups") + ": key 'groups': " + ok.error().message());
    }
    for (const auto& topic : config.topics) {
        if (const auto ok = once.add_parent(topic); !ok)
            throw ConfigError(root.where("topics") + ": key 'topics': " + ok.error().message());
    }
    if (root.has("listen") && config.listen.empty() && config.listeners.empty())
        throw ConfigError(root.where("listen") + ": key 'listen': empty, nobody could connect");
    for (const auto& address : config.listen) {
        try {
            static_cast<void>(parse_listener(address));
        } catch (const std::runtime_error& error) {
            throw ConfigError(root.where("listen") + ": key 'listen': " + error.what());
        }
    }
    if (!config.admin.empty()) {
        if (const auto ok = http::parse_host_port(config.admin); !ok)
            throw ConfigError(root.where("admin") + ": key 'admin': " + ok.error().message());
    }
    constexpr std::array kLevels{"trace", "debug", "info", "warn", "warning", "err", "error", "critical", "off"};
    if (std::ranges::find(kLevels, std::string_view(config.log.level)) == kLevels.end()) {
        throw ConfigError(root.table("log").where("level") + ": key 'log.level': '" + config.log.level +
                          "' is none of trace, debug, info, warn, error, off");
    }
}

// The file's own values have been checked with their line; these came with the command line.
void check_command_line(const Config& config) {
    const auto check = [](const char* option, const Result<>& ok) {
        if (!ok) throw std::runtime_error(std::string(option) + ": " + ok.error().message());
    };
    for (const auto& name : config.command_line.groups) check("--group", check_group(name));
    for (const auto& name : config.command_line.topics) check("--topic", check_parent(name));
    static_cast<void>(all_listeners(config));
    if (!config.admin.empty() && config.data.empty())
        throw std::runtime_error("administration needs a data folder for its key and its audit log");
}

}  // namespace

std::optional<Mode> parse_mode(std::string_view text) {
    if (text == "apsara") return Mode::apsara;
    if (text == "standard") return Mode::standard;
    return std::nullopt;
}

std::vector<ListenerConfig> all_listeners(const Config& config) {
    std::vector<ListenerConfig> out;
    for (const auto& address : config.listen) {
        auto listener = parse_listener(address);
        listener.tls = config.tls;
        listener.where = "listener " + address;
        out.push_back(std::move(listener));
    }
    out.insert(out.end(), config.listeners.begin(), config.listeners.end());
    for (auto one = out.begin(); one != out.end(); ++one) {
        if (one->address.ends_with(":0")) continue;  // each takes a port of its own
        const auto same = std::ranges::find(out.begin(), one, one->address, &ListenerConfig::address);
        if (same == one) continue;
        throw std::runtime_error(one->where + ": " + one->address + " is the address of another listener already (" +
                                 same->where + ")");
    }
    return out;
}

std::optional<TraceMode> parse_trace_mode(std::string_view text) {
    if (text == "off") return TraceMode::off;
    if (text == "device") return TraceMode::device;
    if (text == "all") return TraceMode::all;
    return std::nullopt;
}

Config load_config(const std::filesystem::path& file, std::optional<Mode> mode_override) {
    const auto root = Table::load(file);
    root.only({"mode",
               "listen",
               "listener",
               "tls",
               "data",
               "admin",
               "shards",
               "groups",
               "topics",
               "p2p",
               "retain",
               "wills",
               "shared_subscriptions",
               "response_information",
               "message_id_property",
               "system_interval",
               "strict_parity",
               "refuse_duplicates",
               "queue_qos0_offline",
               "presence",
               "user",
               "access_key",
               "auth",
               "limits",
               "store",
               "trace",
               "rule",
               "log"});
    Config config;
    config.file = file;
    std::string mode;
    root.read("mode", mode);
    if (!mode.empty() && !(config.mode = parse_mode(mode))) {
        throw ConfigError(root.where("mode") + ": mode '" + mode + "' is neither apsara nor standard");
    }
    if (mode_override) config.mode = mode_override;
    config.settings = Settings::defaults(config.effective_mode());
    auto& s = config.settings;
    std::string data;
    root.read("listen", config.listen);
    config.listeners = read_listeners(root);
    config.tls = read_tls(root.table("tls"));
    root.read("data", data);
    config.data = data;
    root.read("admin", config.admin);
    root.read("shards", config.shards, 0, 64);
    root.read("groups", config.groups);
    root.read("topics", config.topics);
    root.read("p2p", s.p2p);
    root.read("refuse_duplicates", s.refuse_duplicates);
    root.read("queue_qos0_offline", s.queue_qos0_offline);
    bool strict = false;
    root.read("strict_parity", strict);
    if (strict) s.retain = s.wills = s.shared_subscriptions = false;
    root.read("retain", s.retain);
    root.read("wills", s.wills);
    root.read("shared_subscriptions", s.shared_subscriptions);
    root.read("response_information", s.response_information);
    root.read("message_id_property", s.message_id_property);
    if (s.message_id_property.size() > 64)
        throw ConfigError(root.where("message_id_property") + ": key 'message_id_property': longer than 64 bytes");
    if (strict) s.system_interval = seconds{0};
    read_seconds(root, "system_interval", s.system_interval);
    const auto presence = root.table("presence");
    presence.only({"topic", "groups"});
    presence.read("topic", s.presence_topic);
    presence.read("groups", s.presence_groups);
    const auto store = root.table("store");
    store.only({"gather", "checkpoint_pages"});
    store.read("gather", config.store_gather);
    store.read("checkpoint_pages", config.store_checkpoint_pages, 0, 1'000'000);
    const auto log = root.table("log");
    log.only({"level", "json"});
    log.read("level", config.log.level);
    log.read("json", config.log.json);
    read_trace(root.table("trace"), config);
    read_rules(root, config);
    read_auth(root, config);
    read_limits(root.table("limits"), s.limits);
    check_values(root, config);
    return config;
}

Config load_config(const std::filesystem::path& file, const CommandLine& c) {
    auto config = load_config(file, c.mode);
    if (!c.listen.empty()) {
        config.listen = c.listen;
        config.listeners.clear();
    }
    if (config.listen.empty() && config.listeners.empty()) config.listen = {"127.0.0.1:1883"};
    if (!c.certificate.empty()) config.tls.certificate = c.certificate;
    if (!c.key.empty()) config.tls.key = c.key;
    if (!c.client_ca.empty()) config.tls.client_ca = c.client_ca;
    if (c.client_certificates) config.tls.client_certificates = *c.client_certificates;
    if (!c.data.empty()) config.data = c.data;
    if (!c.admin.empty()) config.admin = c.admin;
    if (!c.presence_topic.empty()) config.settings.presence_topic = c.presence_topic;
    if (c.trace) config.trace = *c.trace;
    if (c.offline_batch) config.settings.limits.offline_batch = *c.offline_batch;
    if (c.shards) config.shards = *c.shards;
    config.groups.insert(config.groups.end(), c.groups.begin(), c.groups.end());
    config.topics.insert(config.topics.end(), c.topics.begin(), c.topics.end());
    config.allow_anonymous |= c.allow_anonymous;
    if (!c.log_level.empty()) config.log.level = c.log_level;
    config.log.json |= c.log_json;
    config.command_line = c;
    if (config.tls.certificate.empty() != config.tls.key.empty()) {
        const std::string_view there = config.tls.key.empty() ? "certificate" : "key";
        const std::string_view missing = config.tls.key.empty() ? "key" : "certificate";
        throw std::runtime_error(file.string() + ": table 'tls': a " + std::string(there) + " without its " +
                                 std::string(missing));
    }
    check_command_line(config);
    return config;
}

}  // namespace esl::broker
