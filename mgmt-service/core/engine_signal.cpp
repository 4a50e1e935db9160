// Which access point hears a tag best, and when that moves its lease (decision 0096).
#include <algorithm>
#include <limits>

#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

// ap-agent's `znp` radio: a tag is in one ZigBee network, and only that network's coordinator hears it.
constexpr std::string_view kZigbee = "znp";
// An AP that has not told of its tag since this process began is overruled only after so long: its full report (every
// five minutes by default) may still come.
constexpr std::chrono::minutes kUntold{30};
constexpr std::chrono::minutes kBoundOver{1};

}  // namespace

std::string Engine::moves_at_once(const TagState& tag, const ApState& heard_by, const contract::Sighting& s) {
    if (!may_lease(tag.rec, heard_by) || tag.rec.ap == heard_by.rec.id) return {};
    const auto* holder = tag.rec.ap ? find_ap(*tag.rec.ap) : nullptr;
    if (holder == nullptr) return "heard";
    if (!holder->rec.online) return "offline";
    if (tag.lost) return "left";
    if (s.radio == kZigbee && s.event == contract::TagEvent::joined) return "joined";
    return {};
}

// Counts how often and since when APs hear the tag clearly better than the one that serves it.
void Engine::weigh(TagState& tag, const ApState& heard_by) {
    auto& rec = tag.rec;
    if (settings_.lease_margin == 0 || !rec.ap || rec.radio == kZigbee) return;
    const auto holder = tag.hearers.find(*rec.ap);
    const auto bar = holder == tag.hearers.end()
                         ? std::numeric_limits<std::int32_t>::min()
                         : holder->second.rssi + static_cast<std::int32_t>(settings_.lease_margin);
    for (auto& [id, heard] : tag.hearers) {
        if (id == *rec.ap || heard.rssi < bar) {
            heard.stronger = 0;
            continue;
        }
        if (id != heard_by.rec.id) continue;
        if (heard.stronger++ == 0) heard.stronger_since = clock_.steady();
        if (heard.stronger >= settings_.lease_sightings) to_move_.insert(rec.id);
    }
}

// The strongest of those that have been clearly stronger long enough.
Engine::ApState* Engine::stronger_hearer(TagState& tag) {
    const bool told = tag.hearers.contains(*tag.rec.ap);
    const auto hold = told ? settings_.lease_hold : std::max<std::chrono::milliseconds>(settings_.lease_hold, kUntold);
    ApState* best = nullptr;
    std::int32_t rssi = 0;
    for (const auto& [id, heard] : tag.hearers) {
        if (heard.stronger < settings_.lease_sightings || clock_.steady() - heard.stronger_since < hold) continue;
        if (best != nullptr && heard.rssi <= rssi) continue;
        auto* ap = find_ap(id);
        if (ap == nullptr || !ap->rec.online || !may_lease(tag.rec, *ap)) continue;
        best = ap;
        rssi = heard.rssi;
    }
    return best;
}

// Bounded, so that a shop whose shelves were moved does not send all its work anew at once.
void Engine::move_by_signal() {
    const auto steady = clock_.steady();
    while (!moved_.empty() && steady - moved_.front() >= kBoundOver) moved_.pop_front();
    for (auto it = to_move_.begin(); it != to_move_.end() && moved_.size() < settings_.lease_moves;) {
        auto& tag = tags_.at(*it++);
        const bool stands = tag.rec.ap && std::ranges::any_of(tag.hearers, [this](const auto& h) {
                                return h.second.stronger >= settings_.lease_sightings;
                            });
        if (!stands) {
            to_move_.erase(tag.rec.id);
            continue;
        }
        // What is on the air is left to end: half an image more from elsewhere would only cost the tag's battery.
        if (tag.job && tag.job->state == JobState::transferring) continue;
        if (auto* ap = stronger_hearer(tag)) {
            moved_.push_back(steady);
            lease(tag, *ap, "signal");
        }
    }
}

// What an AP heard before it went away says nothing about when it is back.
void Engine::forget_strength(const std::string& ap) {
    for (auto& [id, tag] : tags_) {
        if (const auto heard = tag.hearers.find(ap); heard != tag.hearers.end()) heard->second.stronger = 0;
    }
}

}  // namespace esl::mgmt
