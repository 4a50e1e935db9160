#include <spdlog/fmt/fmt.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "broker/app/ctl_client.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

struct Asked {
    std::string of;
    std::string client;
    std::string part = "all";
    std::int64_t from = -1;
    std::int64_t to = -1;
    int page = 1;
    int page_size = 20;
    bool reverse = false;
    bool messages = false;

    [[nodiscard]] std::string page_query() const {
        std::string out = fmt::format("page={}&page_size={}&reverse={}", page, page_size, reverse);
        if (from >= 0) out += fmt::format("&from={}", from);
        if (to >= 0) out += fmt::format("&to={}", to);
        return out;
    }
};

void print_end(const json& body) {
    std::cout << fmt::format("page {}, {} rows in all{}\n", body["page"].get<int>(), body["total"].get<int>(),
                             body["truncated"].get<bool>() ? " and more; narrow the time" : "");
}

void print_devices(const json& body) {
    std::cout << fmt::format("{:<24} {:<11} {:<24} {}\n", "TIME (UTC)", "ACTION", "INFO", "CHANNEL");
    for (const auto& row : body["items"]) {
        std::cout << fmt::format("{:<24} {:<11} {:<24} {}\n", row["time_text"].get<std::string>(),
                                 row["action"].get<std::string>(), row["action_info"].get<std::string>(),
                                 row["channel_id"].get<std::string>());
    }
    print_end(body);
}

void print_messages(const json& body) {
    std::cout << fmt::format("{:<24} {:<32} {:<13} {}\n", "TIME (UTC)", "MESSAGE", "ACTION", "CLIENT");
    for (const auto& row : body["items"]) {
        std::cout << fmt::format("{:<24} {:<32} {:<13} {}\n", row["time_text"].get<std::string>(),
                                 row["message_id"].get<std::string>(), row["action"].get<std::string>(),
                                 row["client_id"].get<std::string>());
    }
    print_end(body);
}

void add_page_options(CLI::App& command, Asked& asked) {
    command.add_option("--from", asked.from, "Unix ms, inclusive")->check(CLI::NonNegativeNumber);
    command.add_option("--to", asked.to, "Unix ms, exclusive")->check(CLI::NonNegativeNumber);
    command.add_option("--page", asked.page)->check(CLI::PositiveNumber);
    command.add_option("--page-size", asked.page_size)->check(CLI::Range(1, 100));
    command.add_flag("--reverse", asked.reverse, "newest first");
}

}  // namespace

void add_trace_commands(CLI::App& app, std::function<int(CtlClient&)>& run) {
    const auto asked = std::make_shared<Asked>();
    auto* trace = app.add_subcommand("trace", "what clients did, and which way messages took");
    trace->require_subcommand(1);
    auto* client = trace->add_subcommand("client", "when a client came and went");
    client->add_option("client", asked->of)->required();
    client->add_flag("--messages", asked->messages, "its messages instead, published and pushed");
    add_page_options(*client, *asked);
    client->callback([&run, asked] {
        run = [asked](CtlClient& ctl) {
            const auto query = "?client=" + http::percent_encode(asked->of) + "&" + asked->page_query();
            if (asked->messages) return ctl.show(ctl.http().get("/api/v1/traces/messages" + query), print_messages);
            return ctl.show(ctl.http().get("/api/v1/traces/devices" + query), print_devices);
        };
    });
    auto* message = trace->add_subcommand("message", "who published a message and to whom it went");
    message->add_option("message", asked->of, "its id, 32 hex digits")->required();
    message->add_option("--client", asked->client, "only what this client did with it");
    message->add_option("--part", asked->part)->check(CLI::IsMember({"publish", "delivery", "all"}));
    add_page_options(*message, *asked);
    message->callback([&run, asked] {
        run = [asked](CtlClient& ctl) {
            auto query =
                "?message=" + http::percent_encode(asked->of) + "&part=" + asked->part + "&" + asked->page_query();
            if (!asked->client.empty()) query += "&client=" + http::percent_encode(asked->client);
            return ctl.show(ctl.http().get("/api/v1/traces/messages" + query), print_messages);
        };
    });
}

}  // namespace esl::broker
