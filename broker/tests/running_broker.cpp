#include "broker/tests/running_broker.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <regex>
#include <stdexcept>

#include "broker/tests/test_certificates.hpp"
#include "broker/tests/test_wire.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {

std::uint16_t port_of(const std::string& address) {
    return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

ListenerConfig test_listener(ListenerKind kind) {
    ListenerConfig out{.address = "127.0.0.1:0", .kind = kind};
    out.where = "the test's " + std::string(describe(kind)) + " listener";
    if (!has_tls(kind)) return out;
    out.tls.certificate = shared_certificates().server.certificate;
    out.tls.key = shared_certificates().server.key;
    return out;
}

Config test_config(Mode mode) {
    Config config;
    config.mode = mode;
    config.settings = Settings::defaults(mode);
    const auto transport = test_transport();
    if (transport == ListenerKind::tcp) {
        config.listen = {"127.0.0.1:0"};
    } else {
        config.listeners = {test_listener(transport)};
    }
    config.groups = {"GID_test"};
    config.topics = {"esl_task", "esl_report"};
    config.allow_anonymous = true;
    config.shards = 2;
    return config;
}

RunningBroker::RunningBroker(Config config) {
    // Refusals are what these tests are about: their log lines would drown the results.
    spdlog::set_level(spdlog::level::err);
    app_ = std::make_unique<App>(std::move(config));
    thread_ = std::thread([this] { app_->run(); });
}

void RunningBroker::stop() {
    if (!thread_.joinable()) return;
    app_->stop();
    thread_.join();
    app_.reset();
}

Said run_executable(const std::string& arguments) {
    Said said;
    std::FILE* pipe = ::popen(("timeout 15 " ESL_BROKER_EXECUTABLE " " + arguments + " 2>&1").c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen fails");
    std::array<char, 256> buffer{};
    while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) said.text += buffer.data();
    said.code = WEXITSTATUS(::pclose(pipe));
    return said;
}

BrokerProcess::BrokerProcess(std::filesystem::path folder, std::vector<std::string> arguments)
    : folder_(std::move(folder)), executable_(ESL_BROKER_EXECUTABLE), arguments_(std::move(arguments)) {}

BrokerProcess::~BrokerProcess() {
    kill_dead();
}

void BrokerProcess::start(std::uint16_t port) {
    const auto log = (folder_ / "broker.log").string();
    ::unlink(log.c_str());
    std::vector<std::string> words{executable_, "--data", (folder_ / "data").string()};
    if (listen_) words.insert(words.end(), {"--listen", "127.0.0.1:" + std::to_string(port)});
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork fails");
    if (pid_ == 0) {
        const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(fd, 2);
        if (open_files_ != 0) {
            const rlimit limit{.rlim_cur = open_files_, .rlim_max = open_files_};
            ::setrlimit(RLIMIT_NOFILE, &limit);
        }
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    const std::regex listening("broker: listening on 127\\.0\\.0\\.1:(\\d+)(?: \\(\\w+\\))?\n");
    std::smatch match;
    std::string text;
    const bool up = esl::testing::wait_until([&] {
        text = this->log();
        return std::regex_search(text, match, listening) || !alive();
    });
    if (!up || match.empty()) throw std::runtime_error("the broker does not start: " + text);
    port_ = static_cast<std::uint16_t>(std::stoi(match[1].str()));
}

bool BrokerProcess::alive() const {
    siginfo_t info{};
    return pid_ > 0 && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void BrokerProcess::kill_dead() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

void BrokerProcess::reload() const {
    ::kill(pid_, SIGHUP);
}

int BrokerProcess::terminate(int times) {
    ::kill(pid_, SIGTERM);
    // A second signal while the first is pending would be one.
    for (int i = 1; i < times; ++i) {
        static_cast<void>(esl::testing::wait_until([&] { return log().find("stopping") != std::string::npos; }));
        ::kill(pid_, SIGTERM);
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string BrokerProcess::log() const {
    try {
        return esl::testing::read_file(folder_ / "broker.log");
    } catch (const std::exception&) {
        return {};
    }
}

}  // namespace esl::broker::testing
