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

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Config& config) {
    CLI::App app{"Shelfwire's MQTT broker"};
    app.set_version_flag("--version", std::string("broker ") + ESL_VERSION);
    std::string file;
    std::string mode;
    std::string client_certificates;
    std::string trace;
    CommandLine c;
    bool check = false;
    int shards = -1;
    int offline_batch = -1;
    app.add_option("--config", file, "broker.toml")->check(CLI::ExistingFile);
    app.add_flag("--check-config", check, "read the configuration, say what is wrong with it, and end");
    app.add_option("--listen", c.listen,
                   "MQTT on ADDR:PORT or mqtt://, mqtts://, ws://, wss://ADDR:PORT (repeatable; port 0 picks a free "
                   "one); replaces "
                   "the file's listeners");
    app.add_option("--tls-certificate", c.certificate, "PEM, for mqtts:// and wss://: the broker's own, then its CA's");
    app.add_option("--tls-key", c.key, "PEM, its key");
    app.add_option("--tls-client-ca", c.client_ca, "PEM, who may sign clients' certificates");
    app.add_option("--tls-client-certificates", client_certificates, "none, optional, required")
        ->check(CLI::IsMember({"none", "optional", "required"}));
    app.add_option("--data", c.data, "folder for what outlives the process; none: nothing does");
    app.add_option("--mode", mode, "apsara (default) or standard")->check(CLI::IsMember({"apsara", "standard"}));
    app.add_option("--admin", c.admin, "administration and metrics by HTTP on ADDR:PORT");
    app.add_option("--group", c.groups, "a registered group (repeatable)");
    app.add_option("--topic", c.topics, "a registered parent topic (repeatable)");
    app.add_option("--presence-topic", c.presence_topic, "topic that is told of clients coming and going");
    app.add_option("--trace", trace,
                   "what is traced: off, device (who comes and goes), all (messages as well; default)")
        ->check(CLI::IsMember({"off", "device", "all"}));
    app.add_option("--offline-batch", offline_batch,
                   "what a client is sent at once of what waited for it, the rest a batch every five seconds; 0: all")
        ->check(CLI::Range(0, 1'000'000));
    app.add_option("--shards", shards, "threads that serve clients; 0: one a core")->check(CLI::Range(0, 64));
    app.add_flag("--allow-anonymous", c.allow_anonymous, "let clients in without a user name");
    app.add_option("--log-level", c.log_level, "trace, debug, info, warn, error, off")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
    app.add_flag("--log-json", c.log_json, "log JSON, one object a line");
    app.footer(
        "broker hash-password   prints the hash of a password read from standard input, for password_hash\n"
        "broker ctl --help      administers a running broker");
    if (argc == 2 && std::string_view(argv[1]) == "hash-password") return hash_from_stdin();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (!mode.empty()) c.mode = parse_mode(mode);
    if (!trace.empty()) c.trace = parse_trace_mode(trace);
    if (!client_certificates.empty()) c.client_certificates = parse_client_certificates(client_certificates);
    if (shards >= 0) c.shards = static_cast<unsigned>(shards);
    if (offline_batch >= 0) c.offline_batch = static_cast<std::size_t>(offline_batch);
    config = load_config(file, c);
    if (check) {
        for (const auto& listener : all_listeners(config))
            static_cast<void>(make_endpoint(listener, config.settings.limits));
        std::cout << "the configuration is good\n";
        return 0;
    }
    return std::nullopt;
}

}  // namespace esl::broker
