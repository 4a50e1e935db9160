// The client's end of a connection, by whichever transport: blocking, with deadlines.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "broker/net/endpoint.hpp"
#include "common/core/bytes.hpp"

namespace esl::broker::testing {

class Wire {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    virtual ~Wire() = default;
    // Quietly nothing when the other end has gone: the test sees that by receive().
    virtual void send(BytesView bytes) = 0;
    // Some bytes; nothing: the broker has closed. Throws std::runtime_error at the deadline.
    [[nodiscard]] virtual std::optional<Bytes> receive(Deadline until) = 0;
};

struct TlsClientOptions {
    std::filesystem::path ca{};           // empty: any server
    std::filesystem::path certificate{};  // empty: none is shown
    std::filesystem::path key{};
    int highest_version = 0;          // OpenSSL's number; 0: the highest there is
    std::filesystem::path session{};  // a ticket of an earlier connection is taken from here, and a new one put here
};

struct WebSocketClientOptions {
    std::string path = "/mqtt";
    std::string protocol = "mqtt";
    std::string more{};           // header lines, each with its CR LF
    std::size_t frame_most = 0;   // bytes in a frame, of messages of one frame; 0: as they are sent
    bool in_one_message = false;  // all frames are parts of one message that never ends
};

// All throw std::runtime_error that says what went wrong, OpenSSL's and the server's HTTP status included.
[[nodiscard]] std::unique_ptr<Wire> connect_tcp(std::uint16_t port);
[[nodiscard]] std::unique_ptr<Wire> connect_tcp_to(const std::string& host, std::uint16_t port);  // an IPv4 address
[[nodiscard]] std::unique_ptr<Wire> connect_tls(std::uint16_t port, const TlsClientOptions& options);
[[nodiscard]] std::unique_ptr<Wire> connect_websocket(std::unique_ptr<Wire> under,
                                                      const WebSocketClientOptions& options);
// With the shared CA.
[[nodiscard]] std::unique_ptr<Wire> connect_by(ListenerKind kind, std::uint16_t port);

// What SHELFWIRE_TEST_TRANSPORT says: tcp (also when it is not set), tls, ws, wss.
[[nodiscard]] ListenerKind test_transport();

// One masked frame as clients send it; `mask` in the order of the wire.
void write_masked_frame(std::uint8_t first_byte, BytesView payload, std::uint32_t mask, Bytes& out);

}  // namespace esl::broker::testing
