// `[limits]`: the one list of them, by which they are read, and by which docs/formats/broker-limits.md is checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/settings.hpp"
#include "common/config/config.hpp"

namespace esl::broker {

// Part of a second counts as a whole one. Throws config::ConfigError.
void read_seconds(const config::Table& table, std::string_view key, seconds& value);

// Throws config::ConfigError, which names file, line and key.
void read_limits(const config::Table& table, Limits& limits);

struct LimitValue {
    std::string name;
    std::uint64_t value;  // durations: ms
};
[[nodiscard]] std::vector<LimitValue> list_limits(const Limits& limits);

}  // namespace esl::broker
