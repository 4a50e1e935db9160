#include <spdlog/fmt/fmt.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "broker/app/ctl_client.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

std::string path_of(const std::string& id) {
    return "/api/v1/rules/" + http::percent_encode(id);
}

void print_rules(const json& body) {
    std::cout << fmt::format("{:<24} {:<13} {:<32} {:<7} {:>9} {:>8} {:>8} {:>8} {:>8}\n", "RULE", "KIND", "RESOURCE",
                             "VIA", "EXPORTED", "FAILED", "RETRIED", "WAITING", "DROPPED");
    for (const auto& rule : body["items"]) {
        const auto figure = [&](const char* name) {
            return rule.contains("figures") ? rule["figures"][name].get<std::uint64_t>() : 0;
        };
        std::cout << fmt::format("{:<24} {:<13} {:<32} {:<7} {:>9} {:>8} {:>8} {:>8} {:>8}{}\n",
                                 rule["id"].get<std::string>(), rule["kind"].get<std::string>(),
                                 rule["resource"].get<std::string>(), rule["via"].get<std::string>(),
                                 figure("exported"), figure("failed"), figure("retried"), figure("waiting"),
                                 figure("dropped"), rule["enabled"].get<bool>() ? "" : "  (off)");
    }
}

void print_rule(const json& rule) {
    for (const auto& [key, value] : rule.items())
        std::cout << fmt::format("{:<14} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
}

// The text itself, or a file's after '@' ("-": standard input).
std::string text_of(const std::string& given) {
    if (!given.starts_with('@')) return given;
    const auto name = given.substr(1);
    std::ifstream file;
    if (name != "-") file.open(name);
    std::istream& in = name == "-" ? std::cin : file;
    if (!in) throw std::runtime_error(name + ": cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void add_rule_commands(CLI::App& app, std::function<int(CtlClient&)>& run) {
    const auto given = std::make_shared<std::string>();
    auto* rule = app.add_subcommand("rule", "what leaves the broker by itself, and what comes in");
    rule->require_subcommand(1);
    rule->add_subcommand("list", "all of them, with their figures")->callback([&run] {
        run = [](CtlClient& ctl) { return ctl.show(ctl.http().get("/api/v1/rules"), print_rules); };
    });
    const auto named = [&](const char* name, const char* help, auto action) {
        auto* command = rule->add_subcommand(name, help);
        command->add_option("rule", *given)->required();
        command->callback(
            [&run, given, action] { run = [given, action](CtlClient& ctl) { return action(ctl, *given); }; });
    };
    named("show", "one of them",
          [](CtlClient& ctl, const std::string& id) { return ctl.show(ctl.http().get(path_of(id)), print_rule); });
    named("rm", "take one out, with what waits for it", [](CtlClient& ctl, const std::string& id) {
        return ctl.show(ctl.http().send("DELETE", path_of(id)), [](const json&) {});
    });
    named("add", "make one: JSON, or @FILE (@-: standard input)", [](CtlClient& ctl, const std::string& text) {
        return ctl.show(ctl.http().post_json("/api/v1/rules", text_of(text)), [](const json&) {});
    });
    const auto payload = std::make_shared<std::string>();
    auto* post = rule->add_subcommand("post", "publish by an inbound rule, as another system would");
    post->add_option("rule", *given)->required();
    post->add_option("payload", *payload, "the text, or @FILE (@-: standard input)")->required();
    post->callback([&run, given, payload] {
        run = [given, payload](CtlClient& ctl) {
            return ctl.show(ctl.http().send("POST", "/api/v1/inbound/" + http::percent_encode(*given),
                                            text_of(*payload), {{"Content-Type", "application/octet-stream"}}),
                            [](const json& answer) { std::cout << answer["msgId"].get<std::string>() << "\n"; });
        };
    });
    named("set", "replace the one with this id: JSON, or @FILE", [](CtlClient& ctl, const std::string& text) {
        const auto body = text_of(text);
        const auto parsed = json::parse(body, nullptr, false);
        if (!parsed.is_object() || !parsed.contains("id") || !parsed["id"].is_string()) {
            std::cerr << "broker ctl: the rule must be a JSON object with an id\n";
            return 1;
        }
        return ctl.show(ctl.http().send("PUT", path_of(parsed["id"].get<std::string>()), body), [](const json&) {});
    });
}

}  // namespace esl::broker
