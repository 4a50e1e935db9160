#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <string_view>
#include <thread>

#include "broker/app/app.hpp"
#include "broker/app/ctl.hpp"
#include "broker/app/options.hpp"
#include "common/log/log.hpp"

namespace {

// Signals are taken by one thread, in the open, instead of a handler.
void serve_signals(esl::broker::App& app, const sigset_t& signals) {
    for (;;) {
        int number = 0;
        if (sigwait(&signals, &number) != 0) continue;
        if (number == SIGUSR2) return;
        if (number == SIGHUP) {
            app.reload();
            continue;
        }
        app.stop();  // the second time it does not wait for anybody
    }
}

int serve(esl::broker::Config config) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) sigaddset(&signals, number);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    esl::broker::App app(std::move(config));
    std::thread signal_thread([&] { serve_signals(app, signals); });
    const int code = app.run();
    pthread_kill(signal_thread.native_handle(), SIGUSR2);
    signal_thread.join();
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::string_view(argv[1]) == "ctl") return esl::broker::run_ctl(argc - 1, argv + 1);
        esl::broker::Config config;
        if (const auto code = esl::broker::parse_options(argc, argv, config)) return *code;
        if (const auto ok = esl::log::set_up("broker", config.log); !ok) {
            std::cerr << "broker: " << ok.error().message() << "\n";
            return 2;
        }
        return serve(std::move(config));
    } catch (const std::exception& error) {
        std::cerr << "broker: " << error.what() << "\n";
        return 1;
    }
}
