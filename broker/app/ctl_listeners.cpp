// `broker ctl listeners`
#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "broker/app/ctl_client.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

std::string auth_of(const json& listener) {
    std::string out;
    for (const auto& method : listener["auth"]) out += (out.empty() ? "" : ",") + method.get<std::string>();
    return out.empty() ? "nobody" : out;
}

std::string certificate_of(const json& listener) {
    if (!listener.contains("certificate")) return "-";
    const auto& certificate = listener["certificate"];
    const auto end = static_cast<std::time_t>(certificate["not_after"].get<std::int64_t>() / 1'000);
    return fmt::format("{} until {:%Y-%m-%d %H:%M} UTC", certificate["subject"].get<std::string>(), fmt::gmtime(end));
}

void print_listeners(const json& body) {
    constexpr auto kRow = "{:<28} {:<4} {:<7} {:>11}  {:<50} {}\n";
    std::cout << fmt::format(kRow, "ADDRESS", "KIND", "STATE", "CONNECTIONS", "AUTH", "CERTIFICATE");
    for (const auto& l : body["items"]) {
        std::cout << fmt::format(kRow, l["address"].get<std::string>(), l["kind"].get<std::string>(),
                                 l["open"].get<bool>() ? "open" : "closing", l["connections"].get<std::size_t>(),
                                 auth_of(l), certificate_of(l));
    }
}

}  // namespace

void add_listener_commands(CLI::App& app, std::function<int(CtlClient&)>& run) {
    app.add_subcommand("listeners", "where clients may come in, and how many are there")->callback([&run] {
        run = [](CtlClient& c) { return c.show(c.http().get("/api/v1/listeners"), print_listeners); };
    });
}

}  // namespace esl::broker
