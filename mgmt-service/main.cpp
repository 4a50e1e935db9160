#include <spdlog/spdlog.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "common/log/log.hpp"
#include "mgmt-service/app/app.hpp"

namespace {

// Until told to end. SIGHUP is taken and does nothing: there is nothing to read again.
void wait_for_the_end(const sigset_t& signals) {
    for (;;) {
        int number = 0;
        if (sigwait(&signals, &number) != 0 || number == SIGHUP) continue;
        return;
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        esl::mgmt::AppConfig config;
        if (const auto code = esl::mgmt::parse_options(argc, argv, config)) return *code;
        if (const auto ok = esl::log::set_up("mgmt-service", config.log); !ok) {
            std::cerr << "mgmt-service: " << ok.error().message() << "\n";
            return 2;
        }
        sigset_t signals;
        sigemptyset(&signals);
        for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        esl::mgmt::App app(std::move(config));
        app.start();
        wait_for_the_end(signals);
        app.stop();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "mgmt-service: " << error.what() << "\n";
        return 1;
    }
}
