#include "tag-sim/core/virtual_tag.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace esl::sim {
namespace {

// Two CR2450 cells, and what each activity takes from them.
constexpr double kBatteryMj = 2 * 6.7e6;
constexpr double kSleepMw = 0.015;
constexpr double kWakeMj = 3;
constexpr double kReceiveMjPerByte = 370.0 / 9472;
constexpr double kPanelMw = 24;
constexpr std::uint16_t kEmptyMv = 2200;
constexpr std::uint16_t kLowMv = 2200;

// The upper half is new, the rest still old: what a panel looks like when its supply went in the middle.
image::TagImage half_drawn(const image::TagImage& old, const image::TagImage& coming) {
    auto out = old;
    for (unsigned y = 0; y < out.height() / 2; ++y) {
        for (unsigned x = 0; x < out.width(); ++x) out.set(x, y, coming.at(x, y));
    }
    return out;
}

}  // namespace

std::string_view name(TagState state) {
    switch (state) {
        case TagState::idle:
            return "idle";
        case TagState::receiving:
            return "receiving";
        case TagState::refreshing:
            return "refreshing";
        case TagState::dead:
            return "dead";
    }
    return "?";
}

std::chrono::milliseconds Speed::scaled(std::chrono::milliseconds real) const {
    const auto ms = static_cast<double>(real.count()) / factor;
    return std::chrono::milliseconds{std::max<std::int64_t>(1, static_cast<std::int64_t>(ms))};
}

VirtualTag::VirtualTag(TagProfile profile, Scheduler& scheduler, FaultPlan& plan, Speed speed)
    : profile_(std::move(profile)),
      scheduler_(scheduler),
      plan_(plan),
      speed_(speed),
      shown_(profile_.width, profile_.height),
      since_(scheduler.clock().steady()),
      refresh_timer_(scheduler),
      led_timer_(scheduler),
      power_timer_(scheduler) {}

std::uint16_t VirtualTag::battery_mv() const {
    if (low_battery()) return kLowMv;
    const std::chrono::duration<double> awake = scheduler_.clock().steady() - since_;
    const double used = spent_mj_ + awake.count() * speed_.factor * kSleepMw;
    const double left = std::clamp(1 - used / kBatteryMj, 0.0, 1.0);
    return static_cast<std::uint16_t>(std::lround(kEmptyMv + left * (profile_.battery_full_mv - kEmptyMv)));
}

void VirtualTag::set_led(std::uint8_t colours, std::chrono::milliseconds how_long) {
    led_ = colours;
    led_timer_.stop();
    if (colours != 0) led_timer_.start(speed_.scaled(how_long), [this] { led_ = 0; });
}

void VirtualTag::set_receiving(bool receiving) {
    if (receiving && state_ == TagState::idle) state_ = TagState::receiving;
    if (!receiving && state_ == TagState::receiving) state_ = TagState::idle;
}

void VirtualTag::received(std::size_t bytes) {
    counters_.bytes += bytes;
    spend(static_cast<double>(bytes) * kReceiveMjPerByte);
}

void VirtualTag::woke() {
    spend(kWakeMj);
}

bool VirtualTag::refresh(image::TagImage image, std::function<void()> done) {
    if (state_ == TagState::dead || state_ == TagState::refreshing) return false;
    state_ = TagState::refreshing;
    coming_ = std::move(image);
    refreshed_ = std::move(done);
    const auto whole = speed_.scaled(profile_.refresh);
    if (plan_.strikes(id(), Fault::power_cut)) {
        refresh_timer_.start(whole / 2, [this] { cut_power(); });
    } else {
        refresh_timer_.start(whole, [this] { finish_refresh(); });
    }
    return true;
}

void VirtualTag::finish_refresh() {
    state_ = TagState::idle;
    shown_ = std::move(coming_);
    shown_id_ = shown_.crc();
    shown_at_ = scheduler_.clock().wall();
    ++counters_.refreshes;
    remember_shown();
    spend(std::chrono::duration<double>(profile_.refresh).count() * kPanelMw);
    if (auto done = std::exchange(refreshed_, nullptr)) done();
}

void VirtualTag::remember_shown() {
    const auto& clock = scheduler_.clock();
    const std::chrono::duration<double, std::milli> since = clock.steady() - since_;
    const auto simulated = static_cast<std::int64_t>(since.count() * speed_.factor);
    history_.add({clock.wall(), std::chrono::milliseconds{simulated}, shown_id_});
}

void VirtualTag::restore_screen(image::TagImage image, std::uint32_t id, UnixMillis at, std::uint64_t refreshes) {
    shown_ = std::move(image);
    shown_id_ = id;
    shown_at_ = at;
    counters_.refreshes = refreshes;
}

void VirtualTag::cut_power() {
    if (state_ == TagState::dead) return;
    if (state_ == TagState::refreshing && plan_.draw(id(), 2) == 1) {
        shown_ = half_drawn(shown_, coming_);
        shown_id_ = 0;
        remember_shown();
    }
    refresh_timer_.stop();
    refreshed_ = nullptr;
    led_ = 0;
    state_ = TagState::dead;
    ++counters_.power_cuts;
    if (const auto back = plan_.rates(id()).power_back; back.count() > 0) {
        power_timer_.start(speed_.scaled(back), [this] { restore_power(); });
    }
    if (on_power) on_power(false);
}

void VirtualTag::restore_power() {
    power_timer_.stop();
    if (state_ != TagState::dead) return;
    state_ = TagState::idle;
    if (on_power) on_power(true);
}

}  // namespace esl::sim
