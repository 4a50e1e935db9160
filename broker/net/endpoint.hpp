// A listener as the shards see it.
#pragma once

#include <array>
#include <atomic>
#include <functional>
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

// Immutable but for the counts, the flag and what `tls` takes over.
struct Endpoint {
    ListenerKind kind = ListenerKind::tcp;
    std::string address{};                // "127.0.0.1:8883", as bound
    UnixMillis since{};                   // that there is a socket at this address
    std::unique_ptr<TlsContext> tls{};    // of tls and wss
    websocket::UpgradeRules websocket{};  // of ws and wss
    ListenerAuth auth{};
    std::size_t packet_before_connect = 0;
    std::size_t packet = 0;
    seconds connect_timeout{};                // from accept to CONNECT, handshakes included
    std::size_t connections = 0;              // 0: as many as the broker takes in all
    std::size_t connections_per_address = 0;  // 0: no bound of its own
    mutable AddressCounts counts{};
    std::atomic<bool> retired{false};  // set before the shards hear of it: its connections are to end

    // For one connection; null: MQTT's bytes are the socket's.
    [[nodiscard]] std::unique_ptr<Layer> open() const;
};

// The listeners there are, by number, and those that have no door any more but connections still. Thread-safe. A number
// that a shard was told of, or has connections of, stays good.
class Endpoints {
public:
    static constexpr std::size_t kMost = 250;

    // Throws std::runtime_error when there are kMost.
    [[nodiscard]] std::uint16_t add(std::unique_ptr<Endpoint> endpoint);
    // How many more there may be.
    [[nodiscard]] std::size_t room();
    // No shard listens for it any more: when its last connection has gone its number is free.
    void close(std::uint16_t number);
    [[nodiscard]] Endpoint& operator[](std::uint16_t number) const;
    // `open`: there is a door, it takes more.
    void for_each(const std::function<void(const Endpoint&, bool open)>& use) const;

private:
    void sweep();

    mutable std::mutex lock_;  // of who adds, closes and looks at all
    std::array<std::atomic<Endpoint*>, kMost> by_number_{};
    std::array<std::unique_ptr<Endpoint>, kMost> owned_;
    std::array<bool, kMost> closed_{};
};

}  // namespace esl::broker
