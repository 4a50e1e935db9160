// `broker ctl key ...`
#include <spdlog/fmt/fmt.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "broker/app/ctl_client.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

void print_keys(const json& body) {
    std::cout << fmt::format("{:<32} {}\n", "NAME", "ROLE");
    for (const auto& key : body["items"])
        std::cout << fmt::format("{:<32} {}\n", key["name"].get<std::string>(), key["role"].get<std::string>());
}

struct Asked {
    std::string name;
    std::string role = "read";
};

}  // namespace

void add_key_commands(CLI::App& app, std::function<int(CtlClient&)>& run) {
    const auto asked = std::make_shared<Asked>();
    auto* keys = app.add_subcommand("key", "keys of the administration");
    keys->require_subcommand(1);
    keys->add_subcommand("list", "their names and roles")->callback([&run] {
        run = [](CtlClient& c) { return c.show(c.http().get("/api/v1/keys"), print_keys); };
    });
    auto* add = keys->add_subcommand("add", "make one and print it, once");
    add->add_option("name", asked->name)->required();
    add->add_option("role", asked->role)->check(CLI::IsMember({"read", "operate", "admin"}));
    add->callback([&run, asked] {
        run = [asked](CtlClient& c) {
            const auto body = json{{"name", asked->name}, {"role", asked->role}}.dump();
            return c.show(c.http().post_json("/api/v1/keys", body),
                          [](const json& made) { std::cout << made["key"].get<std::string>() << "\n"; });
        };
    });
    auto* rm = keys->add_subcommand("rm", "take one away");
    rm->add_option("name", asked->name)->required();
    rm->callback([&run, asked] {
        run = [asked](CtlClient& c) {
            return c.show(c.http().send("DELETE", "/api/v1/keys/" + http::percent_encode(asked->name)),
                          [](const json&) {});
        };
    });
}

}  // namespace esl::broker
