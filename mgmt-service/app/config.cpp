#include "mgmt-service/app/config.hpp"

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "common/config/config.hpp"
#include "common/contract/topics.hpp"

namespace esl::mgmt {
namespace {

void read_path(const config::Table& table, std::string_view key, std::filesystem::path& value) {
    auto text = value.string();
    table.read(key, text);
    value = text;
}

void read_service(const config::Table& t, ServiceSettings& s) {
    t.only({"late_after", "accept_timeout", "progress_timeout", "retry_first", "retry_limit", "ap_silence", "ap_window",
            "render_threads", "full_report", "lead", "lease_margin", "lease_sightings", "lease_hold", "lease_moves"});
    t.read("late_after", s.late_after);
    t.read("accept_timeout", s.accept_timeout);
    t.read("progress_timeout", s.progress_timeout);
    t.read("retry_first", s.retry_first);
    t.read("retry_limit", s.retry_limit);
    t.read("ap_silence", s.ap_silence);
    t.read("ap_window", s.ap_window, 1, 100'000);
    t.read("render_threads", s.render_threads, 1, 64);
    t.read("lead", s.lead);
    t.read("lease_margin", s.lease_margin, 0, 100);
    t.read("lease_sightings", s.lease_sightings, 1, 1'000);
    t.read("lease_hold", s.lease_hold);
    t.read("lease_moves", s.lease_moves, 1, 100'000);
    std::chrono::milliseconds full{std::chrono::seconds(s.full_report_seconds)};
    t.read("full_report", full);
    s.full_report_seconds = static_cast<std::uint32_t>(full.count() / 1000);
}

void read_store(const config::Table& t, AppConfig& config) {
    t.only({"id", "name", "currency", "locale"});
    t.read("id", config.store);
    t.read("name", config.store_name);
    t.read("currency", config.currency);
    t.read("locale", config.locale);
}

std::string read_line(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || line.empty()) throw config::ConfigError(file.string() + ": no password in it");
    return line;
}

void finish(AppConfig& config) {
    if (!config.store.empty() && !contract::is_store_id(config.store)) {
        throw config::ConfigError("store '" + config.store + "': [a-z0-9-], 1 to 16 of them");
    }
    if (config.store_name.empty()) config.store_name = config.store;
    if (config.broker.url.find("://") == std::string::npos) config.broker.url = "tcp://" + config.broker.url;
    config.service.auto_claim_store = config.store;
    config.service.tasks_carry_times = !config.test_clock;
    mqttclient::apply_credentials(config.broker_settings, config.broker);
}

}  // namespace

void load_config(const std::filesystem::path& file, AppConfig& config) {
    const auto table = config::Table::load(file);
    table.only({"listen", "data", "web", "assets", "link_base", "secure_cookies", "admin_password_file", "store",
                "broker", "service", "log_level", "log_json"});
    table.read("listen", config.listen);
    read_path(table, "data", config.data);
    read_path(table, "web", config.web);
    read_path(table, "assets", config.assets);
    table.read("link_base", config.link_base);
    table.read("secure_cookies", config.secure_cookies);
    read_path(table, "admin_password_file", config.admin_password_file);
    table.read("log_level", config.log.level);
    table.read("log_json", config.log.json);
    read_store(table.table("store"), config);
    mqttclient::read_broker_table(table.table("broker"), config.broker, config.broker_settings);
    read_service(table.table("service"), config.service);
}

std::optional<int> parse_options(int argc, char** argv, AppConfig& config) {
    config.broker.url = "tcp://127.0.0.1:1883";
    config.broker.client_id = "GID_esl_mgmt@@@main";
    config.broker.max_outgoing = 20'000;
    CLI::App app{"Shelfwire's management service"};
    app.set_version_flag("--version", std::string("mgmt-service ") + ESL_VERSION);
    std::string file, listen, data, web, assets, broker, user, password_file, admin_password_file, profile, instance,
        store, store_name, currency, locale, level;
    std::size_t render_threads = 0;
    bool check = false, json = false;
    app.add_option("--config", file, "mgmt-service.toml")->check(CLI::ExistingFile);
    app.add_flag("--check-config", check, "read the configuration, say what is wrong with it, and end");
    app.add_option("--listen", listen, "HTTP on ADDR:PORT (port 0 picks a free one)");
    app.add_option("--data", data, "folder for the database and the audit log");
    app.add_option("--web", web, "folder with the built page");
    app.add_option("--assets", assets, "folder with templates/ and fonts/");
    app.add_option("--broker", broker, "MQTT broker, tcp://HOST:PORT or ssl://HOST:PORT");
    app.add_option("--broker-user", user, "user name at the broker");
    app.add_option("--broker-password-file", password_file, "file with the password in its first line")
        ->check(CLI::ExistingFile);
    app.add_option("--profile", profile, "kind of broker")->check(CLI::IsMember({"apsara", "plain", "apsaramq"}));
    app.add_option("--instance", instance, "this service's name in its MQTT client id");
    app.add_option("--store", store, "store that is made at the first start; unclaimed APs are claimed for it");
    app.add_option("--store-name", store_name, "its name");
    app.add_option("--currency", currency, "its currency (ISO 4217)");
    app.add_option("--locale", locale, "its language, for numbers and words on the tags (BCP 47)");
    app.add_option("--admin-password-file", admin_password_file, "sets the password of the user 'admin'")
        ->check(CLI::ExistingFile);
    app.add_option("--render-threads", render_threads, "threads that draw images")->check(CLI::Range(1, 64));
    app.add_flag("--test-clock", config.test_clock, "let an administrator move the clock (for replays only)");
    app.add_option("--log-level", level, "trace, debug, info, warn, error, off");
    app.add_flag("--log-json", json, "log JSON, one object a line");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (!file.empty()) load_config(file, config);
    const auto over = [](const std::string& given, auto& value) {
        if (!given.empty()) value = given;
    };
    over(listen, config.listen);
    over(data, config.data);
    over(web, config.web);
    over(assets, config.assets);
    over(broker, config.broker.url);
    over(store, config.store);
    over(store_name, config.store_name);
    over(currency, config.currency);
    over(locale, config.locale);
    over(admin_password_file, config.admin_password_file);
    over(level, config.log.level);
    config.log.json |= json;
    if (render_threads > 0) config.service.render_threads = render_threads;
    if (!instance.empty()) config.broker.client_id = "GID_esl_mgmt@@@" + instance;
    if (!profile.empty()) config.broker_settings.profile = *mqttclient::profile_from(profile);
    if (!user.empty()) {
        config.broker.username = user;
        config.broker_settings.auth = "password";
    }
    if (!password_file.empty()) config.broker.password = read_line(password_file);
    finish(config);
    if (check) {
        std::cout << "the configuration is good\n";
        return 0;
    }
    return std::nullopt;
}

}  // namespace esl::mgmt
