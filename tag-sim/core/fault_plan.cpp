#include "tag-sim/core/fault_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace esl::sim {
namespace {

constexpr std::array<std::string_view, kFaults> kNames = {
    "dead",           "low_battery",    "notify_lost", "notify_late", "wrong_part",          "disconnect",
    "transfer_error", "connect_failed", "power_cut",   "frame_lost",  "transaction_expired", "channel_access_failure",
    "no_ack",         "odd_property",
};

constexpr std::uint64_t kDrawRow = 1000;   // rows of draw(), apart from those of faults
constexpr std::uint64_t kTraitRow = 2000;  // rows of chosen(): one lot a tag

// SplitMix64's finalizer: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

Rates read_rates(const config::Table& table, Rates out) {
    for (std::size_t i = 0; i < kFaults; ++i) table.read(kNames[i], out.per_cent[i], 0, 100);
    table.read("late_by", out.late_by);
    table.read("power_back", out.power_back);
    if (table.has("disconnect_at_part")) {
        std::uint32_t part = 0;
        table.read("disconnect_at_part", part, 0, 100'000);
        out.disconnect_at_part = part;
    }
    return out;
}

void only_rates(const config::Table& table) {
    table.only({"id", "dead", "low_battery", "notify_lost", "notify_late", "wrong_part", "disconnect", "transfer_error",
                "connect_failed", "power_cut", "frame_lost", "transaction_expired", "channel_access_failure", "no_ack",
                "odd_property", "late_by", "power_back", "disconnect_at_part"});
}

}  // namespace

std::string_view name(Fault fault) {
    return kNames[static_cast<std::size_t>(fault)];
}

std::optional<Fault> fault_from(std::string_view text) {
    for (std::size_t i = 0; i < kFaults; ++i) {
        if (kNames[i] == text) return static_cast<Fault>(i);
    }
    return std::nullopt;
}

FaultPlan FaultPlan::from(const config::Table& table, std::optional<std::uint64_t> seed) {
    table.only({"seed", "all", "tag"});
    std::int64_t own_seed = 1;
    table.read("seed", own_seed, 0, std::numeric_limits<std::int64_t>::max());
    FaultPlan out{seed.value_or(static_cast<std::uint64_t>(own_seed))};
    only_rates(table.table("all"));
    out.all_ = read_rates(table.table("all"), {});
    for (const auto& row : table.tables("tag")) {
        only_rates(row);
        std::string id;
        row.read("id", id);
        const auto tag = TagId::parse(id);
        if (!tag) throw config::ConfigError(row.where("id") + ": key 'tag.id': " + tag.error().message());
        out.tags_[*tag] = read_rates(row, out.all_);
    }
    return out;
}

FaultPlan FaultPlan::load(const std::filesystem::path& file, std::optional<std::uint64_t> seed) {
    return from(config::Table::load(file), seed);
}

const Rates& FaultPlan::rates(TagId tag) const {
    const auto at = tags_.find(tag);
    return at == tags_.end() ? all_ : at->second;
}

double FaultPlan::uniform(TagId tag, std::uint64_t row, std::uint64_t n) const {
    const auto bits = mix(mix(mix(seed_ ^ mix(tag.value())) + row) + n);
    return static_cast<double>(bits >> 11) / static_cast<double>(1ULL << 53);
}

std::set<TagId> FaultPlan::chosen(Fault trait, std::span<const TagId> tags) const {
    const auto row = kTraitRow + static_cast<std::uint64_t>(trait);
    std::set<TagId> out;
    std::vector<std::pair<double, TagId>> lots;
    for (const auto tag : tags) {
        const auto lot = uniform(tag, row, 0);
        if (!tags_.contains(tag)) {
            lots.emplace_back(lot, tag);
        } else if (lot * 100 < rates(tag).of(trait)) {
            out.insert(tag);
        }
    }
    const auto rate = all_.of(trait);
    if (rate <= 0 || lots.empty()) return out;
    std::ranges::sort(lots);
    const auto share = static_cast<double>(lots.size()) * rate / 100;
    const auto count = std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(share)), 1, lots.size());
    for (std::size_t i = 0; i < count; ++i) out.insert(lots[i].second);
    return out;
}

bool FaultPlan::strikes(TagId tag, Fault fault) {
    const auto rate = rates(tag).of(fault);
    if (rate <= 0) return false;  // and no number is drawn, so that a rate set later begins at the row's start
    const auto row = static_cast<std::uint64_t>(fault);
    const bool hit = uniform(tag, row, drawn_[{tag, row}]++) * 100 < rate;
    if (hit) ++struck_[static_cast<std::size_t>(fault)];
    return hit;
}

std::uint32_t FaultPlan::draw(TagId tag, std::uint32_t below) {
    if (below == 0) return 0;
    return static_cast<std::uint32_t>(uniform(tag, kDrawRow, drawn_[{tag, kDrawRow}]++) * below);
}

}  // namespace esl::sim
