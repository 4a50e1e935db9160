// What an ap-agent is told at start: flags, then the file, then defaults.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ap-agent/adapters/bluez/bluez_radio.hpp"
#include "ap-agent/core/agent.hpp"
#include "common/log/log.hpp"
#include "common/mqttclient/broker_profile.hpp"
#include "common/mqttclient/client.hpp"

namespace esl::ap {

struct AppOptions {
    std::filesystem::path data = "/var/lib/ap-agent";
    std::vector<std::string> radios;  // "bluez[:hciN]", "znp:PATH", "znp:tcp://host:port"
    std::uint8_t znp_channel = 15;
    mqttclient::Options mqtt;
    mqttclient::BrokerSettings broker;
    AgentOptions agent;
    bluez::BluezOptions bluez;
    log::Options log;
    bool check_only = false;
};

// Fills `options`; nothing to do more (--help, --version, bad usage) is told by the exit code. Throws ConfigError.
struct Parsed {
    bool run = false;
    int exit_code = 0;
};
[[nodiscard]] Parsed parse_command_line(int argc, char** argv, AppOptions& options);

// The file's settings, over the defaults in `options`. Throws ConfigError.
void read_config(const std::filesystem::path& file, AppOptions& options);

}  // namespace esl::ap
