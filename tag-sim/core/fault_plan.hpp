// What goes wrong, how often, and for which tag (docs/formats/fault-plan.md). The same seed and the same order of
// events at a tag give the same faults, whatever other tags do.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "common/config/config.hpp"
#include "common/core/ids.hpp"

namespace esl::sim {

enum class Fault : std::uint8_t {
    dead,                    // of tags: never answer
    low_battery,             // of tags
    notify_lost,             // of notifications
    notify_late,             // of notifications, by late_by
    wrong_part,              // of part requests
    disconnect,              // of parts received
    transfer_error,          // of parts received
    connect_failed,          // of connection attempts
    power_cut,               // of refreshes
    frame_lost,              // of ZigBee messages in either direction
    transaction_expired,     // of ZigBee data requests: F0
    channel_access_failure,  // E1
    no_ack,                  // E9
    odd_property,            // of advertisements: BlueZ tells nonsense of the tag as well
};
inline constexpr std::size_t kFaults = 14;
// As written in the file: "notify_lost".
[[nodiscard]] std::string_view name(Fault fault);
[[nodiscard]] std::optional<Fault> fault_from(std::string_view name);

// Percentages, 0 to 100.
struct Rates {
    double per_cent[kFaults] = {};
    std::chrono::milliseconds late_by{800};             // at speed 1
    std::chrono::milliseconds power_back{0};            // after a power cut, at speed 1; 0: stays off
    std::optional<std::uint32_t> disconnect_at_part{};  // always, at the first transfer of every power-up

    [[nodiscard]] double of(Fault fault) const { return per_cent[static_cast<std::size_t>(fault)]; }
    double& of(Fault fault) { return per_cent[static_cast<std::size_t>(fault)]; }
};

class FaultPlan {
public:
    explicit FaultPlan(std::uint64_t seed = 1) : seed_(seed) {}
    // Throws ConfigError with file, line and key. A seed in the file is used unless `seed` is given.
    [[nodiscard]] static FaultPlan load(const std::filesystem::path& file, std::optional<std::uint64_t> seed);
    [[nodiscard]] static FaultPlan from(const config::Table& table, std::optional<std::uint64_t> seed);

    [[nodiscard]] const Rates& rates(TagId tag) const;
    void set_all(const Rates& rates) { all_ = rates; }
    void set(TagId tag, const Rates& rates) { tags_[tag] = rates; }
    void forget(TagId tag) { tags_.erase(tag); }
    [[nodiscard]] const Rates& all() const { return all_; }
    [[nodiscard]] const std::map<TagId, Rates>& overrides() const { return tags_; }

    // Which of these tags have a trait (dead, low_battery): of those without rates of their own, exactly the share that
    // the plan names, rounded, but at least one when it is not 0. The same ones for the same seed and tags.
    [[nodiscard]] std::set<TagId> chosen(Fault trait, std::span<const TagId> tags) const;
    // One event at the tag: draws the next number of that tag and fault.
    [[nodiscard]] bool strikes(TagId tag, Fault fault);
    // A number from 0 to `below` - 1, from the tag's own row.
    [[nodiscard]] std::uint32_t draw(TagId tag, std::uint32_t below);
    [[nodiscard]] std::uint64_t struck(Fault fault) const { return struck_[static_cast<std::size_t>(fault)]; }
    [[nodiscard]] std::uint64_t seed() const { return seed_; }

private:
    [[nodiscard]] double uniform(TagId tag, std::uint64_t row, std::uint64_t n) const;

    std::uint64_t seed_;
    Rates all_;
    std::map<TagId, Rates> tags_;
    std::map<std::pair<TagId, std::uint64_t>, std::uint64_t> drawn_;
    std::uint64_t struck_[kFaults] = {};
};

}  // namespace esl::sim
