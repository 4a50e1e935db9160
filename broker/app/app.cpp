#include "broker/app/app.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <latch>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "broker/adapters/credential_stores.hpp"
#include "broker/adapters/sqlite_message_store.hpp"
#include "broker/adapters/trace_files.hpp"
#include "broker/app/admin.hpp"
#include "broker/app/control.hpp"
#include "broker/app/listeners.hpp"
#include "broker/app/message_ids.hpp"
#include "broker/app/registrar.hpp"
#include "broker/app/rules.hpp"
#include "broker/auth/config_authenticator.hpp"
#include "broker/auth/mode_authenticator.hpp"
#include "broker/net/shard.hpp"

namespace esl::broker {
namespace {

// A file descriptor a connection: take all that the system gives.
void raise_open_files() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

unsigned shard_count(unsigned wanted) {
    return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
}

// Held as long as the process lives: two brokers on one data folder would each undo the other's work.
int lock_folder(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    const auto file = folder / "lock";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), file.string());
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        throw std::runtime_error("data folder " + folder.string() + " is in use by another broker");
    }
    return fd;
}

std::unique_ptr<CredentialBook> open_credentials(const std::filesystem::path& data, const Clock& clock) {
    if (data.empty()) {
        return std::make_unique<CredentialBook>(std::make_unique<MemoryCredentialStore>(), MasterKey(), clock);
    }
    const auto file = data / "credentials.db";
    const MasterKey key(data / "credentials.key", std::filesystem::exists(file));
    return std::make_unique<CredentialBook>(open_sqlite_credential_store(file, key), key, clock);
}

}  // namespace

struct App::Impl {
    explicit Impl(Config c)
        : config(std::move(c)),
          folder_lock(config.data.empty() ? -1 : lock_folder(config.data)),
          configured(config.users, config.access_keys, config.allow_anonymous),
          credentials(open_credentials(config.data, clock)),
          authenticator(*credentials, configured),
          registrar({}, config.groups, config.topics,
                    config.data.empty() ? std::filesystem::path{} : config.data / "names.json", clock),
          stop_event(::eventfd(0, EFD_CLOEXEC)) {
        if (!config.admin.empty() && config.data.empty()) {
            throw std::runtime_error("administration needs a data folder for its key and its audit log");
        }
        raise_open_files();
        open();
    }
    ~Impl() {
        configured.passwords().stop();  // it answers to shards
        if (rules) rules->stop();       // and so does this
        shards.clear();
        if (store) store->close();
        ::close(stop_event);
        if (folder_lock >= 0) ::close(folder_lock);
    }

    void open() {
        const auto count = shard_count(config.shards);
        listeners.emplace(endpoints, config.settings.limits, clock, count);
        const auto first = listeners->prepare(all_listeners(config));
        if (!config.data.empty()) {
            store = open_sqlite_message_store({.file = config.data / "messages.db",
                                               .gather = config.store_gather,
                                               .checkpoint_pages = config.store_checkpoint_pages},
                                              clock);
        }
        if (!config.data.empty() && config.trace != TraceMode::off) {
            traces = std::make_unique<TraceFiles>(TraceFilesOptions{.folder = config.data / "traces",
                                                                    .keep = config.trace_keep,
                                                                    .message_bytes = config.trace_message_bytes,
                                                                    .device_bytes = config.trace_device_bytes},
                                                  clock);
        }
        control.emplace(shards, registrar, store.get(), endpoints);
        rules = std::make_unique<Rules>(config.rules, config.data, config.settings.apsara(), clock, *control);
        const Shard::Shared shared{.settings = config.settings,
                                   .clock = clock,
                                   .store = store.get(),
                                   .authenticator = authenticator,
                                   .ids = ids,
                                   .addresses = addresses,
                                   .guard = guard,
                                   .endpoints = endpoints,
                                   .traces = traces.get(),
                                   .trace_mode = config.trace,
                                   .exporter = &rules->exporter()};
        for (unsigned i = 0; i < count; ++i)
            shards.push_back(std::make_unique<Shard>(i, count, shared, registrar.current()));
        for (auto& shard : shards) shard->set_peers(shards);
        restore();
        listeners->put_in_force(*first, [this](const std::function<void(Shard&)>& work) {
            for (auto& shard : shards) work(*shard);
            return true;
        });
        credentials->on_every_shard([this](std::function<void(Hub&)> work) {
            for (auto& shard : shards) shard->post(RunOnShard{[&hub = shard->hub(), work] { work(hub); }});
        });
        control->set_credentials(credentials.get(), &configured);
        control->set_traces(traces.get(), ids.instance);
        registrar.on_change([this](std::shared_ptr<const Registry> registry) {
            for (auto& shard : shards)
                shard->post(RunOnShard{[&hub = shard->hub(), registry] { hub.set_registry(registry); }});
        });
        rules->start([this](const std::shared_ptr<const ExportTable>& table) {
            if (running) return control->set_exports(table);
            for (auto& shard : shards)
                shard->post(RunOnShard{[&hub = shard->hub(), table] { hub.set_exports(table); }});
        });
        if (!config.admin.empty()) {
            admin.emplace(AdminOptions{.listen = config.admin, .data = config.data}, *control, *rules, clock);
            spdlog::info("administration on {}", admin->address());
        }
    }

    void restore() {
        if (!store) return begin_ids(ids, {}, 0);
        const auto state = store->load();
        if (!state) throw std::runtime_error(state.error().message());
        ids.session = state->highest_session + 1;
        begin_ids(ids, config.data / "message-ids.json", state->highest_message);
        ids.order = state->highest_order + 1;
        std::vector<std::future<void>> restoring;
        for (auto& shard : shards)
            restoring.push_back(std::async(std::launch::async, [&] { shard->hub().restore(*state); }));
        for (auto& done : restoring) done.get();
        spdlog::info("restored {} sessions, {} messages owed, {} retained", state->sessions.size(),
                     state->messages.size(), state->retained.size());
    }

    int run() {
        std::unique_lock starting(reloading);
        std::latch told(static_cast<std::ptrdiff_t>(shards.size()));
        for (auto& shard : shards) shard->start();
        // Every shard must know what the others hold before the first client is let in.
        for (auto& shard : shards) shard->post(RunOnShard{[&told] { told.count_down(); }});
        told.wait();
        running = true;
        for (auto& shard : shards)
            shard->post(RunOnShard{[&shard] {
                shard->hub().publish_left_behind();
                shard->open_doors();
            }});
        listeners->say_where();
        starting.unlock();
        std::uint64_t value = 0;
        while (::read(stop_event, &value, sizeof value) < 0 && errno == EINTR) {
        }
        spdlog::info("stopping");
        admin.reset();
        for (auto& shard : shards) shard->post_stop();
        for (auto& shard : shards) shard->join();
        rules->stop();
        if (store) store->close();
        return 0;
    }

    // All of it is read and checked before any of it counts. Throws with nothing changed.
    void reload() {
        const std::lock_guard alone(reloading);
        const auto next = config.file.empty() ? config : load_config(config.file, config.command_line);
        rules->book().check_reload(next.rules);
        registrar.check_reload(next.groups, next.topics);
        const auto doors = listeners->prepare(all_listeners(next));
        const auto gone = configured.replace(next.users, next.access_keys, next.allow_anonymous);
        if (gone.logins != 0) {
            control->on_every_shard([keys = gone.access_keys](Shard& shard) { shard.hub().logins_gone(keys); });
        }
        registrar.reload(next.groups, next.topics);
        rules->book().reload(next.rules);
        listeners->put_in_force(
            *doors, [this](const std::function<void(Shard&)>& work) { return control->on_every_shard(work); });
        if (const auto waits = what_waits(next); !waits.empty())
            spdlog::warn("reload: {} differ from what is in force and wait for a restart", waits);
    }

    [[nodiscard]] std::string what_waits(const Config& next) const {
        std::string out;
        const auto note = [&](const char* key, bool differs) {
            if (differs) out += (out.empty() ? "" : ", ") + std::string(key);
        };
        note("mode", next.effective_mode() != config.effective_mode());
        note("data", next.data != config.data);
        note("admin", next.admin != config.admin);
        note("shards", next.shards != config.shards);
        note("store",
             next.store_gather != config.store_gather || next.store_checkpoint_pages != config.store_checkpoint_pages);
        note("trace", next.trace != config.trace || next.trace_keep != config.trace_keep ||
                          next.trace_message_bytes != config.trace_message_bytes ||
                          next.trace_device_bytes != config.trace_device_bytes);
        note("log", next.log.level != config.log.level || next.log.json != config.log.json);
        note("limits", next.settings.limits != config.settings.limits);
        auto same_limits = next.settings;
        same_limits.limits = config.settings.limits;
        same_limits.mode = config.settings.mode;
        note("what clients are offered", same_limits != config.settings);
        return out;
    }

    Config config;
    int folder_lock;
    SystemClock clock;
    ConfigAuthenticator configured;
    std::unique_ptr<CredentialBook> credentials;
    ModeAuthenticator authenticator;
    Registrar registrar;
    SharedIds ids;
    AddressCounts addresses;
    AddressGuard guard{config.settings.limits, clock};
    std::unique_ptr<MessageStore> store;
    Endpoints endpoints;
    std::optional<Listeners> listeners;
    std::unique_ptr<TraceFiles> traces;
    std::vector<std::unique_ptr<Shard>> shards;
    std::optional<Control> control;
    std::unique_ptr<Rules> rules;
    std::atomic<bool> running{false};
    std::mutex reloading;  // one at a time, and none before the start is done
    std::optional<Admin> admin;
    int stop_event;
    std::atomic<int> stops{0};
};

App::App(Config config) : impl_(std::make_unique<Impl>(std::move(config))) {}
App::~App() = default;

int App::run() {
    return impl_->run();
}

void App::stop() {
    if (impl_->stops.fetch_add(1) > 0) {
        for (auto& shard : impl_->shards) shard->post(RunOnShard{[&shard] { shard->end_now(); }});
        return;
    }
    const std::uint64_t one = 1;
    static_cast<void>(::write(impl_->stop_event, &one, sizeof one));
}

void App::reload() {
    try {
        impl_->reload();
        spdlog::info("reloaded listeners, certificates, users, access keys, groups, topics and rules");
    } catch (const std::exception& error) {
        spdlog::error("reload: {}; nothing has changed", error.what());
    }
}

std::string App::address(std::size_t listener) const {
    return impl_->listeners->address(listener);
}
std::uint64_t App::counter(const std::string& name) const {
    for (const auto& figure : impl_->control->figures()) {
        if (figure.name == name) return figure.value;
    }
    throw std::out_of_range("no counter " + name);
}

std::string App::admin_address() const {
    return impl_->admin ? impl_->admin->address() : std::string{};
}

std::vector<std::string> App::admin_routes() const {
    return impl_->admin ? impl_->admin->routes() : std::vector<std::string>{};
}

}  // namespace esl::broker
