// A broker under measurement: a child process on its own cores, and what the kernel counts of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace esl::bench {

// Cores of this process (and of children it starts later). Nothing happens on machines with fewer than four.
void pin_to_cores(unsigned first, unsigned last);

class Child {
public:
    // Its output goes to `log`; it runs on the first `cores` cores. Throws when it cannot be started.
    Child(std::vector<std::string> words, std::filesystem::path log, unsigned cores);
    // SIGTERM, and waits.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Waits for "`before`NUMBER" in its output; throws with the output when it does not come.
    [[nodiscard]] std::uint16_t wait_for_port(const std::string& before) const;
    void wait_for_text(const std::string& text) const;
    [[nodiscard]] double cpu_seconds() const;  // user and system, all threads
    [[nodiscard]] std::uint64_t resident_bytes() const;
    // System calls that all its threads make while `work` runs, by strace; nothing when strace is not there.
    template <class Work>
    [[nodiscard]] std::optional<std::uint64_t> count_system_calls(Work work) const {
        const auto tracer = start_strace();
        if (tracer < 0) return std::nullopt;
        work();
        return stop_strace(tracer);
    }

private:
    [[nodiscard]] std::string log() const;
    [[nodiscard]] pid_t start_strace() const;
    [[nodiscard]] std::optional<std::uint64_t> stop_strace(pid_t tracer) const;

    std::filesystem::path log_;
    pid_t pid_ = -1;
};

}  // namespace esl::bench
