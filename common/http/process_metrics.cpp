#include "common/http/process_metrics.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace esl::http {
namespace {

// Fields of /proc/self/stat by their numbers in proc(5).
constexpr int kThreads = 20;
constexpr int kStartTime = 22;  // in ticks since the system's start
constexpr int kVirtualBytes = 23;
constexpr int kResidentPages = 24;
constexpr int kState = 3;  // the first behind the name, which may hold blanks and brackets

class Stat {
public:
    Stat() {
        std::ifstream in("/proc/self/stat");
        std::string text;
        std::getline(in, text);
        const auto name_end = text.rfind(')');
        if (name_end == std::string::npos) return;
        std::istringstream rest(text.substr(name_end + 1));
        for (std::string field; rest >> field;) fields_.push_back(field);
    }
    [[nodiscard]] std::optional<double> field(int number) const {
        const auto at = static_cast<std::size_t>(number - kState);
        return at < fields_.size() ? std::optional(std::stod(fields_[at])) : std::nullopt;
    }

private:
    std::vector<std::string> fields_;
};

// Unix time; /proc/stat, "btime".
std::optional<double> system_start() {
    std::ifstream in("/proc/stat");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("btime ")) return std::stod(line.substr(6));
    }
    return std::nullopt;
}

std::optional<double> open_files() {
    struct stat folder{};
    // Linux 6.2 and later says how many there are without a walk over all of them.
    if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) return static_cast<double>(folder.st_size);
    std::error_code error;
    double count = -1;  // the walk's own
    for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error))
        ++count;
    return error ? std::nullopt : std::optional(count);
}

class Text {
public:
    void add(const char* name, const char* type, const char* help, std::optional<double> value, int decimals = 0) {
        if (!value) return;
        std::ostringstream sample;
        sample << std::fixed;
        sample.precision(decimals);
        sample << *value;
        out_ << "# HELP process_" << name << " " << help << "\n# TYPE process_" << name << " " << type << "\nprocess_"
             << name << " " << sample.str() << "\n";
    }
    [[nodiscard]] std::ostringstream& out() { return out_; }

private:
    std::ostringstream out_;
};

}  // namespace

std::string process_metrics(std::string_view program) {
    Text text;
    timespec cpu{};
    if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
        text.add("cpu_seconds_total", "counter", "User and system time of all threads.",
                 static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) / 1e9, 6);
    }
    const Stat stat;
    const auto pages = stat.field(kResidentPages);
    const auto page_size = static_cast<double>(::sysconf(_SC_PAGESIZE));
    text.add("resident_memory_bytes", "gauge", "Memory in RAM.",
             pages ? std::optional(*pages * page_size) : std::nullopt);
    text.add("virtual_memory_bytes", "gauge", "Address space.", stat.field(kVirtualBytes));
    text.add("open_fds", "gauge", "Open file descriptors.", open_files());
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
        text.add("max_fds", "gauge", "How many may be open.", static_cast<double>(files.rlim_cur));
    const auto boot = system_start();
    const auto started = stat.field(kStartTime);
    if (boot && started) {
        text.add("start_time_seconds", "gauge", "Unix time of the start.",
                 *boot + *started / static_cast<double>(::sysconf(_SC_CLK_TCK)), 2);
    }
    text.add("threads", "gauge", "Threads.", stat.field(kThreads));
    text.out() << "# HELP shelfwire_build_info What runs here.\n# TYPE shelfwire_build_info gauge\n"
               << "shelfwire_build_info{program=\"" << program << "\",version=\"" << ESL_VERSION << "\"} 1\n";
    return text.out().str();
}

}  // namespace esl::http
