// A Debian Mosquitto on a free loopback port, which a test starts, kills and starts again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/testing/testing.hpp"

namespace esl::testing {

// Throws std::runtime_error when the broker does not come up.
class Mosquitto {
public:
    // `extra` is appended to the configuration. The port stays the same over restarts.
    explicit Mosquitto(const std::string& extra = "allow_anonymous true\n");
    ~Mosquitto();
    Mosquitto(const Mosquitto&) = delete;
    Mosquitto& operator=(const Mosquitto&) = delete;

    void start();
    void kill();  // SIGKILL, waits for its end
    [[nodiscard]] std::string url() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    TempDir dir_;
    std::string extra_;
    std::uint16_t port_ = 0;
    pid_t pid_ = -1;
};

// A TCP port of 127.0.0.1 that was free a moment ago.
[[nodiscard]] std::uint16_t free_port();

}  // namespace esl::testing
