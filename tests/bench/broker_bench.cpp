// bench-broker: P2P messages through our broker beside Debian's Mosquitto (ordinary topics there: it has no P2P), in
// one run, in turns, so that what the machine does meanwhile is shared. Prints messages a second and the broker's CPU
// seconds for 100,000 messages, and their ratios.
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "common/testing/testing.hpp"
#include "tests/bench/broker_load.hpp"

namespace {

namespace fs = std::filesystem;

struct Options {
    fs::path broker;
    std::string mosquitto = "/usr/sbin/mosquitto";
    unsigned publishers = 100, in_flight = 10, receivers = 1'000, qos = 1, shards = 1, rounds = 3;
    std::size_t payload = 200;
    double seconds = 3;
    bool durable = false;
};

struct Result {
    double rate = 0;
    double cpu = 0;    // seconds for 100,000 messages
    double sends = 0;  // send calls a message, ours only
};

void pin(unsigned first, unsigned last) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = first; i <= last; ++i) CPU_SET(i, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

// A broker as a child process, its output in a file.
class Child {
public:
    Child(std::vector<std::string> words, fs::path log, unsigned cpus) : log_(std::move(log)) {
        pid_ = ::fork();
        if (pid_ != 0) return;
        const int fd = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(fd, 1);
        ::dup2(fd, 2);
        if (std::thread::hardware_concurrency() >= 4) pin(0, cpus - 1);
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    ~Child() {
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    [[nodiscard]] std::string log() const {
        std::ifstream in(log_);
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }
    [[nodiscard]] double cpu_seconds() const {
        std::ifstream in("/proc/" + std::to_string(pid_) + "/stat");
        std::string text;
        std::getline(in, text);
        std::istringstream fields(text.substr(text.rfind(')') + 2));
        std::string skip;
        for (int i = 0; i < 11; ++i) fields >> skip;
        double user = 0;
        double system = 0;
        fields >> user >> system;
        return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }

private:
    fs::path log_;
    pid_t pid_ = -1;
};

std::uint16_t wait_for_port(const Child& child, const std::string& before) {
    std::string text;
    std::size_t at = std::string::npos;
    if (!esl::testing::wait_until([&] {
            text = child.log();
            at = text.find(before);
            return at != std::string::npos && text.find('\n', at) != std::string::npos;
        })) {
        throw std::runtime_error("a broker does not start: " + text);
    }
    return static_cast<std::uint16_t>(std::stoi(text.substr(at + before.size())));
}

Result measure(const Options& o, const Child& child, esl::bench::LoadOptions load) {
    esl::bench::BrokerLoad run(load);
    static_cast<void>(run.run(0.5));  // warm
    const auto cpu = child.cpu_seconds();
    const auto from = std::chrono::steady_clock::now();
    const auto count = static_cast<double>(run.run(o.seconds));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    if (count == 0) throw std::runtime_error("nothing was delivered");
    if (run.strays() > 0) std::cerr << "warning: " << run.strays() << " messages delivered twice\n";
    return {.rate = count / took.count(), .cpu = (child.cpu_seconds() - cpu) * 100'000 / count, .sends = 0};
}

esl::bench::LoadOptions base(const Options& o) {
    esl::bench::LoadOptions load;
    load.publishers = o.publishers;
    load.in_flight = o.in_flight;
    load.receivers = o.receivers;
    load.qos = o.qos;
    load.payload = o.payload;
    return load;
}

Result measure_ours(const Options& o) {
    esl::testing::TempDir folder;
    std::vector<std::string> words{
        o.broker.string(), "--listen", "127.0.0.1:0", "--allow-anonymous", "--group",
        "GID_bench",       "--topic",  "bench",       "--shards",          std::to_string(o.shards)};
    if (o.durable) words.insert(words.end(), {"--data", (folder / "data").string()});
    const Child child(std::move(words), folder / "log", o.shards);
    auto load = base(o);
    load.port = wait_for_port(child, "listening on 127.0.0.1:");
    load.receiver_id = [](unsigned i) { return "GID_bench@@@r" + std::to_string(i); };
    load.publisher_id = [](unsigned i) { return "GID_bench@@@p" + std::to_string(i); };
    load.topic = [](unsigned i) { return "bench/p2p/GID_bench@@@r" + std::to_string(i); };
    return measure(o, child, load);
}

Result measure_mosquitto(const Options& o) {
    esl::testing::TempDir folder;
    // Mosquitto does not say which port 0 became, so a free one is asked for and given up just before.
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(probe, reinterpret_cast<const sockaddr*>(&address), size);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(probe);
    const auto port = ntohs(address.sin_port);
    std::ofstream(folder / "mosquitto.conf")
        << "listener " << port
        << " 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 100\nset_tcp_nodelay "
           "true\nlog_dest stderr\nlog_type information\nconnection_messages false\n";
    const Child child({o.mosquitto, "-c", (folder / "mosquitto.conf").string()}, folder / "log", 1);
    if (!esl::testing::wait_until([&] { return child.log().find("running") != std::string::npos; }))
        throw std::runtime_error("mosquitto does not start: " + child.log());
    auto load = base(o);
    load.port = port;
    load.receiver_id = [](unsigned i) { return "r" + std::to_string(i); };
    load.publisher_id = [](unsigned i) { return "p" + std::to_string(i); };
    load.topic = [](unsigned i) { return "bench/to/r" + std::to_string(i); };
    load.subscribe = true;
    return measure(o, child, load);
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

int bench(const Options& o) {
    if (std::thread::hardware_concurrency() >= 4) pin(2, 3);
    std::printf(
        "QoS %u, %u publishers x %u in flight, %u receivers, %zu-byte payload, %.1f s a run; broker: %u shard(s)%s\n",
        o.qos, o.publishers, o.in_flight, o.receivers, o.payload, o.seconds, o.shards,
        o.durable ? ", with its store" : "");
    std::vector<double> our_rate, our_cpu, their_rate, their_cpu;
    for (unsigned round = 1; round <= o.rounds; ++round) {
        const auto ours = measure_ours(o);
        const auto theirs = measure_mosquitto(o);
        std::printf("round %u: broker %9.0f msg/s %6.2f CPU s/100k    mosquitto %9.0f msg/s %6.2f CPU s/100k\n", round,
                    ours.rate, ours.cpu, theirs.rate, theirs.cpu);
        std::fflush(stdout);
        our_rate.push_back(ours.rate);
        our_cpu.push_back(ours.cpu);
        their_rate.push_back(theirs.rate);
        their_cpu.push_back(theirs.cpu);
    }
    std::printf("median:  broker %9.0f msg/s %6.2f CPU s/100k    mosquitto %9.0f msg/s %6.2f CPU s/100k\n",
                median(our_rate), median(our_cpu), median(their_rate), median(their_cpu));
    std::printf("ratio:   %.2f x the messages, %.2f x the CPU\n", median(our_rate) / median(their_rate),
                median(our_cpu) / median(their_cpu));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options o;
    o.broker = fs::read_symlink("/proc/self/exe").parent_path() / "broker";
    CLI::App app{"P2P messages through broker beside Mosquitto"};
    app.add_option("--broker", o.broker, "executable; default: beside this one");
    app.add_option("--mosquitto", o.mosquitto, "executable");
    app.add_option("--publishers", o.publishers)->check(CLI::Range(1, 10'000));
    app.add_option("--in-flight", o.in_flight)->check(CLI::Range(1, 60'000));
    app.add_option("--receivers", o.receivers)->check(CLI::Range(1, 20'000));
    app.add_option("--qos", o.qos)->check(CLI::Range(0, 2));
    app.add_option("--payload", o.payload)->check(CLI::Range(8, 60'000));
    app.add_option("--seconds", o.seconds)->check(CLI::PositiveNumber);
    app.add_option("--rounds", o.rounds)->check(CLI::Range(1, 100));
    app.add_option("--shards", o.shards)->check(CLI::Range(1, 64));
    app.add_flag("--store", o.durable, "give our broker a data folder");
    CLI11_PARSE(app, argc, argv);
    try {
        return bench(o);
    } catch (const std::exception& error) {
        std::cerr << "bench-broker: " << error.what() << "\n";
        return 1;
    }
}
