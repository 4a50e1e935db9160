// Where clients may come in: `listen`, `[[listener]]` and `--listen`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/settings.hpp"
#include "broker/net/endpoint.hpp"
#include "common/config/config.hpp"

namespace esl::broker {

struct ListenerConfig {
    std::string address;  // "ADDR:PORT"; port 0 picks a free one
    ListenerKind kind = ListenerKind::tcp;
    bool dual_stack = true;  // an IPv6 address that stands for all takes IPv4 too
    TlsSettings tls{};       // of tls and wss
    websocket::UpgradeRules websocket{};
    ListenerAuth auth{};
    // None: as in the settings.
    std::optional<std::size_t> packet_before_connect{};
    std::optional<std::size_t> packet{};
    std::optional<milliseconds> connect_timeout{};
    std::size_t connections = 0;  // 0: no bound of its own
    std::size_t connections_per_address = 0;
    std::string where{};  // "broker.toml:12", for errors; "--listen ADDR"
};

// "ADDR:PORT" or a URL: mqtt:// mqtts:// ws:// wss://, port 1883, 8883, 80, 443 unless it says so; a path of ws and wss
// is the only one accepted there. Throws std::runtime_error that names the text.
[[nodiscard]] ListenerConfig parse_listener(const std::string& text);
// "none", "optional" or "required"; nothing otherwise.
[[nodiscard]] std::optional<ClientCertificates> parse_client_certificates(std::string_view text);
// `[[listener]]` tables over the `[tls]` table. Throws config::ConfigError with file, line and key.
[[nodiscard]] std::vector<ListenerConfig> read_listeners(const config::Table& root);
// `[tls]`: what listeners with TLS use where they say nothing.
[[nodiscard]] TlsSettings read_tls(const config::Table& table, TlsSettings fallback = {});
// Null for one without TLS. Throws std::runtime_error that says where and which key.
[[nodiscard]] std::unique_ptr<TlsContext> make_tls(const ListenerConfig& listener);
// Reads its certificates, opens nothing. Throws std::runtime_error that says where and which key.
[[nodiscard]] std::unique_ptr<Endpoint> make_endpoint(const ListenerConfig& listener, const Limits& limits);

}  // namespace esl::broker
