#include "tag-sim/core/shelf.hpp"

#include <cassert>

namespace esl::sim {

VirtualTag& Shelf::add(TagProfile profile) {
    const auto id = profile.id;
    assert(!tags_.contains(id));
    auto tag = std::make_unique<VirtualTag>(std::move(profile), scheduler_, plan_, speed_);
    return *tags_.emplace(id, Place{std::move(tag)}).first->second.tag;
}

VirtualTag* Shelf::find(TagId id) {
    const auto at = tags_.find(id);
    return at == tags_.end() ? nullptr : at->second.tag.get();
}

std::vector<VirtualTag*> Shelf::tags() {
    std::vector<VirtualTag*> out;
    out.reserve(tags_.size());
    for (auto& [id, place] : tags_) out.push_back(place.tag.get());
    return out;
}

void Shelf::apply_faults() {
    std::vector<TagId> ids;
    for (const auto& [id, place] : tags_) ids.push_back(id);
    const auto dead_ones = plan_.chosen(Fault::dead, ids);
    const auto low_ones = plan_.chosen(Fault::low_battery, ids);
    for (auto& [id, place] : tags_) {
        const bool dead = dead_ones.contains(id);
        if (dead && !place.dead_by_plan) place.tag->cut_power();
        if (!dead && place.dead_by_plan) place.tag->restore_power();
        place.dead_by_plan = dead;
        place.tag->set_low_battery(low_ones.contains(id));
    }
}

}  // namespace esl::sim
