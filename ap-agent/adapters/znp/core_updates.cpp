#include <algorithm>
#include <utility>

#include "ap-agent/adapters/znp/core.hpp"
#include "ap-agent/adapters/znp/update.hpp"

namespace esl::ap::znp {
namespace {

constexpr std::uint8_t kBlock = 1;  // DataJob::replaces: a newer block takes the place of one not yet sent

}  // namespace

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
