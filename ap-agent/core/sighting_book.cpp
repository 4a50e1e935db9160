#include "ap-agent/core/sighting_book.hpp"

#include <cstdlib>

namespace esl::ap {
namespace {

// Another radio takes a tag over only when it hears it clearly better, or the first one is gone.
constexpr std::int32_t kBetterBy = 6;

contract::TagEvent event_of(TagSighting::Event event) {
    switch (event) {
        case TagSighting::Event::seen:
            return contract::TagEvent::seen;
        case TagSighting::Event::joined:
            return contract::TagEvent::joined;
        case TagSighting::Event::left:
            return contract::TagEvent::left;
    }
    return contract::TagEvent::seen;
}

}  // namespace

void SightingBook::hear(TagRadio& radio, const TagSighting& sighting) {
    auto found = tags_.find(sighting.tag);
    if (found == tags_.end()) {
        if (tags_.size() >= limits_.max_tags) {
            ++ignored_;
            return;
        }
        found = tags_.emplace(sighting.tag, Entry{}).first;
    }
    auto& entry = found->second;
    const bool other = entry.radio != nullptr && entry.radio != &radio && entry.radio->state() == RadioState::up;
    if (other && sighting.rssi < entry.last.rssi + kBetterBy && clock_.steady() - entry.heard < limits_.rssi_interval)
        return;

    entry.radio = &radio;
    entry.last = sighting;
    entry.at = clock_.wall();
    entry.heard = clock_.steady();
    const bool back = std::exchange(entry.gone, sighting.event == TagSighting::Event::left);
    if (back && sighting.event == TagSighting::Event::seen) entry.last.event = TagSighting::Event::joined;
    if (worth_telling(entry)) mark(sighting.tag);
}

bool SightingBook::worth_telling(const Entry& entry) const {
    const auto& now = entry.last;
    if (!entry.told || now.event != TagSighting::Event::seen || now.restarted) return true;
    const auto& told = *entry.told;
    if (told.event == TagSighting::Event::left) return true;
    if (now.model != told.model || now.width != told.width || now.height != told.height ||
        now.palette != told.palette || now.firmware != told.firmware || now.shown_image_id != told.shown_image_id ||
        now.battery_mv.has_value() != told.battery_mv.has_value()) {
        return true;
    }
    if (now.battery_mv) {
        const auto a = std::int64_t{*now.battery_mv}, b = std::int64_t{*told.battery_mv};
        if (std::abs(a - b) >= std::int64_t{limits_.battery_step_mv}) return true;
    }
    return std::abs(now.rssi - told.rssi) >= limits_.rssi_step &&
           clock_.steady() - entry.told_at >= limits_.rssi_interval;
}

TagRadio* SightingBook::radio_of(TagId tag) const {
    const auto found = tags_.find(tag);
    return found == tags_.end() ? nullptr : found->second.radio;
}

void SightingBook::tick() {
    if (clock_.steady() < next_sweep_) return;
    next_sweep_ = clock_.steady() + limits_.lost_after / 16;
    for (auto& [id, entry] : tags_) {
        if (entry.gone || clock_.steady() - entry.heard < limits_.lost_after) continue;
        entry.gone = true;
        entry.last.event = TagSighting::Event::left;
        mark(id);
    }
}

void SightingBook::mark(TagId tag) {
    if (tags_.contains(tag) && marked_.insert(tag).second) order_.push_back(tag);
}

void SightingBook::mark_all() {
    for (const auto& [id, entry] : tags_) {
        if (!entry.gone) mark(id);
    }
}

std::vector<contract::Sighting> SightingBook::take_changed(std::size_t limit, const Shown& shown) {
    std::vector<contract::Sighting> out;
    while (!order_.empty() && out.size() < limit) {
        const auto id = order_.front();
        order_.pop_front();
        marked_.erase(id);
        auto& entry = tags_.at(id);
        const auto& s = entry.last;
        contract::Sighting line;
        line.tag = id;
        line.event = event_of(s.event);
        line.radio = std::string(entry.radio->kind());
        line.model = s.model;
        line.width = s.width;
        line.height = s.height;
        line.palette = s.palette;
        line.rssi = s.rssi;
        line.battery_mv = s.battery_mv;
        line.battery_percent = s.battery_percent;
        line.firmware = s.firmware;
        line.shown_image_id = s.shown_image_id ? s.shown_image_id : shown(id);
        line.at = entry.at;
        out.push_back(std::move(line));
        entry.told = s;
        entry.told_at = clock_.steady();
        if (entry.last.event == TagSighting::Event::joined) entry.last.event = TagSighting::Event::seen;
        entry.last.restarted = false;
    }
    return out;
}

}  // namespace esl::ap
