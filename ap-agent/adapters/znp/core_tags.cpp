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
constexpr std::uint8_t kBlock = 1;  // DataJob::replaces: a newer block takes the place of one not yet sent

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

// ---- images

void Core::update(UpdateRequest request, TagRadio::UpdateDone done) {
    const auto refuse = [&](RadioError error, const char* why) { done(failed(error, why)); };
    const auto tag = request.tag;
    if (!up() || failed_) return refuse(RadioError::gone, "coordinator is not up");
    if (active_.contains(tag) || queued_tags_.contains(tag)) return refuse(RadioError::busy, "an update is under way");
    if (queued_.size() >= TagRadio::kMaxQueued) return refuse(RadioError::busy, "queue of the radio is full");
    const std::pair key{request.priority, arrivals_++};
    queued_tags_[tag] = key;
    queued_.emplace(key,
                    std::make_unique<Update>(Update{key.second, std::move(request), std::move(done), std::nullopt}));
    start_updates();
}

std::size_t Core::transfers() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(active_, [](const auto& at) { return at.second->session->uses_the_air(); }));
}

void Core::start_updates() {
    while (!queued_.empty() && transfers() < options_.max_transfers) {
        auto first = queued_.extract(queued_.begin());
        auto update = std::move(first.mapped());
        const auto tag = update->request.tag;
        queued_tags_.erase(tag);
        auto job = job_for(update->request);
        if (!job) {
            const auto error = job.error().as<RadioError>().value_or(RadioError::radio);
            update->done(failed(error, job.error().about()));
            continue;
        }
        begin(tag, std::move(update), *std::move(job));
    }
}

Result<ImageJob> Core::job_for(const UpdateRequest& request) const {
    const auto* entry = tags_.find(request.tag);
    if (entry == nullptr) return esl::fail(RadioError::unreachable, "tag has not joined");
    if (!entry->panel) return esl::fail(RadioError::unreachable, "tag has not said what it is yet");
    const auto& panel = *entry->panel;
    const auto& image = *request.image;
    const auto size = [](unsigned w, unsigned h) { return std::to_string(w) + " x " + std::to_string(h); };
    if (image.width() != panel.width || image.height() != panel.height) {
        return esl::fail(RadioError::image, "image of " + size(image.width(), image.height()) + " for a panel of " +
                                                size(panel.width, panel.height));
    }
    if (const auto colours = image.check(panel.palette); !colours) {
        return esl::fail(RadioError::image, colours.error().message());
    }
    if (request.slot >= panel.slots) {
        return esl::fail(RadioError::image,
                         "slot " + std::to_string(request.slot) + " of " + std::to_string(panel.slots));
    }
    ImageJob out{.image = request.image_id,
                 .slot = request.slot,
                 .format = pd::Format::raw,
                 .bytes = {},
                 .budget = request.budget};
    out.bytes.assign(image.bytes().begin(), image.bytes().end());
    const bool takes_raw = (panel.formats & 1U << static_cast<unsigned>(pd::Format::raw)) != 0;
    if ((panel.formats & 1U << static_cast<unsigned>(pd::Format::zlib)) != 0) {
        auto packed = image::deflate(image);
        if (!takes_raw || packed.size() < out.bytes.size()) {
            out.format = pd::Format::zlib;
            out.bytes = std::move(packed);
        }
    }
    if (panel.max_image != 0 && out.bytes.size() > panel.max_image) {
        return esl::fail(RadioError::image,
                         std::to_string(out.bytes.size()) + " bytes, the tag takes " + std::to_string(panel.max_image));
    }
    return out;
}

void Core::begin(TagId tag, std::unique_ptr<Update> update, ImageJob job) {
    update->session.emplace(std::move(job), options_.image, clock_);
    auto& session = *update->session;
    active_[tag] = std::move(update);
    act(tag, session.begin());
}

void Core::act(TagId tag, ImageSession::Actions actions) {
    for (auto& action : actions) {
        const auto at = active_.find(tag);
        if (at == active_.end()) return;
        if (auto* sending = std::get_if<ImageSession::Send>(&action)) {
            send(tag, sending->command);
        } else if (std::holds_alternative<ImageSession::Started>(action)) {
            if (at->second->request.started) at->second->request.started();
        } else if (auto* ended = std::get_if<ImageSession::Finished>(&action)) {
            finish(tag, std::move(ended->outcome));
        }
    }
}

void Core::send(TagId tag, const pd::ToTag& command) {
    const bool block = std::holds_alternative<pd::BlockRsp>(command);
    DataJob job{.cluster = pd::kCluster, .data = pd::encode(command, sequence_++)};
    job.persistent = !block;
    job.replaces = block ? kBlock : std::uint8_t{0};
    counters_.blocks_sent += block ? 1 : 0;
    if (!block) {
        // The verdict is about this session only, not about a later one of the same tag.
        job.done = [this, tag, number = active_.at(tag)->number](const Delivery& delivery) {
            const auto now = active_.find(tag);
            if (now == active_.end() || now->second->number != number) return;
            act(tag, delivery.delivered ? now->second->session->delivered()
                                        : now->second->session->undelivered(delivery.code, delivery.why));
        };
    }
    sender_->send(tag, std::move(job));
}

void Core::finish(TagId tag, UpdateOutcome outcome) {
    const auto at = active_.find(tag);
    const auto update = std::move(at->second);
    active_.erase(at);
    if (!outcome.displayed()) sender_->drop(tag);  // what still waits would only confuse the tag
    update->done(std::move(outcome));
}

void Core::cancel(TagId tag) {
    if (const auto waiting = queued_tags_.find(tag); waiting != queued_tags_.end()) {
        auto taken = queued_.extract(waiting->second);
        queued_tags_.erase(waiting);
        taken.mapped()->done(failed(RadioError::cancelled, ""));
        return;
    }
    if (const auto at = active_.find(tag); at != active_.end()) act(tag, at->second->session->cancel());
}

void Core::cancel_all() {
    std::vector<TagId> tags;
    for (const auto& [tag, update] : active_) tags.push_back(tag);
    for (const auto& [tag, key] : queued_tags_) tags.push_back(tag);
    for (const auto tag : tags) {
        cancel(tag);
        if (const auto at = active_.find(tag); at != active_.end()) {
            act(tag, at->second->session->abort(RadioError::cancelled, "the radio stops"));
        }
    }
}

void Core::led(const LedRequest& request, TagRadio::CommandDone done) {
    if (!up() || failed_) return done(esl::fail(RadioError::gone));
    if (tags_.find(request.tag) == nullptr) return done(esl::fail(RadioError::unreachable, "tag has not joined"));
    const std::pair<std::string_view, std::uint8_t> colours[] = {
        {"off", 0}, {"red", 1}, {"green", 2}, {"blue", 4}, {"white", 7}};
    const auto* colour = std::ranges::find(colours, request.colour, [](const auto& row) { return row.first; });
    if (colour == std::end(colours)) return done(esl::fail(RadioError::unsupported, "LED colour " + request.colour));
    const auto seconds = static_cast<std::uint16_t>(std::clamp<std::int64_t>(request.time.count(), 0, 300));
    const pd::Led command{.colour = colour->second, .on_ms = 200, .off_ms = 800, .seconds = seconds};
    DataJob job{.cluster = pd::kCluster, .data = pd::encode(pd::ToTag{command}, sequence_++)};
    job.done = [done = std::move(done)](const Delivery& delivery) {
        if (delivery.delivered) return done({});
        done(esl::fail(RadioError::unreachable, delivery.why));
    };
    sender_->send(request.tag, std::move(job));
}

}  // namespace esl::ap::znp
