// bench-broker: our broker beside Debian's Mosquitto, in turns within one run, so that what the machine does meanwhile
// is shared. Prints a table of medians with the goals.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include "tests/bench/broker/brokers.hpp"

namespace esl::bench {
namespace {

namespace fs = std::filesystem;
using Figures = std::map<std::string, double>;  // by name; what a workload has measured

struct Settings {
    Executables executables;
    double seconds = 3;
    unsigned rounds = 3;
    unsigned shards = 2;
    std::size_t idle = 19'000;
    unsigned in_flight = 10;
    bool alone = false;
};

struct Workload {
    std::string name;
    std::string title;
    std::string key;           // the figure that is compared: CPU seconds for 100,000, or bytes, or a rate
    double ratio_goal = 0;     // ours / Mosquitto's; 0: none
    double absolute_goal = 0;  // of `key`, 0: none
    bool more_is_better = false;
    std::function<Figures(const Broker&, const Settings&)> run;
    Broker::Options options;
};

double per_100k(double cpu, std::uint64_t count) {
    if (count == 0) throw std::runtime_error("nothing was delivered");
    return cpu * 100'000 / static_cast<double>(count);
}

Figures closed_loop(const Broker& broker, const Settings& settings, const Shape& shape) {
    ClosedLoop loop(broker.names(), shape);
    static_cast<void>(loop.run(0.5));  // warm
    const auto cpu = broker.process().cpu_seconds();
    const auto sends = broker.metric("sends_total");
    const auto wakes = broker.metric("wakeups_total");
    const auto from = std::chrono::steady_clock::now();
    const auto count = loop.run(settings.seconds);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    Figures out{{"cpu", per_100k(broker.process().cpu_seconds() - cpu, count)},
                {"rate", static_cast<double>(count) / took.count()},
                {"strays", static_cast<double>(loop.strays())}};
    const auto n = static_cast<double>(count);
    if (sends) out["sends"] = (*broker.metric("sends_total") - *sends) / n;
    if (wakes) out["wakes"] = (*broker.metric("wakeups_total") - *wakes) / n;
    return out;
}

Figures low_rate(const Broker& broker, const Settings& settings) {
    const auto cpu = broker.process().cpu_seconds();
    const auto seen = paced(broker.names(), {}, 2'000, std::max(2.0, settings.seconds));
    return {
        {"cpu", per_100k(broker.process().cpu_seconds() - cpu, seen.delivered)}, {"p50", seen.p50}, {"p99", seen.p99}};
}

Figures reconnects(const Broker& broker, const Settings& settings) {
    const auto cpu = broker.process().cpu_seconds();
    const auto count = churn(broker.names(), settings.seconds);
    return {{"cpu", per_100k(broker.process().cpu_seconds() - cpu, count)}};
}

// Connect and subscribe, and stay.
Figures connects(const Broker& broker, const Settings& settings) {
    const auto cpu = broker.process().cpu_seconds();
    double after = 0;
    idle(broker.names(), settings.idle, [&] { after = broker.process().cpu_seconds(); });
    return {{"cpu", per_100k(after - cpu, settings.idle)}};
}

Figures idle_memory(const Broker& broker, const Settings& settings) {
    const auto before = static_cast<double>(broker.process().resident_bytes());
    double after = 0;
    idle(broker.names(), settings.idle, [&] { after = static_cast<double>(broker.process().resident_bytes()); });
    return {{"bytes", (after - before) / static_cast<double>(settings.idle)}};
}

Figures offline_sessions(const Broker& broker, const Settings& settings, const Shape& shape, double rate) {
    const auto cpu = broker.process().cpu_seconds();
    double cpu_middle = 0;
    const auto seen =
        offline(broker.names(), shape, settings.seconds, rate, [&] { cpu_middle = broker.process().cpu_seconds(); });
    if (seen.drained < seen.accepted)
        std::printf("  warning: %llu of %llu messages came back\n", static_cast<unsigned long long>(seen.drained),
                    static_cast<unsigned long long>(seen.accepted));
    return {{"cpu", per_100k(cpu_middle - cpu, seen.accepted)},
            {"rate", static_cast<double>(seen.accepted) / seen.seconds},
            {"p50", seen.p50},
            {"p99", seen.p99},
            {"drain", seen.drain_rate},
            {"drain_cpu", per_100k(broker.process().cpu_seconds() - cpu_middle, seen.drained)}};
}

Figures calls_per_message(const Broker& broker, unsigned qos) {
    constexpr double kRate = 1'000;
    constexpr double kSeconds = 2;
    static_cast<void>(paced(broker.names(), {.qos = qos}, kRate, 0.2));  // warm
    const auto calls = broker.process().count_system_calls([&] {
        static_cast<void>(paced(broker.names(), {.publishers = 1, .receivers = 1, .qos = qos}, kRate, kSeconds));
    });
    if (!calls) return {};
    return {{"calls", static_cast<double>(*calls) / (kRate * kSeconds)}};
}

Workload loop(std::string name, std::string title, Shape shape, double ratio, double absolute) {
    return {.name = std::move(name),
            .title = std::move(title),
            .key = "cpu",
            .ratio_goal = ratio,
            .absolute_goal = absolute,
            .run = [shape](const Broker& b, const Settings& s) { return closed_loop(b, s, shape); },
            .options = {}};
}

Workload absent(std::string name, std::string title, std::string key, double goal, Shape shape, double rate) {
    return {.name = std::move(name),
            .title = std::move(title),
            .key = std::move(key),
            .absolute_goal = goal,
            .run = [shape, rate](const Broker& b, const Settings& s) { return offline_sessions(b, s, shape, rate); },
            .options = {.standard = true}};
}

std::vector<Workload> workloads(const Settings& settings) {
    std::vector<Workload> out;
    for (const unsigned qos : {0U, 1U, 2U}) {
        constexpr double kRatio[] = {0.45, 0.33, 0.27};
        constexpr double kAbsolute[] = {0.8, 1.25, 2.1};
        out.push_back(loop("qos" + std::to_string(qos), "P2P QoS " + std::to_string(qos), {.qos = qos, .threads = 2},
                           kRatio[qos], kAbsolute[qos]));
    }
    out.push_back(loop("fan-out", "fan-out 1 to 1,000",
                       {.publishers = 1, .receivers = 1'000, .qos = 0, .fan_out = true}, 0.2, 0.25));
    out.push_back(loop("fan-in", "fan-in 100 to 1, QoS 1", {.publishers = 100, .receivers = 1}, 0.1, 0.2));
    out.push_back({.name = "low",
                   .title = "2,000 msg/s QoS 1",
                   .key = "cpu",
                   .ratio_goal = 1.0,
                   .absolute_goal = 7.5,
                   .run = low_rate,
                   .options = {}});
    out.push_back({.name = "connects",
                   .title = "100,000 connects",
                   .key = "cpu",
                   .ratio_goal = 0.7,
                   .absolute_goal = 4.5,
                   .run = connects,
                   .options = {}});
    out.push_back(
        {.name = "churn", .title = "100,000 times connect and leave", .key = "cpu", .run = reconnects, .options = {}});
    out.push_back({.name = "idle",
                   .title = "bytes per idle connection",
                   .key = "bytes",
                   .ratio_goal = 1.0,
                   .absolute_goal = 1'000,
                   .run = idle_memory,
                   .options = {}});
    out.push_back(absent("offline", "QoS 1 to absent sessions", "cpu", 1.3, {.in_flight = settings.in_flight}, 0));
    out.push_back(
        absent("offline-waits", "QoS 1 to absent sessions, 300 unacknowledged", "p99", 6, {.in_flight = 3}, 0));
    out.push_back(
        absent("offline-paced", "QoS 1 to absent sessions, 100,000 a second", "p99", 6, {.in_flight = 500}, 100'000));
    return out;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

class Rounds {
public:
    void add(const Figures& figures) {
        for (const auto& [name, value] : figures) values_[name].push_back(value);
    }
    [[nodiscard]] std::optional<double> operator[](const std::string& name) const {
        const auto at = values_.find(name);
        return at == values_.end() ? std::nullopt : std::optional(median(at->second));
    }
    [[nodiscard]] std::string text() const {
        std::string out;
        char buffer[64];
        for (const auto& [name, values] : values_) {
            const auto value = median(values);
            if (name == "strays" && value == 0) continue;
            std::snprintf(buffer, sizeof buffer, "%s%s %.*f", out.empty() ? "" : ", ", name.c_str(),
                          value >= 100 ? 0 : 3, value);
            out += buffer;
        }
        return out;
    }

private:
    std::map<std::string, std::vector<double>> values_;
};

void print_row(const Workload& w, const Rounds& ours, const Rounds& theirs) {
    const auto mine = ours[w.key].value_or(std::nan(""));
    const auto peer = theirs[w.key];
    std::string verdict;
    char buffer[96];
    std::printf("| %s | %s | %s |", w.title.c_str(), ours.text().c_str(), theirs.text().c_str());
    if (peer && w.ratio_goal > 0) {
        std::snprintf(buffer, sizeof buffer, " %.2f | <= %.2f |", mine / *peer, w.ratio_goal);
        verdict = mine / *peer <= w.ratio_goal ? "met" : "missed";
    } else if (w.absolute_goal == 0) {
        std::snprintf(buffer, sizeof buffer, " %.2f | |", peer ? mine / *peer : std::nan(""));
    } else {
        std::snprintf(buffer, sizeof buffer, " | <= %.3g %s |", w.absolute_goal, w.key.c_str());
        verdict = mine <= w.absolute_goal ? "met" : "missed";
    }
    std::printf("%s %s |\n", buffer, verdict.c_str());
    std::fflush(stdout);
}

void measure(const Workload& w, const Settings& settings) {
    Rounds ours;
    Rounds theirs;
    for (unsigned round = 0; round < settings.rounds; ++round) {
        auto options = w.options;
        options.shards = settings.shards;
        ours.add(w.run(*Broker::ours(settings.executables, options), settings));
        if (!settings.alone) theirs.add(w.run(*Broker::mosquitto(settings.executables, options), settings));
    }
    print_row(w, ours, theirs);
}

// What does not wander with the machine: one shard, the calls it makes.
void count(const Settings& settings) {
    constexpr double kSends[] = {0.7, 0.9, 1.7};
    for (const unsigned qos : {0U, 1U, 2U}) {
        const auto broker = Broker::ours(settings.executables, {.shards = 1});
        const auto seen = closed_loop(*broker, settings, {.qos = qos, .threads = 2});
        std::printf("sends per delivered message, QoS %u, one shard: %.2f (goal <= %.1f)\n", qos, seen.at("sends"),
                    kSends[qos]);
    }
    const auto fan = Broker::ours(settings.executables, {.shards = 1});
    std::printf("sends per delivered message, fan-out, one shard: %.3f (goal <= 0.11)\n",
                closed_loop(*fan, settings, {.publishers = 1, .qos = 0, .fan_out = true}).at("sends"));
    for (const unsigned qos : {0U, 1U}) {
        const auto broker = Broker::ours(settings.executables, {.shards = 1});
        const auto seen = calls_per_message(*broker, qos);
        if (seen.empty()) {
            std::printf("system calls per message: not counted, strace is missing or may not attach\n");
        } else {
            std::printf("system calls per message at 1,000 msg/s, QoS %u, one shard: %.1f (goal <= %d)\n", qos,
                        seen.at("calls"), qos == 0 ? 6 : 11);
        }
    }
    const auto two = Broker::ours(settings.executables, {.shards = 2});
    std::printf("wake-ups of another shard per message, QoS 1, two shards: %.4f (goal <= 0.01)\n",
                closed_loop(*two, settings, {.threads = 2}).at("wakes"));
}

// Ways to run ours, in turns: rate and CPU of each as ratios to the first.
void compare(const std::vector<std::pair<const char*, Broker::Options>>& ways, const Settings& settings) {
    std::vector<Rounds> seen(ways.size());
    for (unsigned round = 0; round < settings.rounds; ++round) {
        for (std::size_t i = 0; i < ways.size(); ++i)
            seen[i].add(closed_loop(*Broker::ours(settings.executables, ways[i].second), settings, {.threads = 2}));
    }
    for (std::size_t i = 1; i < ways.size(); ++i) {
        std::printf("%s: %.2f x the messages, %.2f x the CPU a message\n", ways[i].first,
                    *seen[i]["rate"] / *seen[0]["rate"], *seen[i]["cpu"] / *seen[0]["cpu"]);
    }
    std::fflush(stdout);
}

// What a rule costs that matches every message, by sink. Exported and dropped are of those acknowledged in the run;
// what is neither waits in the outbox.
void rules(const Settings& settings) {
    const std::vector<std::string> sinks{"", "file", "sqlite", "http"};
    std::map<std::string, Rounds> seen;
    for (unsigned round = 0; round < settings.rounds; ++round) {
        for (const auto& sink : sinks) {
            const auto broker = Broker::ours(settings.executables, {.rule = sink});
            auto figures = closed_loop(*broker, settings, {.threads = 2});
            figures["MB"] = static_cast<double>(broker->process().resident_bytes()) / 1e6;
            for (const std::string what : {"exported_total", "dropped_total", "waiting"}) {
                if (!sink.empty()) figures[what] = *broker->metric("rule_" + what + "{rule=\"all\"}");
            }
            seen[sink].add(figures);
        }
    }
    for (const auto& sink : sinks) {
        std::printf("P2P QoS 1, %s: %s\n", sink.empty() ? "no rule" : ("every message out by " + sink).c_str(),
                    seen[sink].text().c_str());
    }
    std::fflush(stdout);
}

double median_flush_millis() {
    const testing::TempDir folder;
    const int fd = ::open((folder / "flush").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    std::vector<double> took;
    for (int i = 0; i < 100; ++i) {
        const auto from = std::chrono::steady_clock::now();
        static_cast<void>(::write(fd, page.data(), page.size()));
        ::fdatasync(fd);
        took.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from).count());
    }
    ::close(fd);
    return median(took);
}

int bench(const Settings& settings, const std::vector<std::string>& names) {
    pin_to_cores(2, 3);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    const auto wanted = [&](const std::string& name) {
        return names.empty() || std::ranges::find(names, name) != names.end();
    };
    std::printf("%u shards with store and administration; %u rounds of %.1f s; 4 KB flush %.2f ms\n", settings.shards,
                settings.rounds, settings.seconds, median_flush_millis());
    std::printf("cpu: user + system seconds of the broker for 100,000 delivered messages; p50, p99 in ms\n\n");
    std::printf("| workload | broker | Mosquitto | ratio | goal | |\n| --- | --- | --- | --- | --- | --- |\n");
    for (const auto& workload : workloads(settings)) {
        if (wanted(workload.name)) measure(workload, settings);
    }
    std::printf("\n");
    if (wanted("counts")) count(settings);
    if (wanted("shards"))
        compare({{"one shard", {.shards = 1}}, {"two shards against one, QoS 1", {.shards = 2}}}, settings);
    if (wanted("rules")) rules(settings);
    if (wanted("store")) {
        compare({{"no data folder", {.store = false}},
                 {"with the store against without, QoS 1 to clean sessions, no traces", {.traces = false}},
                 {"with the store and traces", {}}},
                settings);
    }
    return 0;
}

}  // namespace
}  // namespace esl::bench

int main(int argc, char** argv) {
    esl::bench::Settings settings;
    std::vector<std::string> names;
    settings.executables.broker = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "broker";
    CLI::App app{"Our broker beside Mosquitto"};
    app.add_option(
        "workload", names,
        "qos0 qos1 qos2 fan-out fan-in low connects churn idle offline offline-waits offline-paced counts shards rules "
        "store; none: all");
    app.add_option("--broker", settings.executables.broker, "executable; default: beside this one");
    app.add_option("--mosquitto", settings.executables.mosquitto, "executable");
    app.add_option("--seconds", settings.seconds, "of each run")->check(CLI::PositiveNumber);
    app.add_option("--rounds", settings.rounds)->check(CLI::Range(1, 100));
    app.add_option("--shards", settings.shards)->check(CLI::Range(1, 64));
    app.add_option("--idle", settings.idle, "connections; each takes a file descriptor here and in the broker");
    app.add_option("--in-flight", settings.in_flight, "of each of the 100 publishers, in offline")
        ->check(CLI::Range(1, 1'000));
    app.add_flag("--alone", settings.alone, "without Mosquitto");
    CLI11_PARSE(app, argc, argv);
    try {
        return esl::bench::bench(settings, names);
    } catch (const std::exception& error) {
        std::cerr << "bench-broker: " << error.what() << "\n";
        return 1;
    }
}
