// Every simulated tag of this process by id, whatever radio it is behind.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "tag-sim/core/virtual_tag.hpp"

namespace esl::sim {

class Shelf {
public:
    // Scheduler and plan outlive the shelf.
    Shelf(Scheduler& scheduler, FaultPlan& plan, Speed speed) : scheduler_(scheduler), plan_(plan), speed_(speed) {}

    // The reference stays good for the shelf's life. An id given twice is a mistake of the caller's (asserted).
    VirtualTag& add(TagProfile profile);
    [[nodiscard]] VirtualTag* find(TagId id);
    [[nodiscard]] std::vector<VirtualTag*> tags();
    [[nodiscard]] std::size_t size() const { return tags_.size(); }

    // Once all tags are there, and after each change of the plan: tags that are now chosen to be dead lose their power,
    // and those that the plan had killed and no longer chooses get it back. Tags switched off by hand stay off.
    void apply_faults();

    [[nodiscard]] FaultPlan& plan() { return plan_; }
    [[nodiscard]] Scheduler& scheduler() { return scheduler_; }
    [[nodiscard]] Speed speed() const { return speed_; }

private:
    struct Place {
        std::unique_ptr<VirtualTag> tag;
        bool dead_by_plan = false;
    };
    Scheduler& scheduler_;
    FaultPlan& plan_;
    Speed speed_;
    std::map<TagId, Place> tags_;
};

}  // namespace esl::sim
