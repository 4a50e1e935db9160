// How often an address may come, and how often it may be wrong. Thread-safe: all shards ask one guard.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

#include "broker/core/settings.hpp"
#include "broker/core/subscription_tree.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

class AddressGuard {
public:
    AddressGuard(const Limits& limits, const Clock& clock) : limits_(limits), clock_(clock) {}

    enum class Verdict : std::uint8_t { welcome, too_often, blocked };
    // One more connection from this address.
    [[nodiscard]] Verdict admit(const std::string& address);
    // One more connection from anywhere; false: no more are to be accepted in this second.
    [[nodiscard]] bool admit_any();
    // True when this was one too many, and the address is blocked from now on.
    bool login_failed(const std::string& address);
    void login_succeeded(const std::string& address);

    static constexpr std::chrono::seconds kFailureWindow{60};

private:
    struct Entry {
        SteadyTime second{};  // that `connects` is of
        std::size_t connects = 0;
        SteadyTime first_failure{};
        std::size_t failures = 0;
        SteadyTime blocked_until{};
    };
    [[nodiscard]] bool asks() const { return limits_.connects_per_address != 0 || limits_.failed_logins != 0; }
    void forget_old(SteadyTime now);

    const Limits& limits_;
    const Clock& clock_;
    std::mutex lock_;
    TextMap<Entry> entries_;
    std::size_t sweep_at_ = 1'000;
    SteadyTime second_{};
    std::size_t connects_ = 0;
};

}  // namespace esl::broker
