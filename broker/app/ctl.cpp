#include "broker/app/ctl.hpp"

#include <spdlog/fmt/fmt.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "broker/app/ctl_client.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

class Ctl {
public:
    explicit Ctl(const CtlTarget& target) : client_(target) {}

    int list_names(const std::string& plural) {
        return client_.show(client_.http().get("/api/v1/" + plural), [](const json& body) {
            for (const auto& name : body["items"]) std::cout << name.get<std::string>() << "\n";
        });
    }
    int add_name(const std::string& plural, const std::string& name) {
        return client_.show(client_.http().post_json("/api/v1/" + plural, json{{"name", name}}.dump()),
                            [](const json&) {});
    }
    int remove(const std::string& plural, const std::string& name) {
        return client_.show(client_.http().send("DELETE", "/api/v1/" + plural + "/" + http::percent_encode(name)),
                            [](const json&) {});
    }
    int list_sessions(const std::string& plural, const std::string& part) {
        return client_.show(
            client_.http().get("/api/v1/" + plural + "?client=" + http::percent_encode(part)), [](const json& body) {
                std::cout << fmt::format("{:<48} {:<10} {:<7} {:>7} {:>8} {:>9}  {}\n", "CLIENT", "STATE", "MQTT",
                                         "FILTERS", "QUEUED", "IN FLIGHT", "ADDRESS");
                for (const auto& s : body["items"]) {
                    const bool connected = s["connected"].get<bool>();
                    std::cout << fmt::format("{:<48} {:<10} {:<7} {:>7} {:>8} {:>9}  {}\n",
                                             s["client_id"].get<std::string>(), connected ? "connected" : "offline",
                                             s["protocol"].get<std::string>(), s["filters"].get<std::size_t>(),
                                             s["queued"].get<std::size_t>(), s["in_flight"].get<std::size_t>(),
                                             s["address"].get<std::string>());
                }
                if (body["truncated"].get<bool>()) std::cout << "(more; name a part of the client id)\n";
            });
    }
    int publish(const std::string& topic, const std::string& payload, int qos, bool retain) {
        return client_.show(client_.http().post_json(
                                "/api/v1/publish",
                                json{{"topic", topic}, {"payload", payload}, {"qos", qos}, {"retain", retain}}.dump()),
                            [](const json&) {});
    }
    int stats() {
        return client_.show(client_.http().get("/api/v1/stats"), [](const json& body) {
            for (const auto& [name, value] : body.items()) std::cout << fmt::format("{:<36} {}\n", name, value.dump());
        });
    }

    [[nodiscard]] CtlClient& client() { return client_; }

private:
    CtlClient client_;
};

void add_names(CLI::App& app, const std::string& singular, std::string& name, std::function<int(Ctl&)>& run) {
    auto* names = app.add_subcommand(singular, "registered " + singular + "s");
    names->require_subcommand(1);
    const auto plural = singular + "s";
    names->add_subcommand("list", "all of them")->callback([&run, plural] {
        run = [plural](Ctl& c) { return c.list_names(plural); };
    });
    auto* add = names->add_subcommand("add", "register one");
    add->add_option("name", name)->required();
    add->callback([&run, &name, plural] { run = [&name, plural](Ctl& c) { return c.add_name(plural, name); }; });
    auto* rm = names->add_subcommand("rm", "take one out");
    rm->add_option("name", name)->required();
    rm->callback([&run, &name, plural] { run = [&name, plural](Ctl& c) { return c.remove(plural, name); }; });
}

}  // namespace

int run_ctl(int argc, char** argv) {
    CLI::App app{"Administers a running broker", "broker ctl"};
    CtlTarget target;
    std::function<int(Ctl&)> run;
    std::string name;
    std::string part;
    std::string payload;
    int qos = 1;
    bool retain = false;
    app.require_subcommand(1);
    app.fallthrough();  // --json and the like may also stand behind the command
    app.add_option("--admin", target.admin, "the broker's --admin ADDR:PORT");
    app.add_option("--data", target.data, "the broker's --data folder, which holds admin.key");
    app.add_option("--key-file", target.key_file, "the key, when it is elsewhere");
    app.add_option("--config", target.config, "the broker's broker.toml, for the two above");
    app.add_flag("--json", target.as_json, "print what the broker answered");
    add_names(app, "group", name, run);
    add_names(app, "topic", name, run);
    const auto add_list = [&](const char* command, const std::string& plural, const char* help) {
        auto* list = app.add_subcommand(command, help);
        list->require_subcommand(1);
        auto* all = list->add_subcommand("list", "those whose client id contains PART, or all");
        all->add_option("part", part);
        all->callback(
            [&run, &part, plural] { run = [&part, plural](Ctl& c) { return c.list_sessions(plural, part); }; });
    };
    add_list("client", "clients", "connected clients");
    add_list("session", "sessions", "sessions, connected or not");
    auto* kick = app.add_subcommand("kick", "disconnect a client");
    kick->add_option("client", name)->required();
    kick->callback([&] { run = [&](Ctl& c) { return c.remove("clients", name); }; });
    auto* publish = app.add_subcommand("publish", "publish a message");
    publish->add_option("topic", name)->required();
    publish->add_option("payload", payload)->required();
    publish->add_option("--qos", qos)->check(CLI::Range(0, 2));
    publish->add_flag("--retain", retain);
    publish->callback([&] { run = [&](Ctl& c) { return c.publish(name, payload, qos, retain); }; });
    app.add_subcommand("stats", "what the broker has counted")->callback([&run] {
        run = [](Ctl& c) { return c.stats(); };
    });
    std::function<int(CtlClient&)> run_client;
    app.add_subcommand("openapi", "print the description of the administration's REST interface, as YAML")
        ->callback([&run_client] {
            run_client = [](CtlClient& c) { return c.print_text(c.http().get("/api/v1/openapi.yaml")); };
        });
    add_listener_commands(app, run_client);
    add_trace_commands(app, run_client);
    add_credential_commands(app, run_client);
    add_key_commands(app, run_client);
    add_rule_commands(app, run_client);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    Ctl ctl(target);
    return run_client ? run_client(ctl.client()) : run(ctl);
}

}  // namespace esl::broker
