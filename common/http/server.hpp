// An HTTP/1.1 server: connections on one thread of its own, handlers on worker threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/http/message.hpp"
#include "common/http/router.hpp"

namespace esl::http {

struct ServerOptions {
    std::string listen = "127.0.0.1:0";  // "[::1]:80"; ":80" is every address, IPv4 and IPv6; port 0 takes a free one
    std::size_t max_header_bytes = std::size_t{16} << 10;  // above: 431
    std::size_t max_connections = 1024;                    // above: 503 and closed
    std::size_t worker_threads = 4;
    std::size_t max_queued_requests = 256;  // waiting for a worker; above: 503 with Retry-After
    std::size_t stream_threads = 4;         // streaming handlers that run at once; four times as many may wait
    std::chrono::milliseconds first_byte_timeout = std::chrono::seconds(15);  // of a connection that has asked nothing
    std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);        // between requests
    std::chrono::milliseconds header_timeout =
        std::chrono::seconds(10);  // from the first byte to the end of the header
    std::chrono::milliseconds body_timeout =
        std::chrono::seconds(30);  // waited for a body in all, + 1 s per 4 KiB of it
    std::chrono::milliseconds write_timeout = std::chrono::seconds(30);  // without the peer taking anything
    Headers default_headers{{"X-Content-Type-Options", "nosniff"},
                            {"X-Frame-Options", "DENY"},
                            {"Referrer-Policy", "same-origin"},
                            {"Cache-Control", "no-store"}};  // added where the answer has none of that name
    // Called on the connections' thread when an answer has left; must return fast.
    std::function<void(const Request&, int status, std::chrono::microseconds taken)> on_answered{};
};

struct ServerStats {
    std::uint64_t connections = 0, refused_connections = 0, requests = 0, broken_requests = 0;
    std::size_t open_connections = 0;
};

// start() and stop() from one thread; the rest is thread-safe.
class Server {
public:
    // The router must not change any more.
    Server(ServerOptions options, std::shared_ptr<const Router> router);
    ~Server();  // stops at once if nobody did

    // Listens and returns. Throws std::runtime_error that names the address when it cannot.
    void start();
    // "127.0.0.1:41234", known after start().
    [[nodiscard]] const std::string& address() const;
    [[nodiscard]] std::uint16_t port() const;

    // No new connections, idle ones closed, requests under way get `grace` to end, then everything is cut. Waits for
    // handlers to return. A second call does nothing.
    void stop(std::chrono::milliseconds grace = std::chrono::seconds(5));

    [[nodiscard]] ServerStats stats() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::http
