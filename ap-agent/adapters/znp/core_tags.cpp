#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "ap-agent/adapters/znp/core.hpp"
#include "ap-agent/adapters/znp/update.hpp"

namespace esl::ap::znp {

using wire::Message;
namespace zcl = tagwire::zcl;

namespace {

constexpr std::size_t kMaxIdentifying = 32;

// Z-Stack maps -87 to -10 dBm to a link quality of 0 to 255.
std::int32_t to_dbm(std::uint8_t lqi) {
    return -87 + lqi * 77 / 255;
}

}  // namespace

void Core::on_data(const Message& message) {
    const auto nwk = message.u16("src");
    const auto tag = tags_.at(nwk);
    if (!tag) {
        ++counters_.unknown_senders;
        if (identifying_.size() < kMaxIdentifying && identifying_.insert(nwk).second) {
            tasks_.spawn(identify_sender(nwk));
        }
        return;
    }
    heard(*tag, message.u8("lqi"));
    const auto frame = zcl::decode_frame(message.bytes("data"));
    if (!frame) {
        ++counters_.bad_frames;
        return;
    }
    const auto& header = frame->header;
    if (header.scope == zcl::Scope::foundation && header.command == zcl::kReportAttributes) {
        const auto attributes = zcl::decode_report_attributes(frame->payload);
        if (attributes) return on_attributes(*tag, message.u16("cluster"), *attributes);
        ++counters_.bad_frames;
    } else if (header.scope == zcl::Scope::foundation && header.command == zcl::kDefaultResponse) {
        const auto response = zcl::decode_default_response(frame->payload);
        const auto at = active_.find(*tag);
        if (response && at != active_.end() && message.u16("cluster") == pd::kCluster) {
            act(*tag, at->second->session->on_default_response(response->command, response->status));
        }
    } else if (header.scope == zcl::Scope::cluster && message.u16("cluster") == pd::kCluster) {
        const auto command = pd::decode_from_tag(*frame);
        if (command) return on_command(*tag, *command);
        ++counters_.bad_frames;
        spdlog::debug("znp: tag {}: {}", tag->text(), command.error().message());
    }
}

void Core::on_attributes(TagId tag, std::uint16_t cluster, const std::vector<zcl::Attribute>& attributes) {
    auto* entry = tags_.find(tag);
    if (entry == nullptr) return;
    const auto shown_before = entry->shown;
    const auto battery_before = entry->battery_mv;
    for (const auto& a : attributes) {
        if (cluster == pd::kCluster && a.id == pd::attribute::kShownImage) {
            entry->shown = static_cast<std::uint32_t>(a.number());
        }
        if (cluster == pd::kCluster && a.id == pd::attribute::kBatteryMv) {
            entry->battery_mv = static_cast<std::uint32_t>(a.number());
        }
        if (cluster == zcl::kClusterPower && a.id == 0x0021 && a.number() <= 200) {
            entry->battery_percent = static_cast<std::uint8_t>(a.number() / 2);
        }
    }
    // What it shows changed without our doing: it lost its image, or someone else gave it one.
    const bool restarted = shown_before && entry->shown != shown_before && !active_.contains(tag);
    if (entry->shown != shown_before || entry->battery_mv != battery_before) {
        sight(tag, TagSighting::Event::seen, restarted);
    }
    const auto said = std::ranges::find(attributes, pd::attribute::kShownImage, &zcl::Attribute::id);
    if (cluster != pd::kCluster || said == attributes.end()) return;
    if (const auto at = active_.find(tag); at != active_.end()) {
        act(tag, at->second->session->on_shown_report(static_cast<std::uint32_t>(said->number())));
    }
}

void Core::on_command(TagId tag, const pd::FromTag& command) {
    const auto at = active_.find(tag);
    if (const auto* shown = std::get_if<pd::ShowRsp>(&command)) on_shown(tag, *shown);
    if (at == active_.end()) {
        if (const auto* request = std::get_if<pd::BlockReq>(&command)) refuse_stray(tag, *request);
        return;
    }
    act(tag, std::visit([&](const auto& c) { return at->second->session->on(c); }, command));
}

void Core::on_shown(TagId tag, const pd::ShowRsp& shown) {
    auto* entry = tags_.find(tag);
    if (entry == nullptr || entry->shown == shown.image) return;
    entry->shown = shown.image;
    sight(tag, TagSighting::Event::seen, false);
}

// Of an update that was given up, or that an earlier run of the agent began.
void Core::refuse_stray(TagId tag, const pd::BlockReq& request) {
    ++counters_.stray_requests;
    send(tag,
         pd::BlockRsp{.status = zcl::status::kNoImage, .image = request.image, .offset = request.offset, .data = {}});
}

void Core::heard(TagId tag, std::uint8_t lqi) {
    auto& entry = *tags_.find(tag);
    const auto now = clock_.steady();
    entry.heard = now;
    entry.rssi = to_dbm(lqi);
    if (!entry.panel) return want_interview(tag);
    const auto last = sighted_.find(tag);
    if (last == sighted_.end() || now - last->second >= options_.sighting_every) {
        sight(tag, TagSighting::Event::seen, false);
    }
}

void Core::sight(TagId tag, TagSighting::Event event, bool restarted) {
    const auto* entry = tags_.find(tag);
    if (entry == nullptr || !entry->panel) return;
    sighted_[tag] = clock_.steady();
    const auto& panel = *entry->panel;
    TagSighting out;
    out.tag = tag;
    out.event = event;
    out.model = panel.model.empty() ? "price-display" : panel.model;
    out.width = panel.width;
    out.height = panel.height;
    out.palette = panel.palette;
    out.rssi = entry->rssi;
    out.battery_mv = entry->battery_mv;
    out.battery_percent = entry->battery_percent;
    out.firmware = panel.firmware;
    out.shown_image_id = entry->shown;
    out.restarted = restarted;
    events_.sighting(out);
}

}  // namespace esl::ap::znp
