#include "tests/bench/broker/child.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "common/testing/testing.hpp"

namespace esl::bench {
namespace {

constexpr const char* kStrace = "/usr/bin/strace";

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

pid_t start(std::vector<std::string> words, const std::filesystem::path& output) {
    const auto pid = ::fork();
    if (pid != 0) return pid;
    const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

}  // namespace

void pin_to_cores(unsigned first, unsigned last) {
    if (std::thread::hardware_concurrency() < 4) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = first; i <= last; ++i) CPU_SET(i, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

Child::Child(std::vector<std::string> words, std::filesystem::path log, unsigned cores) : log_(std::move(log)) {
    cpu_set_t mine;
    ::sched_getaffinity(0, sizeof mine, &mine);
    pin_to_cores(0, cores - 1);  // inherited
    pid_ = start(std::move(words), log_);
    ::sched_setaffinity(0, sizeof mine, &mine);
    if (pid_ < 0) throw std::runtime_error("fork fails");
}

Child::~Child() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
}

std::string Child::log() const {
    return text_of(log_);
}

void Child::wait_for_text(const std::string& text) const {
    if (!testing::wait_until([&] { return log().find(text) != std::string::npos; }))
        throw std::runtime_error("a broker does not start: " + log());
}

std::uint16_t Child::wait_for_port(const std::string& before) const {
    std::string text;
    std::size_t at = std::string::npos;
    const bool found = testing::wait_until([&] {
        text = log();
        at = text.find(before);
        return at != std::string::npos && text.find('\n', at) != std::string::npos;
    });
    if (!found) throw std::runtime_error("a broker does not start: " + text);
    return static_cast<std::uint16_t>(std::stoi(text.substr(at + before.size())));
}

// Not /proc/PID/stat, which counts in hundredths of a second: of 2,000 messages a second that is 3 %.
double Child::cpu_seconds() const {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
        throw std::runtime_error("no CPU clock of process " + std::to_string(pid_));
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::uint64_t Child::resident_bytes() const {
    std::istringstream fields(text_of("/proc/" + std::to_string(pid_) + "/statm"));
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    fields >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

pid_t Child::start_strace() const {
    if (::access(kStrace, X_OK) != 0) return -1;
    const auto output = log_.string() + ".strace";
    const auto pid = start({kStrace, "-f", "-c", "-o", output + ".count", "-p", std::to_string(pid_)}, output);
    if (!testing::wait_until([&] { return text_of(output).find("attached") != std::string::npos; })) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return -1;
    }
    return pid;
}

// The last line of `strace -c`: "100.00    0.123456           1     12345       678 total".
std::optional<std::uint64_t> Child::stop_strace(pid_t tracer) const {
    ::kill(tracer, SIGINT);
    ::waitpid(tracer, nullptr, 0);
    std::istringstream lines(text_of(log_.string() + ".strace.count"));
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" total") == std::string::npos) continue;
        std::istringstream fields(line);
        std::string percent, seconds, each, calls;
        fields >> percent >> seconds >> each >> calls;
        return std::stoull(calls);
    }
    return std::nullopt;
}

}  // namespace esl::bench
