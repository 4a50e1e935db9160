// `broker ctl` for credentials: each command is a method, a path and what goes into path, query and body.
#include <spdlog/fmt/fmt.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>

#include "broker/app/ctl_client.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

// Where an option's value goes. `path` replaces "{name}" there; `file` is read and its text sent; `secret` comes from
// standard input, one line, so that it stands in no list of processes; `lifetime` is seconds from now, sent as Unix ms.
enum class To : std::uint8_t { path, query, body, file, secret, lifetime };

struct Option {
    const char* name;  // as CLI11 takes it: "client" is positional, "--group" is not
    To to;
    const char* field;
    bool required = true;
};

struct Command {
    const char* group;
    const char* name;
    const char* help;
    const char* method;
    const char* path;
    std::vector<Option> options;
};

const Option kType{"--type", To::body, "type"};
const Option kUser{"--user", To::body, "username"};
const Option kClientOfPair{"--client", To::body, "client_id", false};
const Option kMode{"--sign-mode", To::body, "sign_mode"};
const Option kSecret{"", To::secret, "secret"};
const Option kIdentity{"--identity", To::body, "identity"};
const Option kTopic{"--topic", To::body, "topic"};
const Option kAction{"--action", To::body, "permit_action"};
const Option kEffect{"--effect", To::body, "effect"};
const Option kAfter{"--after", To::query, "after", false};
const Option kLimit{"--limit", To::query, "limit", false};
const Option kClient{"client", To::path, "client"};
const Option kSn{"sn", To::path, "sn"};
const Option kCa{"ca", To::path, "ca"};

const std::vector<Command>& commands() {
    static const std::vector<Command> kCommands{
        {"token",
         "apply",
         "issue a token",
         "POST",
         "/tokens",
         {{"--actions", To::body, "actions"},
          {"--resources", To::body, "resources"},
          {"--seconds", To::lifetime, "expires"},
          {"--access-key", To::body, "access_key", false},
          {"--instance", To::body, "instance", false}}},
        {"token",
         "query",
         "what a token is worth (read from standard input)",
         "POST",
         "/tokens/query",
         {{"", To::secret, "token"}}},
        {"token",
         "revoke",
         "revoke a token (read from standard input)",
         "POST",
         "/tokens/revoke",
         {{"", To::secret, "token"}}},
        {"token", "revoked", "revoked ones that have not expired", "GET", "/tokens/revoked", {kAfter, kLimit}},
        {"device",
         "list",
         "device credentials",
         "GET",
         "/device-credentials",
         {{"--group", To::query, "group", false}, kAfter, kLimit}},
        {"device",
         "register",
         "make a device's credential, or a new one",
         "POST",
         "/device-credentials",
         {{"client", To::body, "client_id"}}},
        {"device", "refresh", "give it a new secret", "POST", "/device-credentials/{client}/refresh", {kClient}},
        {"device", "get", "show it with its secret", "GET", "/device-credentials/{client}", {kClient}},
        {"device", "rm", "take it away", "DELETE", "/device-credentials/{client}", {kClient}},
        {"identity",
         "list",
         "identities",
         "GET",
         "/identities",
         {{"--type", To::query, "type", false},
          {"--user", To::query, "username", false},
          {"--client", To::query, "client_id", false},
          kAfter,
          kLimit}},
        {"identity",
         "add",
         "add one (secret from standard input)",
         "POST",
         "/identities",
         {kType, kUser, kClientOfPair, kMode, kSecret}},
        {"identity",
         "update",
         "change its secret (from standard input)",
         "PUT",
         "/identities",
         {kType, kUser, kClientOfPair, kMode, kSecret}},
        {"identity",
         "rm",
         "remove one",
         "DELETE",
         "/identities",
         {{"--type", To::query, "type"},
          {"--user", To::query, "username"},
          {"--client", To::query, "client_id", false}}},
        {"permission",
         "list",
         "permissions",
         "GET",
         "/permissions",
         {{"--type", To::query, "type", false}, {"--identity", To::query, "identity", false}, kAfter, kLimit}},
        {"permission", "add", "add one", "POST", "/permissions", {kType, kIdentity, kTopic, kAction, kEffect}},
        {"permission", "update", "change one", "PUT", "/permissions", {kType, kIdentity, kTopic, kAction, kEffect}},
        {"permission",
         "rm",
         "remove one",
         "DELETE",
         "/permissions",
         {{"--type", To::query, "type"}, {"--identity", To::query, "identity"}, {"--topic", To::query, "topic"}}},
        {"blacklist", "list", "clients that are kept out", "GET", "/blacklist", {kAfter, kLimit}},
        {"blacklist", "add", "keep one out", "POST", "/blacklist", {{"client", To::body, "client_id"}}},
        {"blacklist", "rm", "let it in again", "DELETE", "/blacklist/{client}", {kClient}},
        {"ca", "code", "the code for the next CA's verification certificate", "GET", "/ca-registration-code", {}},
        {"ca", "list", "registered CAs", "GET", "/cas", {kAfter, kLimit}},
        {"ca",
         "register",
         "register one (files in PEM)",
         "POST",
         "/cas",
         {{"name", To::body, "name"},
          {"certificate", To::file, "certificate"},
          {"verification", To::file, "verification"}}},
        {"ca", "get", "show one in full", "GET", "/cas/{sn}", {kSn}},
        {"ca", "rm", "remove one, and its devices' certificates", "DELETE", "/cas/{sn}", {kSn}},
        {"ca", "activate", "let its devices in", "POST", "/cas/{sn}/activate", {kSn}},
        {"ca", "inactivate", "keep its devices out", "POST", "/cas/{sn}/inactivate", {kSn}},
        {"certificate",
         "list",
         "devices' certificates",
         "GET",
         "/device-certificates",
         {{"--ca", To::query, "ca", false}, kAfter, kLimit}},
        {"certificate", "get", "show one", "GET", "/device-certificates/{ca}/{sn}", {kCa, kSn}},
        {"certificate", "rm", "forget one", "DELETE", "/device-certificates/{ca}/{sn}", {kCa, kSn}},
        {"certificate", "activate", "let it in", "POST", "/device-certificates/{ca}/{sn}/activate", {kCa, kSn}},
        {"certificate", "inactivate", "keep it out", "POST", "/device-certificates/{ca}/{sn}/inactivate", {kCa, kSn}},
    };
    return kCommands;
}

const char* group_help(std::string_view group) {
    constexpr std::pair<std::string_view, const char*> kHelp[] = {
        {"token", "tokens: issue, look up, revoke"}, {"device", "credentials of single devices"},
        {"identity", "user names and secrets"},      {"permission", "what identities may publish and subscribe to"},
        {"blacklist", "clients that are kept out"},  {"ca", "CAs that sign devices' certificates"},
        {"certificate", "devices' certificates"},
    };
    const auto* at = std::ranges::find(kHelp, group, &std::pair<std::string_view, const char*>::first);
    return at == std::end(kHelp) ? "" : at->second;
}

std::string shown(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

void print(const json& body) {
    if (!body.contains("items")) {
        for (const auto& [key, value] : body.items()) std::cout << fmt::format("{:<20} {}\n", key, shown(value));
        return;
    }
    std::vector<std::string> columns;
    std::map<std::string, std::size_t> widths;
    for (const auto& item : body["items"]) {
        for (const auto& [key, value] : item.items()) {
            if (!widths.contains(key)) columns.push_back(key);
            auto& width = widths[key];
            width = std::max({width, key.size(), shown(value).size()});
        }
    }
    for (const auto& column : columns) std::cout << fmt::format("{:<{}}  ", column, widths[column]);
    if (!columns.empty()) std::cout << "\n";
    for (const auto& item : body["items"]) {
        for (const auto& column : columns)
            std::cout << fmt::format("{:<{}}  ", item.contains(column) ? shown(item[column]) : "", widths[column]);
        std::cout << "\n";
    }
    if (const auto next = body.value("next", std::string{}); !next.empty())
        std::cout << fmt::format("({} in all; go on with --after '{}')\n", body["total"].dump(), next);
}

using Values = std::map<std::string, std::string>;  // by field; what was not given is not there

json field_of(const Option& option, const std::string& given) {
    switch (option.to) {
        case To::file: {
            std::ifstream in(given);
            if (!in) throw std::runtime_error(given + " cannot be read");
            return std::string(std::istreambuf_iterator<char>(in), {});
        }
        case To::secret: {
            std::string line;
            if (!std::getline(std::cin, line) || line.empty())
                throw std::runtime_error(std::string("the ") + option.field + " goes to standard input, one line");
            return line;
        }
        case To::lifetime: {
            const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count();
            return now + std::stoll(given) * 1'000;
        }
        case To::path:
        case To::query:
        case To::body:
            break;
    }
    return given;
}

int run_command(CtlClient& client, const Command& command, const Values& values) {
    std::string target = std::string("/api/v1") + command.path;
    std::string query;
    json body = json::object();
    for (const auto& option : command.options) {
        const auto at = values.find(option.field);
        if (at == values.end() && option.to != To::secret) continue;
        const std::string given = at == values.end() ? std::string{} : at->second;
        if (option.to == To::path) {
            const auto place = "{" + std::string(option.field) + "}";
            target.replace(target.find(place), place.size(), http::percent_encode(given));
        } else if (option.to == To::query) {
            query += (query.empty() ? "?" : "&") + std::string(option.field) + "=" + http::percent_encode(given);
        } else {
            body[option.field] = field_of(option, given);
        }
    }
    return client.show(client.http().send(command.method, target + query, body.empty() ? std::string{} : body.dump(),
                                          {{"Content-Type", "application/json"}}),
                       print);
}

}  // namespace

void add_credential_commands(CLI::App& app, std::function<int(CtlClient&)>& run) {
    std::map<std::string, CLI::App*> groups;
    for (const auto& command : commands()) {
        auto*& group = groups[command.group];
        if (group == nullptr) {
            group = app.add_subcommand(command.group, group_help(command.group));
            group->require_subcommand(1);
        }
        auto* sub = group->add_subcommand(command.name, command.help);
        const auto values = std::make_shared<Values>();
        for (const auto& option : command.options) {
            if (option.to == To::secret) continue;
            auto* added = sub->add_option_function<std::string>(
                option.name, [values, field = option.field](const std::string& v) { (*values)[field] = v; });
            if (option.required) added->required();
            if (option.to == To::lifetime) added->check(CLI::Range(1, 100'000'000));
        }
        sub->callback([&run, &command, values] {
            run = [&command, values](CtlClient& client) { return run_command(client, command, *values); };
        });
    }
}

}  // namespace esl::broker
