// A listener as the shards see it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "broker/core/settings.hpp"
#include "broker/core/subscription_tree.hpp"
#include "broker/net/tls.hpp"
#include "broker/net/websocket.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

enum class ListenerKind : std::uint8_t { tcp, tls, ws, wss };
constexpr std::size_t kListenerKinds = 4;

constexpr std::string_view describe(ListenerKind kind) {
    switch (kind) {
        case ListenerKind::tcp:
            return "tcp";
        case ListenerKind::tls:
            return "tls";
        case ListenerKind::ws:
            return "ws";
        case ListenerKind::wss:
            return "wss";
    }
    return "listener";
}
constexpr bool has_tls(ListenerKind kind) {
    return kind == ListenerKind::tls || kind == ListenerKind::wss;
}
constexpr bool has_websocket(ListenerKind kind) {
    return kind == ListenerKind::ws || kind == ListenerKind::wss;
}

// Counted over all shards. Thread-safe.
class AddressCounts {
public:
    // False when the address has `most` already.
    bool enter(const std::string& address, std::size_t most);
    void leave(const std::string& address);
    std::atomic<std::size_t> connections{0};

private:
    std::mutex lock_;
    TextMap<std::size_t> counts_;
};

// Immutable but for the counts and what `tls` reads again; outlives the shards.
struct Endpoint {
    ListenerKind kind = ListenerKind::tcp;
    std::string address{};                // "127.0.0.1:8883", as bound
    std::unique_ptr<TlsContext> tls{};    // of tls and wss
    websocket::UpgradeRules websocket{};  // of ws and wss
    ListenerAuth auth{};
    std::size_t packet_before_connect = 0;
    std::size_t packet = 0;
    seconds connect_timeout{};                // from accept to CONNECT, handshakes included
    std::size_t connections = 0;              // 0: as many as the broker takes in all
    std::size_t connections_per_address = 0;  // 0: no bound of its own
    mutable AddressCounts counts{};

    // For one connection; null: MQTT's bytes are the socket's.
    [[nodiscard]] std::unique_ptr<Layer> open() const;
};

}  // namespace esl::broker
