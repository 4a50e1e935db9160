// The composition root: the one place that names concrete types.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/app/config.hpp"

namespace esl::broker {

class App {
public:
    // Opens everything. Throws for what cannot be opened, with the reason.
    explicit App(Config config);
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    // Serves until stop(); 0 when all ended well.
    int run();
    // Async-signal-safe and thread-safe.
    // Thread-safe. Clients are told, and have some seconds to take what is on its way to them; called again, no more.
    void stop();
    // Thread-safe; while run() runs, whose start it waits for: listeners, certificates, users, access keys, groups,
    // topics and rules as configuration file, names.json and PEM files are now. If any of it is bad, that is logged and
    // nothing changes.
    void reload();
    // What a listener is bound to, "ADDR:PORT"; throws std::out_of_range for one that is not there. Not during a
    // reload.
    [[nodiscard]] std::string address(std::size_t listener = 0) const;
    [[nodiscard]] std::string admin_address() const;
    [[nodiscard]] std::vector<std::string> admin_routes() const;  // "GET /api/v1/groups"
    // Of /metrics; throws std::out_of_range for a name that is not there.
    [[nodiscard]] std::uint64_t counter(const std::string& name) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
