// The service's REST interface (openapi.yaml), live events, metrics and web page on one listening socket.
//
//     AuthService auth(clock, *auth_store, audit_to(clock, service));
//     rest::RestServer rest({clock, service, auth, log, renderer, {}}, {.listen = "127.0.0.1:8080", .web = "…/dist"});
//     rest.start();          // logs "listening on 127.0.0.1:8080"
//     … rest.stop(); service.stop();
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::audit {
class Log;
}
namespace esl::mgmt {
class Service;
class ImageRenderer;
}  // namespace esl::mgmt
namespace esl::mgmt::auth {
class AuthService;
struct AuthEvent;
}  // namespace esl::mgmt::auth

namespace esl::mgmt::rest {

// All of it outlives the server.
struct Dependencies {
    const Clock& clock;
    Service& service;
    auth::AuthService& auth;
    audit::Log& audit;  // read here: entries and proofs
    ImageRenderer& renderer;
    // With a test clock: moves the wall time forward, ServiceError::invalid when backward. Empty: /test/clock is 404.
    std::function<Result<>(UnixMillis)> set_clock{};
};

struct Settings {
    std::string listen = "127.0.0.1:8080";  // "[::1]:80", ":80" for every address, port 0 for a free one
    std::filesystem::path web{};            // built page; empty or missing: only the interface is served
    bool secure_cookies = false;            // behind a TLS proxy
    std::size_t worker_threads = 8;
    std::size_t max_event_listeners = 256;  // above: 503
    std::size_t event_memory = 10'000;      // events a reconnecting listener can be given
    std::chrono::milliseconds heartbeat = std::chrono::seconds(15);
};

// start() and stop() from one thread.
class RestServer {
public:
    RestServer(Dependencies dependencies, Settings settings);
    ~RestServer();

    // Listens, then logs "listening on ADDRESS:PORT" at info, and the first administrator's link at warn while nobody
    // can log in. Throws std::runtime_error that names the address when it cannot listen.
    void start();
    [[nodiscard]] const std::string& address() const;
    // Ends event streams at once, gives requests under way `grace`, waits for handlers. Before Service::stop().
    void stop(std::chrono::milliseconds grace = std::chrono::seconds(5));

    // "GET /api/v1/tags/{tag}" and so on, for the test that compares them with openapi.yaml.
    [[nodiscard]] std::vector<std::string> routes() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// What AuthService wants for its audit entries, by way of Service::audit.
[[nodiscard]] std::function<Result<>(const auth::AuthEvent&)> audit_to(const Clock& clock, Service& service);

}  // namespace esl::mgmt::rest
