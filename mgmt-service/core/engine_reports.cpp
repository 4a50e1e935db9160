// What the access points say of themselves and of the tags they hear.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/contract/topics.hpp"
#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

// Sightings come often; the row is written again when something else changed, or after so long.
constexpr std::chrono::minutes kWriteSightingEvery{5};
constexpr std::chrono::minutes kWriteApEvery{1};
// An advertisement may be older than the display it arrives after.
constexpr std::chrono::seconds kRepairGrace{20};
// Hearing an unreachable tag brings its next try forward, but not to less than this after the failure.
constexpr std::chrono::seconds kRetryHeard{10};
constexpr std::chrono::minutes kSilence{1};

}  // namespace

void Engine::on_uplink(contract::Uplink message) {
    std::visit([this](const auto& m) { on_message(m); }, message);
}

Engine::ApState& Engine::heard_ap(const std::string& id) {
    auto& ap = aps_[id];
    ap.heard = clock_.steady();
    ap.rec.last_seen = now();
    if (ap.rec.id.empty()) {
        ap.rec.id = id;
        ap.rec.since = now();
        ap_writes_.insert(id);
    }
    if (ap.heard - ap.written > kWriteApEvery) {
        ap.written = ap.heard;
        ap_writes_.insert(id);
    }
    return ap;
}

void Engine::on_message(const contract::ApHello& m) {
    auto& ap = heard_ap(m.ap);
    // Said again while we did not answer, it is no news.
    const bool news = !ap.rec.online || ap.rec.boot != m.boot || ap.rec.software != m.software;
    if (!ap.rec.online) ap.rec.since = now();
    ap.rec.online = true;
    ap.rec.software = m.software;
    ap.rec.boot = m.boot;
    ap.rec.queue = m.queued;
    ap.rec.radios.clear();
    for (const auto& r : m.radios) ap.rec.radios.push_back(r.name);
    ap_writes_.insert(m.ap);
    if (news) {
        audit({now(),
               "ap:" + m.ap,
               "ap.hello",
               "ap:" + m.ap,
               ap.rec.store.value_or(""),
               {},
               {},
               {},
               {},
               {},
               audit_pairs({{"software", m.software}, {"boot", m.boot}})});
    }
    if (!ap.rec.store && stores_.contains(settings_.auto_claim_store)) {
        return claim(ap, settings_.auto_claim_store, Caller{});
    }
    welcome(ap);
}

// Everything an AP needs after it has come (back): where it belongs, the time, its leases, its open tasks.
void Engine::welcome(ApState& ap) {
    if (!link_up_) return;  // said before our own connection stood: on_link() comes back to it
    const auto& id = ap.rec.id;
    if (ap.rec.store) command(id, contract::ApConfig{*ap.rec.store, settings_.full_report_seconds});
    if (settings_.tasks_carry_times) command(id, contract::TimeNotice{now()});
    auto& lease = leases_[id];
    lease = {};
    lease.full = true;
    ap.queue.clear();
    ap.ahead.clear();
    for (const auto tag_id : ap.tags) {
        auto& tag = tags_.at(tag_id);
        lease.add.push_back({tag_id, tag.rec.epoch});
        leave_window(tag);
        tag.queued = false;
        if (tag.job && tag.job->state != JobState::failed) {
            tag.queued = true;
            ap.queue.push_back(tag_id);
        }
    }
    pump(ap);
    for (const auto tag_id : ap.tags) {
        auto& tag = tags_.at(tag_id);
        leave_ahead_window(tag);
        tag.ahead_queued = false;
        enqueue_ahead(tag);
    }
}

void Engine::on_message(const contract::ApHealth& m) {
    auto& ap = heard_ap(m.ap);
    const bool back = !ap.rec.online;
    if (back || ap.rec.queue != m.queued) ap_writes_.insert(m.ap);
    ap.rec.queue = m.queued;
    ap.rec.radios.clear();
    for (const auto& r : m.radios) ap.rec.radios.push_back(r.name);
    if (!back) return pump(ap);
    ap.rec.online = true;
    ap.rec.since = now();
    welcome(ap);
}

void Engine::on_message(const contract::ApLog& m) {
    heard_ap(m.ap);
    spdlog::info("{} says {}: {}", m.ap, m.level, m.message);
}

void Engine::on_message(const contract::CommandAnswer& m) {
    heard_ap(m.ap);
    if (!m.ok) spdlog::warn("{} could not do command {}: {}", m.ap, m.id, m.detail);
}

void Engine::on_message(const contract::ApOffline& m) {
    auto* ap = find_ap(m.ap);
    // A will may arrive after the hello of the next life.
    if (ap == nullptr || !ap->rec.online || (!m.boot.empty() && m.boot != ap->rec.boot)) return;
    ap_offline(*ap, "offline");
}

void Engine::ap_offline(ApState& ap, const std::string& why) {
    ap.rec.online = false;
    ap.rec.since = now();
    ap.window = 0;
    ap_writes_.insert(ap.rec.id);
    audit({now(),
           "service",
           "ap.offline",
           "ap:" + ap.rec.id,
           ap.rec.store.value_or(""),
           {},
           {},
           {},
           {},
           {},
           audit_pairs({{"why", why}})});
    for (const auto id : std::set<TagId>(ap.tags)) {
        auto& tag = tags_.at(id);
        tag.in_window = false;
        leave_ap_ahead(tag);
        tag.hearers.erase(ap.rec.id);
        if (tag.job && tag.job->state != JobState::failed) clear_timer(tag);
        if (auto* other = best_hearer(tag)) lease(tag, *other, why);
    }
    forget_strength(ap.rec.id);
}

void Engine::on_message(const contract::ResultReport& m) {
    auto& ap = heard_ap(m.ap);
    for (const auto& r : m.results) on_result(ap, r);
    pump(ap);
}

void Engine::on_message(const contract::TagsReport& m) {
    auto& ap = heard_ap(m.ap);
    std::string repair;
    for (const auto& s : m.tags) on_sighting(ap, s, repair);
    if (!repair.empty()) settle(repair);
}

void Engine::on_sighting(ApState& ap, const contract::Sighting& s, std::string& repair_change) {
    auto [it, fresh] = tags_.try_emplace(s.tag);
    auto& tag = it->second;
    auto& rec = tag.rec;
    if (s.event == contract::TagEvent::left) {
        if (fresh) {
            tags_.erase(it);
            return;
        }
        tag.hearers.erase(ap.rec.id);
        if (rec.ap == ap.rec.id) {
            tag.lost = true;
            if (auto* other = best_hearer(tag)) lease(tag, *other, "left");
        }
        return;
    }
    auto& heard = tag.hearers[ap.rec.id];
    const auto before = std::exchange(heard.at, clock_.steady());
    heard.rssi = s.rssi;
    const bool was_silent = before == SteadyTime{} || heard.at - before > kSilence;
    bool told = fresh;
    if (fresh) {
        rec.id = s.tag;
        rec.first_seen = now();
        audit({now(),
               "ap:" + ap.rec.id,
               "tag.found",
               "tag:" + s.tag.text(),
               ap.rec.store.value_or(""),
               {},
               {},
               s.tag.text(),
               {},
               {},
               audit_pairs({{"model", s.model}})});
    }
    const Panel panel{s.width, s.height, s.palette};
    const bool other_panel = !fresh && rec.panel != panel && s.width > 0;
    if (fresh || rec.model != s.model || rec.firmware != s.firmware || other_panel) told = true;
    rec.radio = s.radio;
    rec.model = s.model;
    rec.firmware = s.firmware;
    if (s.width > 0) rec.panel = panel;
    if (s.battery_mv || s.battery_percent) {
        const Battery battery{s.battery_percent, s.battery_mv, now()};
        if (!rec.battery || rec.battery->percent != battery.percent || rec.battery->low() != battery.low()) told = true;
        rec.battery = battery;
    }
    if (rec.ap == ap.rec.id || !rec.ap) rec.rssi = s.rssi;
    if (told || now() - rec.last_seen > kWriteSightingEvery) tag_writes_.insert(rec.id);
    rec.last_seen = now();
    if (told) tag_events_.insert(rec.id);

    if (const auto why = moves_at_once(tag, ap, s); !why.empty()) lease(tag, ap, why);
    if (rec.ap == ap.rec.id) tag.lost = false;
    weigh(tag, ap);
    if (other_panel && rec.desired) {
        redraw(tag, new_change(rec.store.value_or(""), "repair", "Panel of " + rec.id.text(), "service", now()));
    }
    if (rec.ap != ap.rec.id) return;
    if (tag.job && tag.job->state == JobState::failed && tag.job->failure &&
        (tag.job->failure->kind == "unreachable" || tag.job->failure->kind == "timeout" ||
         tag.job->failure->kind == "no_ap")) {
        // Heard again. A tag that is heard all the time and never reached is still tried ever more rarely.
        const auto steps = was_silent ? 1U : std::min<std::uint32_t>(tag.job->tries, 6);
        const auto earliest = kRetryHeard * (std::int64_t{1} << steps) / 2;
        const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - tag.failed_at);
        if (s.event == contract::TagEvent::joined || since >= earliest) return retry(tag, "heard again");
        if (tag.timer && *tag.timer > tag.failed_at + earliest) set_timer(tag, earliest - since);
    }
    if (s.shown_image_id) repair(tag, rec.store.value_or(""), repair_change, *s.shown_image_id);
}

// The tag says that it shows something else than what it had confirmed: it fell back, or somebody else wrote to it.
void Engine::repair(TagState& tag, const std::string& store, std::string& change_id, std::uint32_t shown) {
    auto& rec = tag.rec;
    if (tag.job || rec.dirty || !rec.desired || !rec.reported || status_of(rec) != TagStatus::shown) return;
    if (shown == rec.desired->image.crc || clock_.steady() - tag.displayed_at < kRepairGrace) return;
    if (change_id.empty()) {
        change_id = new_change(store, "repair", "Tags that show something else", "service", now()).rec.id;
    }
    audit({now(),
           "service",
           "tag.repair",
           "tag:" + rec.id.text(),
           store,
           change_id,
           {},
           rec.id.text(),
           {},
           {},
           audit_pairs({{"shown", image_text(shown)}, {"wanted", image_text(rec.desired->image.crc)}})});
    rec.reported = Reported{rec.reported->version, ImageRef{shown, {}}, now()};
    want(tag, rec.desired->image, rec.desired->inputs, change_id);
}

}  // namespace esl::mgmt
