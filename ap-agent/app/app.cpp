#include "ap-agent/app/app.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include "ap-agent/adapters/bluez/bluez_radio.hpp"
#include "ap-agent/adapters/paho/mqtt_uplink.hpp"
#include "ap-agent/adapters/sqlite/sqlite_store.hpp"
#include "ap-agent/app/radios.hpp"
#include "ap-agent/core/adjusted_clock.hpp"
#include "ap-agent/core/agent.hpp"
#include "common/core/ids.hpp"

namespace esl::ap {
namespace {

namespace asio = boost::asio;
constexpr std::chrono::milliseconds kRadioStopLimit{5'000};
constexpr std::chrono::milliseconds kTellLimit{2'000};

class App {
public:
    explicit App(AppOptions options)
        : options_(std::move(options)),
          executor_(io_.get_executor()),
          store_(executor_, options_.data),
          uplink_(executor_, options_.mqtt, options_.broker.profile, {options_.agent.client_id, options_.agent.boot},
                  {[this] { agent_.on_connected(); }, [this] { agent_.on_disconnected(); },
                   [this](BytesView message) {
                       agent_.on_message(message);
                       soon();
                   }}),
          radios_(make_radios(executor_, clock_, options_)),
          agent_(clock_, store_, uplink_, options_.agent,
                 {[this](const std::string& why) { fatal(why); }, [this](UnixMillis now) { set_time(now); }}),
          tick_(executor_),
          deadline_(executor_),
          signals_(executor_, SIGTERM, SIGINT),
          reload_(executor_, SIGHUP) {
        for (const auto& radio : radios_) agent_.add_radio(*radio);
    }

    int run() {
        signals_.async_wait([this](boost::system::error_code ec, int) {
            if (!ec) stop();
        });
        wait_for_reload();
        agent_.start();
        uplink_.start();
        tick();
        spdlog::info("serving {} radio(s) as {}, data in {}", radios_.size(), options_.agent.client_id,
                     options_.data.string());
        io_.run();
        return exit_code_;
    }

private:
    void tick() {
        if (done_) return;
        ticking_at_ = clock_.steady() + agent_.tick();
        tick_.expires_at(ticking_at_);
        tick_.async_wait([this](boost::system::error_code ec) {
            if (!ec) tick();
        });
    }
    // New work may be due earlier than the tick that is set.
    void soon() {
        if (clock_.steady() + std::chrono::milliseconds(2) < ticking_at_) tick();
    }

    // Nothing here may change while running but the log, which needs nothing: said so that nobody waits for it.
    void wait_for_reload() {
        reload_.async_wait([this](boost::system::error_code ec, int) {
            if (ec) return;
            spdlog::info("SIGHUP: settings are read at start only");
            wait_for_reload();
        });
    }

    void set_time(UnixMillis now) {
        if (clock_.service_says(now)) spdlog::info("no plausible time of its own: this AP follows the service's clock");
    }

    void fatal(const std::string& why) {
        spdlog::error("{}; the agent ends, because what it believes and what is on disk would part", why);
        exit_code_ = 1;
        finish();
    }

    void stop() {
        if (std::exchange(stopping_, true)) return;
        spdlog::info("stopping");
        const auto radios_stopped = [this, once = std::make_shared<bool>(false)] {
            if (std::exchange(*once, true)) return;
            tell_then_leave(clock_.steady() + kTellLimit);
        };
        deadline_.expires_after(kRadioStopLimit);
        deadline_.async_wait([radios_stopped](boost::system::error_code ec) {
            if (!ec) radios_stopped();
        });
        agent_.stop(radios_stopped);
    }

    // What is known is still told, as long as the broker takes it; the rest is in the store.
    void tell_then_leave(SteadyTime until) {
        if (!agent_.told_everything() && clock_.steady() < until) {
            deadline_.expires_after(std::chrono::milliseconds(20));
            deadline_.async_wait([this, until](boost::system::error_code ec) {
                if (!ec) tell_then_leave(until);
            });
            return;
        }
        deadline_.cancel();
        uplink_.stop(kTellLimit, [this] { finish(); });
    }

    void finish() {
        done_ = true;
        io_.stop();
    }

    AppOptions options_;
    asio::io_context io_{1};
    asio::any_io_executor executor_;
    SystemClock system_clock_;
    AdjustedClock clock_{system_clock_};
    SqliteStore store_;
    MqttUplink uplink_;
    std::vector<std::unique_ptr<TagRadio>> radios_;
    Agent agent_;
    asio::steady_timer tick_;
    asio::steady_timer deadline_;
    asio::signal_set signals_;
    asio::signal_set reload_;
    SteadyTime ticking_at_{};
    bool stopping_ = false;
    bool done_ = false;
    int exit_code_ = 0;
};

}  // namespace

int run(AppOptions options) {
    options.agent.boot = new_uuid7(SystemClock());
    return App(std::move(options)).run();
}

}  // namespace esl::ap
