#include "mgmt-service/app/app.hpp"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "audit_log/log.hpp"
#include "mgmt-service/adapters/audit/audit_log_sink.hpp"
#include "mgmt-service/adapters/mqtt/mqtt_ap_link.hpp"
#include "mgmt-service/adapters/render/svg_renderer.hpp"
#include "mgmt-service/adapters/sqlite/sqlite_task_store.hpp"
#include "mgmt-service/app/test_clock.hpp"
#include "mgmt-service/auth/auth_service.hpp"
#include "mgmt-service/auth/sqlite_auth_store.hpp"
#include "mgmt-service/http/server.hpp"
#include "mgmt-service/render/template.hpp"

namespace esl::mgmt {
namespace {

namespace fs = std::filesystem;

fs::path made(const fs::path& dir) {
    std::error_code ec;
    fs::create_directories(dir, ec);
    if (ec) throw std::runtime_error("cannot make folder " + dir.string() + ": " + ec.message());
    return dir;
}

std::unique_ptr<audit::Log> open_audit(const fs::path& dir, const Clock& clock) {
    audit::Options options;
    options.dir = dir;
    options.origin = "shelfwire/mgmt";
    auto log = audit::Log::open(std::move(options), clock);
    if (!log) throw std::runtime_error(dir.string() + ": " + log.error().message());
    return std::move(*log);
}

fs::path assets_of(const AppConfig& config) {
    if (!config.assets.empty()) return config.assets;
    const auto found = render::find_assets();
    if (!found) throw std::runtime_error(found.error().message());
    return *found;
}

std::string first_line(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || line.empty()) throw std::runtime_error(file.string() + ": no password in it");
    return line;
}

}  // namespace

class App::Impl {
public:
    explicit Impl(AppConfig config)
        : config_(std::move(config)),
          data_(made(config_.data)),
          log_(open_audit(data_ / "audit", clock())),
          sink_(*log_),
          store_(data_ / "service.db"),
          auth_store_(auth::open_sqlite_auth_store(data_ / "auth.db")),
          renderer_(assets_of(config_), {config_.link_base}),
          link_(config_.broker),
          service_(clock(), store_, renderer_, sink_, link_, config_.service),
          auth_(system_clock_, *auth_store_, rest::audit_to(clock(), service_)),
          rest_(dependencies(), rest_settings()) {
        if (config_.test_clock) resume_test_clock();
    }

    void start() {
        service_.start();
        if (!config_.store.empty()) make_store();
        if (!config_.admin_password_file.empty()) {
            if (const auto set = auth_.set_admin_password(first_line(config_.admin_password_file)); !set) {
                throw std::runtime_error("admin password: " + set.error().message());
            }
        }
        if (config_.test_clock) spdlog::warn("the clock can be moved by administrators (--test-clock)");
        rest_.start();
        running_ = true;
    }

    void stop() {
        if (!std::exchange(running_, false)) return;
        spdlog::info("stopping");
        rest_.stop();
        service_.stop();
    }

    ~Impl() { stop(); }

private:
    // A replay goes on where the last one stood: ids and prices of later never lie before those of earlier.
    void resume_test_clock() {
        std::uint64_t total = 0;
        const auto newest = store_.changes({}, {}, 1, total);
        if (!newest.empty()) test_clock_.set(std::max(test_clock_.wall(), newest[0].created_at));
    }

    [[nodiscard]] const Clock& clock() const {
        return config_.test_clock ? static_cast<const Clock&>(test_clock_) : system_clock_;
    }

    rest::Dependencies dependencies() {
        rest::Dependencies out{clock(), service_, auth_, *log_, renderer_, {}};
        if (config_.test_clock) {
            out.set_clock = [this](UnixMillis to) -> Result<> {
                if (to < test_clock_.wall()) return fail(ServiceError::invalid, "/now: before the present time");
                test_clock_.set(to);
                service_.settle();
                return {};
            };
        }
        return out;
    }

    [[nodiscard]] rest::Settings rest_settings() const {
        rest::Settings out;
        out.listen = config_.listen;
        out.web = config_.web;
        out.secure_cookies = config_.secure_cookies;
        return out;
    }

    void make_store() {
        if (service_.store(config_.store)) return;
        bool created = false;
        const auto made =
            service_.put_store({}, config_.store, {config_.store_name, config_.currency, config_.locale}, created);
        if (!made) throw std::runtime_error("store: " + made.error().message());
    }

    AppConfig config_;
    SystemClock system_clock_;
    TestClock test_clock_;
    fs::path data_;
    std::unique_ptr<audit::Log> log_;
    AuditLogSink sink_;
    SqliteTaskStore store_;
    std::unique_ptr<auth::AuthStore> auth_store_;
    SvgRenderer renderer_;
    MqttApLink link_;
    Service service_;
    auth::AuthService auth_;  // sessions live by the real clock, also when a replay moves the other one
    rest::RestServer rest_;
    bool running_ = false;
};

App::App(AppConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
App::~App() = default;
void App::start() {
    impl_->start();
}
void App::stop() {
    impl_->stop();
}

}  // namespace esl::mgmt
