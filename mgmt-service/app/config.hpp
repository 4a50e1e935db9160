// What the management service is told at start: mgmt-service.toml, then the command line over it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/log/log.hpp"
#include "common/mqttclient/broker_profile.hpp"
#include "common/mqttclient/client.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt {

struct AppConfig {
    std::string listen = "127.0.0.1:8080";
    std::filesystem::path data = "var/mgmt-service";
    std::filesystem::path web;     // built page; empty: only the interface is served
    std::filesystem::path assets;  // templates/ and fonts/; empty: found beside the program or in the source tree
    std::string link_base;         // of GS1 Digital Links
    bool secure_cookies = false;
    bool test_clock = false;
    std::filesystem::path admin_password_file;  // sets the password of `admin` at each start

    // A store that is made at the first start; APs that belong to none are claimed for it.
    std::string store;
    std::string store_name, currency = "EUR", locale = "en";

    mqttclient::Options broker;
    mqttclient::BrokerSettings broker_settings;
    ServiceSettings service;
    log::Options log;
};

// Command line and the file it names. A number: end now with this exit code (--help, bad usage, --check-config).
// Throws config::ConfigError for what is wrong in the file, or does not fit together.
[[nodiscard]] std::optional<int> parse_options(int argc, char** argv, AppConfig& config);
// The file alone, over the defaults.
void load_config(const std::filesystem::path& file, AppConfig& config);

}  // namespace esl::mgmt
