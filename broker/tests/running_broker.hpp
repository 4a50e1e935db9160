// Brokers for tests: one inside the test's process, one as the built executable.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/app/app.hpp"

namespace esl::broker::testing {

// Of "ADDR:PORT".
[[nodiscard]] std::uint16_t port_of(const std::string& address);

// In this process, on port 0.
class RunningBroker {
public:
    explicit RunningBroker(Config config);
    ~RunningBroker() { stop(); }
    void stop();
    [[nodiscard]] std::uint16_t port(std::size_t listener = 0) const { return port_of(app_->address(listener)); }
    void reload() { app_->reload(); }
    [[nodiscard]] std::string admin() const { return app_->admin_address(); }
    [[nodiscard]] std::vector<std::string> admin_routes() const { return app_->admin_routes(); }
    // Of /metrics, summed over the shards.
    [[nodiscard]] std::uint64_t counter(const std::string& name) const { return app_->counter(name); }

private:
    std::unique_ptr<App> app_;
    std::thread thread_;
};

// Of this kind on 127.0.0.1, port 0, with the shared certificate.
[[nodiscard]] ListenerConfig test_listener(ListenerKind kind);

// A configuration for tests: anonymous, port 0 by the transport that SHELFWIRE_TEST_TRANSPORT names, group GID_test,
// topics esl_task and esl_report, two shards.
[[nodiscard]] Config test_config(Mode mode = Mode::apsara);

// Runs the executable with these arguments, to its end; what it printed on both outputs, and its exit code.
struct Said {
    int code = -1;
    std::string text;
};
[[nodiscard]] Said run_executable(const std::string& arguments);

// The executable, with its log in a file of `folder`.
class BrokerProcess {
public:
    BrokerProcess(std::filesystem::path folder, std::vector<std::string> arguments);
    ~BrokerProcess();
    BrokerProcess(const BrokerProcess&) = delete;
    void start(std::uint16_t port = 0);
    void set_open_files(unsigned most) { open_files_ = most; }  // before start()
    void listen_as_configured() { listen_ = false; }            // likewise: without --listen
    void use_executable(std::string path) { executable_ = std::move(path); }
    void kill_dead();              // SIGKILL
    void reload() const;           // SIGHUP
    int terminate(int times = 1);  // SIGTERM; gives the exit code
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool alive() const;
    [[nodiscard]] std::string log() const;

private:
    std::filesystem::path folder_;
    std::string executable_;
    std::vector<std::string> arguments_;
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
    unsigned open_files_ = 0;
    bool listen_ = true;
};

}  // namespace esl::broker::testing
