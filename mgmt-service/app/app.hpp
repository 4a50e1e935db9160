// The management service put together: the one place that names concrete types.
#pragma once

#include <memory>

#include "mgmt-service/app/config.hpp"

namespace esl::mgmt {

class App {
public:
    // Opens everything under `config.data`. Throws std::exception that says what could not be opened.
    explicit App(AppConfig config);
    ~App();

    // Connects to the broker, listens, and makes the configured store. Throws when the address cannot be had.
    void start();
    // Requests under way get some seconds; then what was accepted is committed.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt
