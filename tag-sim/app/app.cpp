#include "tag-sim/app/app.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <utility>

#include "common/config/config.hpp"
#include "common/http/server.hpp"
#include "common/tagwire/gicisky/model.hpp"
#include "tag-sim/adapters/asio_scheduler.hpp"
#include "tag-sim/adapters/bluez/service.hpp"
#include "tag-sim/adapters/http/shelf_api.hpp"
#include "tag-sim/adapters/state_file.hpp"
#include "tag-sim/adapters/znp/service.hpp"

namespace esl::sim {
namespace {

std::vector<std::uint16_t> model_ids(const std::vector<std::string>& texts) {
    std::vector<std::uint16_t> out;
    for (const auto& text : texts) {
        std::uint16_t id = 0;
        const auto* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, id, 16);
        if (error != std::errc{} || stop != end)
            throw std::runtime_error("--models: '" + text + "' is not four hex digits");
        if (tagwire::gicisky::find_model(id) == nullptr)
            throw std::runtime_error("--models: " + text + " is not known");
        out.push_back(id);
    }
    if (out.empty()) throw std::runtime_error("--models: none given");
    return out;
}

FaultPlan load_plan(const Options& options) {
    if (options.faults.empty()) return FaultPlan{options.seed.value_or(1)};
    return FaultPlan::load(options.faults, options.seed);
}

std::vector<znp::Panel> panels(const std::vector<std::string>& texts) {
    std::vector<znp::Panel> out;
    for (const auto& text : texts) {
        const auto panel = znp::parse_panel(text);
        if (!panel) throw std::runtime_error("--panels: " + panel.error().message() + " (as 296x128-bwr)");
        out.push_back(*panel);
    }
    if (out.empty()) throw std::runtime_error("--panels: none given");
    return out;
}

constexpr std::chrono::milliseconds kSaveEvery{500};

// Owns everything; what is declared first goes last.
class App {
public:
    explicit App(const Options& options)
        : options_(options),
          plan_(load_plan(options)),
          scheduler_(io_),
          shelf_(scheduler_, plan_, Speed{options.speed}),
          state_(options.state),
          signals_(io_, SIGTERM, SIGINT, SIGHUP),
          save_timer_(scheduler_) {}

    int run() {
        state_.load();
        if (options_.radio == RadioKind::bluez) {
            start_bluez();
        } else {
            start_znp();
        }
        state_.restore(shelf_);
        shelf_.apply_faults();
        start_http();
        wait_for_signal();
        state_.save(shelf_, coordinator());  // a place that cannot be written is told before anybody relies on it
        save_later();
        io_.run();
        if (http_) http_->stop(std::chrono::seconds(1));
        state_.save(shelf_, coordinator());
        return exit_code_;
    }

private:
    void start_bluez() {
        bluez::BluezOptions radio;
        radio.bus = options_.bus;
        radio.adapter = options_.adapter;
        radio.tags = options_.tags;
        radio.models = model_ids(options_.models);
        radio.max_links = options_.max_links;
        bluez_ = std::make_unique<bluez::BluezService>(io_, radio, shelf_, [this] {
            exit_code_ = 1;
            io_.stop();
        });
    }

    void start_znp() {
        znp::ZnpOptions radio;
        radio.listen = options_.listen;
        radio.pty = options_.pty;
        radio.tags = options_.tags;
        radio.panels = panels(options_.panels);
        znp_ = std::make_unique<znp::ZnpService>(io_, radio, shelf_, state_.coordinator());
        spdlog::info("listening: ZNP on {}", znp_->address());
    }

    [[nodiscard]] Coordinator* coordinator() { return znp_ ? &znp_->coordinator() : nullptr; }

    void save_later() {
        save_timer_.start(kSaveEvery, [this] {
            save_later();
            try {
                state_.save(shelf_, coordinator());
                save_failed_ = false;
            } catch (const std::runtime_error& error) {
                if (!std::exchange(save_failed_, true)) spdlog::error("{}; trying again", error.what());
            }
        });
    }

    [[nodiscard]] web::Figures figures() const {
        if (znp_) return znp_->figures();
        const auto f = bluez_->figures();
        return {{"adverts_total", static_cast<double>(f.adverts)},
                {"connections_total", static_cast<double>(f.connections)},
                {"failed_connections_total", static_cast<double>(f.failed_connections)},
                {"writes_total", static_cast<double>(f.writes)},
                {"notifications_total", static_cast<double>(f.notifications)},
                {"links_now", static_cast<double>(f.links)}};
    }

    void start_http() {
        if (options_.http.empty()) return;
        http::ServerOptions server;
        server.listen = options_.http;
        http_ = std::make_unique<http::Server>(server, web::make_router(io_, shelf_, [this] { return figures(); }));
        http_->start();
        spdlog::info("listening: HTTP on {}", http_->address());
    }

    void wait_for_signal() {
        signals_.async_wait([this](const boost::system::error_code& error, int signal) {
            if (error) return;
            if (signal != SIGHUP) {
                spdlog::info("stopping");
                io_.stop();
                return;
            }
            reload();
            wait_for_signal();
        });
    }

    void reload() {
        if (options_.faults.empty()) return;
        try {
            plan_ = load_plan(options_);
            shelf_.apply_faults();
            spdlog::info("fault plan read again");
        } catch (const config::ConfigError& error) {
            spdlog::error("fault plan kept as it was: {}", error.what());
        }
    }

    Options options_;
    boost::asio::io_context io_{1};
    FaultPlan plan_;
    AsioScheduler scheduler_;
    Shelf shelf_;
    StateFile state_;
    boost::asio::signal_set signals_;
    Timer save_timer_;
    std::unique_ptr<bluez::BluezService> bluez_;
    std::unique_ptr<znp::ZnpService> znp_;
    std::unique_ptr<http::Server> http_;
    bool save_failed_ = false;
    int exit_code_ = 0;
};

}  // namespace

int run(const Options& options) {
    if (options.check_only) {
        (void)load_plan(options);
        (void)model_ids(options.models);
        (void)panels(options.panels);
        return 0;
    }
    return App{options}.run();
}

}  // namespace esl::sim
