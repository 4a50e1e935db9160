#include "ap-agent/app/options.hpp"

#include <CLI/CLI.hpp>

#include "common/config/config.hpp"
#include "common/contract/topics.hpp"
#include "common/core/ids.hpp"

namespace esl::ap {
namespace {

constexpr const char* kAbout =
    "ap-agent: drives the price tags of one access point and reports to the Shelfwire service over MQTT.";

void read_agent(const config::Table& t, AppOptions& o) {
    t.only({"data", "store", "radios", "max_tasks", "max_image_bytes", "update_budget", "tags_interval",
            "full_interval", "health_interval", "lost_after"});
    std::string data = o.data.string();
    t.read("data", data);
    o.data = data;
    t.read("store", o.agent.store);
    t.read("radios", o.radios);
    t.read("max_tasks", o.agent.engine.max_tasks, 1, 1'000'000);
    t.read("max_image_bytes", o.agent.engine.max_image_bytes, 65'536, 4'000'000'000);
    t.read("update_budget", o.agent.update_budget);
    t.read("tags_interval", o.agent.tags_interval);
    t.read("full_interval", o.agent.full_interval);
    t.read("health_interval", o.agent.health_interval);
    t.read("lost_after", o.agent.sightings.lost_after);
}

void read_retry(const config::Table& t, RetryPolicy& r) {
    t.only({"rounds", "first", "limit"});
    t.read("rounds", r.rounds, 1, 100);
    t.read("first", r.first);
    t.read("limit", r.limit);
}

void read_bluez(const config::Table& t, bluez::BluezOptions& b) {
    t.only({"links", "attempts", "connect_limit", "heard_within", "settle", "notice", "notice_floor", "refresh_spare"});
    t.read("links", b.links, 1, 64);
    t.read("attempts", b.attempts, 1, 100);
    t.read("connect_limit", b.connect_limit);
    t.read("heard_within", b.heard_within);
    t.read("settle", b.times.settle);
    t.read("notice", b.times.notice);
    t.read("notice_floor", b.times.notice_floor);
    t.read("refresh_spare", b.refresh_spare);
}

void check(const AppOptions& o) {
    const auto need = [](bool ok, const char* what) {
        if (!ok) throw config::ConfigError(what);
    };
    need(!o.mqtt.url.empty(), "no broker: --broker tcp://host:port, or url in [broker]");
    need(!o.mqtt.client_id.empty(), "no client id: --client-id GID_esl_ap@@@<serial>, or client_id in [broker]");
    need(!o.radios.empty(), "no radio: --radio bluez[:hciN], znp:PATH or znp:tcp://host:port");
    if (!o.agent.store.empty() && !contract::is_store_id(o.agent.store)) {
        throw config::ConfigError("store '" + o.agent.store + "' is not [a-z0-9-]{1,16}");
    }
    for (const auto& radio : o.radios) {
        if (radio == "bluez" || radio.starts_with("bluez:hci") || (radio.starts_with("znp:") && radio.size() > 4))
            continue;
        throw config::ConfigError("radio '" + radio + "' is none of bluez[:hciN], znp:PATH, znp:tcp://host:port");
    }
}

}  // namespace

void read_config(const std::filesystem::path& file, AppOptions& o) {
    const auto t = config::Table::load(file);
    t.only({"broker", "agent", "retry", "bluez", "znp"});
    mqttclient::read_broker_table(t.table("broker"), o.mqtt, o.broker);
    read_agent(t.table("agent"), o);
    read_retry(t.table("retry"), o.agent.retry);
    read_bluez(t.table("bluez"), o.bluez);
    const auto znp = t.table("znp");
    znp.only({"channel"});
    znp.read("channel", o.znp_channel, 11, 26);
}

Parsed parse_command_line(int argc, char** argv, AppOptions& o) {
    CLI::App cli{kAbout};
    std::string config, broker, client, data, store, profile;
    std::vector<std::string> radios;
    cli.set_version_flag("--version", std::string("ap-agent " ESL_VERSION));
    cli.add_option("--config", config, "TOML file; flags win over it")->type_name("FILE");
    cli.add_flag("--check-config", o.check_only, "read flags and file, say what is wrong, and end");
    cli.add_option("--broker", broker, "tcp://host:port or ssl://host:port")->type_name("URL");
    cli.add_option("--client-id", client, "MQTT client id, GID_esl_ap@@@<serial>")->type_name("ID");
    cli.add_option("--profile", profile, "apsara (default), plain or apsaramq")->type_name("NAME");
    cli.add_option("--radio", radios, "bluez[:hciN], znp:PATH or znp:tcp://host:port; repeatable")
        ->type_name("RADIO")
        ->allow_extra_args(false);
    cli.add_option("--data", data, "folder of the agent's store")->type_name("DIR");
    cli.add_option("--store", store, "store id; without it the service says")->type_name("NAME");
    cli.add_option("--log-level", o.log.level, "trace, debug, info, warn, error, off")->type_name("LEVEL");
    cli.add_flag("--log-json", o.log.json, "log lines as JSON");
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return {false, cli.exit(e) == 0 ? 0 : 2};
    }
    if (!config.empty()) read_config(config, o);
    if (!broker.empty()) o.mqtt.url = broker;
    if (!client.empty()) o.mqtt.client_id = client;
    if (!radios.empty()) o.radios = radios;
    if (!data.empty()) o.data = data;
    if (!store.empty()) o.agent.store = store;
    if (!profile.empty()) {
        const auto known = mqttclient::profile_from(profile);
        if (!known) throw config::ConfigError("--profile: " + known.error().message());
        o.broker.profile = *known;
    }
    check(o);
    mqttclient::apply_credentials(o.broker, o.mqtt);
    o.agent.client_id = o.mqtt.client_id;
    if (o.check_only) std::fprintf(stderr, "ap-agent: configuration is good\n");
    return {!o.check_only, 0};
}

}  // namespace esl::ap
