// Programs that a test starts and ends: Debian's dbus-daemon, the simulator, the agent itself.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/testing/testing.hpp"

namespace esl::ap::testing {

// Its output goes to a file. Ends with SIGKILL in the destructor, if it still runs.
class Process {
public:
    using Environment = std::vector<std::pair<std::string, std::string>>;
    Process(std::vector<std::string> command, std::filesystem::path log, const Environment& extra = {});
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void kill();                    // SIGKILL, waits
    [[nodiscard]] int terminate();  // SIGTERM, waits; the exit code, or -1 after 20 s and a SIGKILL
    // True when it has ended by itself, with its exit code.
    [[nodiscard]] bool ended(int& code);
    [[nodiscard]] std::string said() const;
    // Waits for this text in its output; throws with the output when it does not come.
    void wait_for(const std::string& text) const;
    // The number after the first occurrence of `before`.
    [[nodiscard]] std::uint16_t number_after(const std::string& before) const;

private:
    std::filesystem::path log_;
    pid_t pid_ = -1;
};

// A private system bus that lets everybody own every name.
class BusDaemon {
public:
    BusDaemon();
    [[nodiscard]] std::string address() const;
    void kill() { daemon_->kill(); }

private:
    esl::testing::TempDir dir_;
    std::unique_ptr<Process> daemon_;
};

// A simulator and the shelf it stands for, read by GET /tags.
class Simulator {
public:
    // `kind` is "bluez" or "znp".
    Simulator(const std::string& kind, unsigned tags, const std::vector<std::string>& more, unsigned speed);
    struct Tag {
        std::string id;
        std::string model;
        unsigned width = 0, height = 0;
        std::string palette;
        std::uint32_t shown = 0;  // image id; 0 while it shows none
        std::uint64_t refreshes = 0;
    };
    [[nodiscard]] std::vector<Tag> tags() const;
    void kill() { sim_->kill(); }

protected:
    esl::testing::TempDir dir_;
    std::unique_ptr<Process> sim_;
    std::uint16_t port_ = 0;  // HTTP
};

class BluezSim : public Simulator {
public:
    BluezSim(const BusDaemon& bus, unsigned tags, std::vector<std::string> more = {}, unsigned speed = 100);
};

class ZnpSim : public Simulator {
public:
    explicit ZnpSim(unsigned tags, unsigned speed = 100);
    // tcp://127.0.0.1:port of the coordinator.
    [[nodiscard]] std::string url() const;
};

// Body of the answer; throws when there is none.
[[nodiscard]] std::string http_get(std::uint16_t port, const std::string& path);

}  // namespace esl::ap::testing
