#include "tag-sim/app/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/config/config.hpp"

namespace esl::sim {
namespace {

void read_file(const std::string& file, Options& out) {
    const auto table = config::Table::load(file);
    table.only({"tags", "http", "seed", "speed", "faults", "bus", "adapter", "models", "max_links", "listen", "pty",
                "state", "panels", "log_level", "log_json"});
    table.read("tags", out.tags, 1, 20'000);
    table.read("http", out.http);
    table.read("speed", out.speed, 0.01, 10'000);
    table.read("faults", out.faults);
    table.read("bus", out.bus);
    table.read("adapter", out.adapter);
    table.read("models", out.models);
    table.read("max_links", out.max_links, 1, 64);
    table.read("listen", out.listen);
    table.read("pty", out.pty);
    table.read("state", out.state);
    table.read("panels", out.panels);
    table.read("log_level", out.log_level);
    table.read("log_json", out.log_json);
    if (table.has("seed")) {
        std::int64_t seed = 0;
        table.read("seed", seed, 0, std::numeric_limits<std::int64_t>::max());
        out.seed = static_cast<std::uint64_t>(seed);
    }
}

// The file named by --config, found before the other flags are applied, so that these win.
std::string config_file(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--config" && i + 1 < argc) return argv[i + 1];
        if (flag.starts_with("--config=")) return std::string{flag.substr(9)};
    }
    return {};
}

void common_flags(CLI::App& app, Options& out, std::string& config) {
    app.add_option("--tags", out.tags, "number of tags")->check(CLI::Range(1, 20'000));
    app.add_option("--http", out.http, "ADDR:PORT of the shelf page and its API");
    app.add_option("--seed", out.seed, "seed of the faults and of all other chance");
    app.add_option("--speed", out.speed, "how many times faster than real tags")->check(CLI::Range(0.01, 10'000.0));
    app.add_option("--faults", out.faults, "fault plan (TOML)");
    app.add_option("--state", out.state, "file that remembers screens, and the ZigBee network and who has joined it");
    app.add_option("--config", config, "settings file (TOML); flags win over it");
    app.add_flag("--check-config", out.check_only, "read all settings, then end");
    app.add_option("--log-level", out.log_level, "trace, debug, info, warn, error, off");
    app.add_flag("--log-json", out.log_json, "log lines as JSON");
}

}  // namespace

ParsedOptions parse_options(int argc, char** argv) {
    Options out;
    if (const auto file = config_file(argc, argv); !file.empty()) read_file(file, out);
    std::string config;
    CLI::App app{"Simulated price tags behind simulated radios", "tag-sim"};
    app.set_version_flag("--version", std::string{"tag-sim "} + ESL_VERSION);
    app.require_subcommand(1);

    auto* bluez = app.add_subcommand("bluez", "Gicisky tags behind an org.bluez on a D-Bus of its own");
    common_flags(*bluez, out, config);
    bluez->add_option("--bus", out.bus, "D-Bus address; without it the system bus");
    bluez->add_option("--adapter", out.adapter, "name of the adapter");
    bluez->add_option("--models", out.models, "model ids, taken in turn")->delimiter(',');
    bluez->add_option("--max-links", out.max_links, "connections that the adapter can hold")->check(CLI::Range(1, 64));

    auto* znp = app.add_subcommand("znp", "ZigBee tags behind a coordinator on TCP or a pseudo-terminal");
    common_flags(*znp, out, config);
    auto* listen = znp->add_option("--listen", out.listen, "ADDR:PORT");
    znp->add_option("--pty", out.pty, "path that is made a link to the pseudo-terminal")->excludes(listen);
    znp->add_option("--panels", out.panels, "panels, taken in turn, as 296x128-bwr")->delimiter(',');

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error, std::cout, std::cerr);
        return {std::nullopt, code == 0 ? 0 : 2};
    }
    out.radio = znp->parsed() ? RadioKind::znp : RadioKind::bluez;
    if (out.radio == RadioKind::znp && out.listen.empty() == out.pty.empty()) {
        std::cerr << "tag-sim znp: one of --listen and --pty is needed\n";
        return {std::nullopt, 2};
    }
    return {out, 0};
}

}  // namespace esl::sim
