#include "broker/app/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "broker/auth/config_authenticator.hpp"

namespace esl::broker {
namespace {

int hash_from_stdin() {
    std::string password;
    if (!std::getline(std::cin, password) || password.empty()) {
        std::cerr << "broker: hash-password reads the password from standard input, one line\n";
        return 2;
    }
    std::cout << hash_password(password) << "\n";
    return 0;
}

// The file's own values have been checked with their line; these came with the command line.
void check_options(const Config& config) {
    const auto check = [](const char* option, const Result<>& ok) {
        if (!ok) throw std::runtime_error(std::string(option) + ": " + ok.error().message());
    };
    for (const auto& name : config.option_groups) check("--group", check_group(name));
    for (const auto& name : config.option_topics) check("--topic", check_parent(name));
    static_cast<void>(all_listeners(config));
    if (!config.admin.empty() && config.data.empty())
        throw std::runtime_error("administration needs a data folder for its key and its audit log");
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Config& config) {
    CLI::App app{"Shelfwire's MQTT broker"};
    app.set_version_flag("--version", std::string("broker ") + ESL_VERSION);
    std::string file;
    std::string mode;
    std::vector<std::string> listen;
    std::string certificate;
    std::string key;
    std::string client_ca;
    std::string client_certificates;
    std::vector<std::string> groups;
    std::vector<std::string> topics;
    std::string data;
    std::string admin;
    std::string level;
    bool anonymous = false;
    bool json = false;
    bool check = false;
    int shards = -1;
    std::string presence;
    int offline_batch = -1;
    std::string trace;
    app.add_option("--config", file, "broker.toml")->check(CLI::ExistingFile);
    app.add_flag("--check-config", check, "read the configuration, say what is wrong with it, and end");
    app.add_option("--listen", listen,
                   "MQTT on ADDR:PORT or mqtt://, mqtts://, ws://, wss://ADDR:PORT (repeatable; port 0 picks a free "
                   "one); replaces "
                   "the file's listeners");
    app.add_option("--tls-certificate", certificate, "PEM, for mqtts:// and wss://: the broker's own, then its CA's");
    app.add_option("--tls-key", key, "PEM, its key");
    app.add_option("--tls-client-ca", client_ca, "PEM, who may sign clients' certificates");
    app.add_option("--tls-client-certificates", client_certificates, "none, optional, required")
        ->check(CLI::IsMember({"none", "optional", "required"}));
    app.add_option("--data", data, "folder for what outlives the process; none: nothing does");
    app.add_option("--mode", mode, "apsara (default) or standard")->check(CLI::IsMember({"apsara", "standard"}));
    app.add_option("--admin", admin, "administration and metrics by HTTP on ADDR:PORT");
    app.add_option("--group", groups, "a registered group (repeatable)");
    app.add_option("--topic", topics, "a registered parent topic (repeatable)");
    app.add_option("--presence-topic", presence, "topic that is told of clients coming and going");
    app.add_option("--trace", trace,
                   "what is traced: off, device (who comes and goes), all (messages as well; default)")
        ->check(CLI::IsMember({"off", "device", "all"}));
    app.add_option("--offline-batch", offline_batch,
                   "what a client is sent at once of what waited for it, the rest a batch every five seconds; 0: all")
        ->check(CLI::Range(0, 1'000'000));
    app.add_option("--shards", shards, "threads that serve clients; 0: one a core")->check(CLI::Range(0, 64));
    app.add_flag("--allow-anonymous", anonymous, "let clients in without a user name");
    app.add_option("--log-level", level, "trace, debug, info, warn, error, off")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
    app.add_flag("--log-json", json, "log JSON, one object a line");
    app.footer(
        "broker hash-password   prints the hash of a password read from standard input, for password_hash\n"
        "broker ctl --help      administers a running broker");
    if (argc == 2 && std::string_view(argv[1]) == "hash-password") return hash_from_stdin();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    config = load_config(file, mode.empty() ? std::nullopt : parse_mode(mode));
    if (!listen.empty()) {
        config.listen = listen;
        config.listeners.clear();
    }
    if (offline_batch >= 0) config.settings.limits.offline_batch = static_cast<std::size_t>(offline_batch);
    if (config.listen.empty() && config.listeners.empty()) config.listen = {"127.0.0.1:1883"};
    if (!certificate.empty()) config.tls.certificate = certificate;
    if (!key.empty()) config.tls.key = key;
    if (!client_ca.empty()) config.tls.client_ca = client_ca;
    if (client_certificates == "none") config.tls.client_certificates = ClientCertificates::none;
    if (client_certificates == "optional") config.tls.client_certificates = ClientCertificates::optional;
    if (client_certificates == "required") config.tls.client_certificates = ClientCertificates::required;
    if (!data.empty()) config.data = data;
    if (!admin.empty()) config.admin = admin;
    if (!presence.empty()) config.settings.presence_topic = presence;
    if (!trace.empty()) config.trace = *parse_trace_mode(trace);
    if (shards >= 0) config.shards = static_cast<unsigned>(shards);
    config.groups.insert(config.groups.end(), groups.begin(), groups.end());
    config.topics.insert(config.topics.end(), topics.begin(), topics.end());
    config.option_groups = groups;
    config.option_topics = topics;
    config.allow_anonymous |= anonymous;
    if (!level.empty()) config.log.level = level;
    config.log.json |= json;
    check_options(config);
    if (check) {
        for (const auto& listener : all_listeners(config))
            static_cast<void>(make_endpoint(listener, config.settings.limits));
        std::cout << "the configuration is good\n";
        return 0;
    }
    return std::nullopt;
}

}  // namespace esl::broker
