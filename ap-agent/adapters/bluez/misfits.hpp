// What came over the system bus and is not what BlueZ documents: dropped, counted, and logged without flooding the log.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/core/clock.hpp"

namespace esl::ap::bluez {

// Thread-safe. Of one interface, property and reason one line a minute goes to the log, with how many came since the
// last.
class Misfits {
public:
    explicit Misfits(const Clock& clock) : clock_(clock) {}

    // `interface` and `property` are our own words, never the sender's; `property` may be empty. `what` says what was
    // expected and what came: "expected n, got s".
    void report(std::string_view path, std::string_view interface, std::string_view property, std::string_view what);
    [[nodiscard]] std::uint64_t count() const;

private:
    struct Told {
        SteadyTime next{};
        std::uint64_t since = 0;
    };

    const Clock& clock_;
    mutable std::mutex lock_;
    std::map<std::string, Told> told_;
    std::uint64_t count_ = 0;
};

}  // namespace esl::ap::bluez
