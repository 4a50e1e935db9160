#include "common/http/process_metrics.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <latch>
#include <map>
#include <sstream>
#include <thread>

namespace esl::http {
namespace {

std::map<std::string, double> samples() {
    std::map<std::string, double> out;
    std::istringstream lines(process_metrics("test"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with('#')) out[line.substr(0, line.rfind(' '))] = std::stod(line.substr(line.rfind(' ')));
    }
    return out;
}

TEST(ProcessMetrics, AreThoseOfThisProcess) {
    const auto now = samples();
    rlimit files{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
    EXPECT_EQ(now.at("process_max_fds"), static_cast<double>(files.rlim_cur));
    EXPECT_GT(now.at("process_resident_memory_bytes"), 1e6);
    EXPECT_GT(now.at("process_virtual_memory_bytes"), now.at("process_resident_memory_bytes"));
    const auto age = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() -
                     now.at("process_start_time_seconds");
    EXPECT_GT(age, -2);  // the system's start is in whole seconds
    EXPECT_LT(age, 600);
    EXPECT_EQ(now.at("shelfwire_build_info{program=\"test\",version=\"" ESL_VERSION "\"}"), 1);
}

TEST(ProcessMetrics, CountFilesThreadsAndTimeAsTheyCome) {
    std::latch seen(1);
    const auto wait = [&] { seen.wait(); };
    std::thread first(wait);  // with which the thread sanitizer starts a thread of its own
    const auto before = samples();
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    std::thread second(wait);
    auto now = samples();
    EXPECT_EQ(now.at("process_open_fds"), before.at("process_open_fds") + 1);
    EXPECT_EQ(now.at("process_threads"), before.at("process_threads") + 1);
    seen.count_down();
    first.join();
    second.join();
    ::close(fd);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (now.at("process_cpu_seconds_total") < before.at("process_cpu_seconds_total") + 0.02 &&
           std::chrono::steady_clock::now() < deadline) {
        now = samples();
    }
    EXPECT_GE(now.at("process_cpu_seconds_total"), before.at("process_cpu_seconds_total") + 0.02);
}

}  // namespace
}  // namespace esl::http
