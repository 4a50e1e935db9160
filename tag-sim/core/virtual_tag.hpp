// One price tag without its radio: panel, refresh time, battery, firmware state, and what it really shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/core/ids.hpp"
#include "common/image/tag_image.hpp"
#include "tag-sim/core/fault_plan.hpp"
#include "tag-sim/core/scheduler.hpp"
#include "tag-sim/core/shown_history.hpp"

namespace esl::sim {

enum class TagState { idle, receiving, refreshing, dead };
[[nodiscard]] std::string_view name(TagState state);

// Immutable.
struct TagProfile {
    TagId id;
    std::string model;  // as in contract messages: "gicisky-0033", "price-display"
    unsigned width = 0;
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;
    std::chrono::milliseconds refresh{0};  // a full refresh at speed 1
    std::uint16_t battery_full_mv = 3000;
};

struct TagCounters {
    std::uint64_t connects = 0;
    std::uint64_t transfers = 0;  // begun
    std::uint64_t images = 0;     // received whole and sound
    std::uint64_t refreshes = 0;  // ended
    std::uint64_t bytes = 0;      // of image data, repeated parts included
    std::uint64_t bad = 0;        // commands, parts or images not understood
    std::uint64_t power_cuts = 0;
};

// How fast simulated time runs against real time; every duration of a tag goes through it.
struct Speed {
    double factor = 1;
    // Never under a millisecond, so that order in time is kept.
    [[nodiscard]] std::chrono::milliseconds scaled(std::chrono::milliseconds real) const;
};

class VirtualTag {
public:
    // Scheduler and plan outlive the tag. The panel is white when new.
    VirtualTag(TagProfile profile, Scheduler& scheduler, FaultPlan& plan, Speed speed);

    [[nodiscard]] const TagProfile& profile() const { return profile_; }
    [[nodiscard]] TagId id() const { return profile_.id; }
    [[nodiscard]] TagState state() const { return state_; }
    [[nodiscard]] bool powered() const { return state_ != TagState::dead; }
    [[nodiscard]] const image::TagImage& shown() const { return shown_; }
    // Id of the image of the last refresh that ended; 0 when new, or when a power cut broke the panel.
    [[nodiscard]] std::uint32_t shown_id() const { return shown_id_; }
    [[nodiscard]] UnixMillis shown_at() const { return shown_at_; }
    // Every change of the panel since this object was made.
    [[nodiscard]] const ShownHistory& history() const { return history_; }
    [[nodiscard]] std::uint16_t battery_mv() const;
    [[nodiscard]] bool low_battery() const { return low_battery_; }
    void set_low_battery(bool low) { low_battery_ = low; }
    [[nodiscard]] const TagCounters& counters() const { return counters_; }
    TagCounters& counters() { return counters_; }
    [[nodiscard]] std::uint8_t led() const { return led_; }  // bit 0 red, 1 green, 2 blue
    // 0 puts it out.
    void set_led(std::uint8_t colours, std::chrono::milliseconds how_long);

    // Between idle and receiving only; other states stay as they are.
    void set_receiving(bool receiving);
    void received(std::size_t bytes);
    void woke();  // an advertisement or a check-in, for the battery
    // Draws the image; `done` runs when it is really on the panel, and never when the power goes before. Until then
    // shown() is the old image. False when the tag is dead or refreshing already.
    [[nodiscard]] bool refresh(image::TagImage image, std::function<void()> done);
    [[nodiscard]] bool refreshing() const { return state_ == TagState::refreshing; }

    // Puts back what the panel showed before a restart of the simulator.
    void restore_screen(image::TagImage image, std::uint32_t id, UnixMillis at, std::uint64_t refreshes);

    // A tag without power does nothing; a refresh under way leaves the old image or a broken one.
    void cut_power();
    void restore_power();
    // Told after each change of power.
    std::function<void(bool powered)> on_power;

    [[nodiscard]] Speed speed() const { return speed_; }
    [[nodiscard]] Scheduler& scheduler() { return scheduler_; }
    [[nodiscard]] FaultPlan& plan() { return plan_; }

private:
    void finish_refresh();
    void remember_shown();
    void spend(double millijoules) { spent_mj_ += millijoules; }

    TagProfile profile_;
    Scheduler& scheduler_;
    FaultPlan& plan_;
    Speed speed_;
    TagState state_ = TagState::idle;
    image::TagImage shown_;
    image::TagImage coming_;
    std::uint32_t shown_id_ = 0;
    UnixMillis shown_at_{};
    ShownHistory history_;
    std::function<void()> refreshed_;
    TagCounters counters_;
    SteadyTime since_;
    double spent_mj_ = 0;
    std::uint8_t led_ = 0;
    bool low_battery_ = false;
    Timer refresh_timer_;
    Timer led_timer_;
    Timer power_timer_;
};

}  // namespace esl::sim
