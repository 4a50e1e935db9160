// The broker's configuration: broker.toml, then command line options over it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "broker/app/listener_config.hpp"
#include "broker/auth/config_authenticator.hpp"
#include "broker/core/settings.hpp"
#include "broker/core/trace.hpp"
#include "broker/rules/rule.hpp"
#include "common/log/log.hpp"

namespace esl::broker {

// What the command line says over the file, at the start and again at every reload of the file. None: nothing.
struct CommandLine {
    std::optional<Mode> mode;
    std::vector<std::string> listen;  // in place of the file's listeners
    std::string certificate, key, client_ca;
    std::optional<ClientCertificates> client_certificates;
    std::vector<std::string> groups;  // besides the file's
    std::vector<std::string> topics;
    std::string data, admin, presence_topic, log_level;
    std::optional<TraceMode> trace;
    std::optional<std::size_t> offline_batch;
    std::optional<unsigned> shards;
    bool allow_anonymous = false;
    bool log_json = false;
};

struct Config {
    std::optional<Mode> mode;
    std::vector<std::string> listen;        // as parse_listener() takes them
    TlsSettings tls;                        // of those
    std::vector<ListenerConfig> listeners;  // `[[listener]]`
    std::filesystem::path data;             // empty: nothing outlives the process
    std::string admin;                      // "ADDR:PORT", empty: no administration
    unsigned shards = 0;                    // 0: one per core
    std::filesystem::path file;             // that it was read from; empty: none
    std::vector<std::string> groups;
    std::vector<std::string> topics;
    CommandLine command_line;  // is in all of this already
    std::vector<UserConfig> users;
    std::vector<AccessKeyConfig> access_keys;
    bool allow_anonymous = false;
    std::chrono::milliseconds store_gather{1};
    unsigned store_checkpoint_pages = 0;  // 0: by the measured flush time
    TraceMode trace = TraceMode::all;
    std::chrono::milliseconds trace_keep = std::chrono::hours(72);
    std::uint64_t trace_message_bytes = 1ULL << 30;
    std::uint64_t trace_device_bytes = 128ULL << 20;
    std::vector<RuleSpec> rules;
    Settings settings;
    log::Options log;

    [[nodiscard]] Mode effective_mode() const { return mode.value_or(Mode::apsara); }
};

// Those of `listen`, then `[[listener]]`. Throws as parse_listener() does.
[[nodiscard]] std::vector<ListenerConfig> all_listeners(const Config& config);
// Throws config::ConfigError, which names file, line and key. `mode_override` (from the command line) decides which
// defaults the limits start from. An empty path gives the defaults.
[[nodiscard]] Config load_config(const std::filesystem::path& file, std::optional<Mode> mode_override);
// The file with the command line over it; without either, 127.0.0.1:1883. Throws as load_config(), and
// std::runtime_error that names the option.
[[nodiscard]] Config load_config(const std::filesystem::path& file, const CommandLine& command_line);
// "apsara" or "standard"; nothing otherwise.
[[nodiscard]] std::optional<Mode> parse_mode(std::string_view text);
// "off", "device" or "all"; nothing otherwise.
[[nodiscard]] std::optional<TraceMode> parse_trace_mode(std::string_view text);

}  // namespace esl::broker
