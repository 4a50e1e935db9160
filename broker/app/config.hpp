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
    std::vector<std::string> option_groups;  // of the command line: they outlive a reload of the file
    std::vector<std::string> option_topics;
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
// "apsara" or "standard"; nothing otherwise.
[[nodiscard]] std::optional<Mode> parse_mode(std::string_view text);
// "off", "device" or "all"; nothing otherwise.
[[nodiscard]] std::optional<TraceMode> parse_trace_mode(std::string_view text);

}  // namespace esl::broker
