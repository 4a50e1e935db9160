// What the agent's radios hear, thinned to what the service needs to know: changes, and everything now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ap-agent/ports/tag_radio.hpp"
#include "common/contract/messages.hpp"
#include "common/core/clock.hpp"

namespace esl::ap {

struct SightingLimits {
    std::size_t max_tags = 50'000;  // a new tag beyond them is counted and otherwise ignored
    std::int32_t rssi_step = 10;    // dB that make a change worth a message, at most once in rssi_interval
    std::chrono::milliseconds rssi_interval{60'000};
    std::uint32_t battery_step_mv = 50;
    std::chrono::milliseconds lost_after{15 * 60'000};  // silent so long: `left`
};

// Bound to one thread.
class SightingBook {
public:
    using Shown = std::function<std::optional<std::uint32_t>(TagId)>;

    SightingBook(const Clock& clock, SightingLimits limits) : clock_(clock), limits_(limits) {}

    void hear(TagRadio& radio, const TagSighting& sighting);
    // The radio that serves this tag; nullptr for a tag never heard.
    [[nodiscard]] TagRadio* radio_of(TagId tag) const;
    // Notices tags that have fallen silent.
    void tick();

    // Everything again, as after a connect.
    void mark_all();
    void mark(TagId tag);
    [[nodiscard]] std::size_t changed() const { return order_.size(); }
    // At most `limit` changes, oldest first, no longer marked. `shown` adds the agent's own evidence.
    [[nodiscard]] std::vector<contract::Sighting> take_changed(std::size_t limit, const Shown& shown);
    [[nodiscard]] std::size_t size() const { return tags_.size(); }
    [[nodiscard]] std::uint64_t ignored() const { return ignored_; }

private:
    struct Entry {
        TagRadio* radio = nullptr;
        TagSighting last;
        UnixMillis at{};
        SteadyTime heard;
        std::optional<TagSighting> told;
        SteadyTime told_at;
        bool gone = false;
    };
    [[nodiscard]] bool worth_telling(const Entry& entry) const;

    const Clock& clock_;
    const SightingLimits limits_;
    std::unordered_map<TagId, Entry> tags_;
    std::deque<TagId> order_;           // of marking
    std::unordered_set<TagId> marked_;  // what order_ holds
    SteadyTime next_sweep_{};
    std::uint64_t ignored_ = 0;
};

}  // namespace esl::ap
