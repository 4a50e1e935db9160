#include "tag-sim/core/gicisky_tag.hpp"

#include <algorithm>

namespace esl::sim {
namespace {

using namespace tagwire::gicisky;
using namespace std::chrono_literals;

constexpr auto kAnswerAfter = 40ms;    // one round trip on a usual connection interval
constexpr auto kDropAfter = 250ms;     // from `05 08` until the tag has left the link
constexpr auto kIdleLimit = 30'000ms;  // a link without a word is dropped; not scaled, as the central's clock is real
constexpr std::uint8_t kBadAnnounce = 0x01;
constexpr std::uint8_t kNotAnnounced = 0x02;
constexpr std::uint8_t kBadImage = 0x03;
constexpr std::uint8_t kLinkError = 0x04;

}  // namespace

GiciskyTag::GiciskyTag(VirtualTag& tag, const Model& model, std::uint16_t firmware, GiciskyLink& link)
    : tag_(tag),
      model_(model),
      firmware_(firmware),
      coding_(coding_of(model, firmware)),
      link_(link),
      idle_timer_(tag.scheduler()) {}

Bytes GiciskyTag::advert() const {
    Advert out;
    out.model = model_.id;
    out.no_compression = model_.no_compression;
    out.battery_decivolts = static_cast<std::uint8_t>((tag_.battery_mv() + 50) / 100);
    out.firmware = firmware_;
    return encode_advert(out);
}

void GiciskyTag::connected() {
    connected_ = true;
    ++epoch_;
    ++tag_.counters().connects;
    idle_timer_.start(kIdleLimit, [this] { drop_link(); });
}

void GiciskyTag::disconnected() {
    connected_ = false;
    ++epoch_;
    transfer_.reset();
    idle_timer_.stop();
    tag_.set_receiving(false);
    if (!tag_.powered()) cut_done_ = false;
}

void GiciskyTag::drop_link() {
    if (!connected_) return;
    disconnected();
    link_.drop();
}

void GiciskyTag::answer(const Notice& notice) {
    auto& plan = tag_.plan();
    if (plan.strikes(tag_.id(), Fault::notify_lost)) return;
    auto delay = tag_.speed().scaled(kAnswerAfter);
    if (plan.strikes(tag_.id(), Fault::notify_late)) delay += tag_.speed().scaled(plan.rates(tag_.id()).late_by);
    tag_.scheduler().after(delay, [this, value = encode(notice), epoch = epoch_] {
        if (epoch == epoch_) link_.notify(value);
    });
}

void GiciskyTag::command(BytesView value) {
    if (!connected_ || !tag_.powered()) return;
    idle_timer_.start(kIdleLimit, [this] { drop_link(); });
    const auto command = decode_command(value);
    if (!command) {
        ++tag_.counters().bad;  // real firmware says nothing to what it does not know
        return;
    }
    if (std::holds_alternative<AskBlockSize>(*command)) {
        answer(BlockSize{});
    } else if (const auto* size = std::get_if<Announce>(&*command)) {
        announce(*size);
    } else if (std::holds_alternative<Begin>(*command)) {
        begin();
    } else {
        transfer_.reset();
        tag_.set_receiving(false);
        answer(Cancelled{});
    }
}

void GiciskyTag::announce(const Announce& announce) {
    const bool fits = announce.length > 0 && announce.length <= longest_image(model_, coding_);
    if (!fits || announce.chunked != (coding_ == Coding::chunked)) return end(kBadAnnounce);
    transfer_ = Transfer{};
    transfer_->length = announce.length;
    transfer_->bytes.resize(announce.length);
    transfer_->have.resize(part_count(announce.length));
    answer(Announced{});
}

void GiciskyTag::begin() {
    if (!transfer_) return end(kNotAnnounced);
    if (!transfer_->begun) ++tag_.counters().transfers;
    transfer_->begun = true;
    tag_.set_receiving(true);
    ask_next();
}

// Asks for the first part that is missing, or by a fault of the plan for any other.
void GiciskyTag::ask_next() {
    const auto& have = transfer_->have;
    const auto missing = static_cast<std::uint32_t>(std::ranges::find(have, false) - have.begin());
    auto wanted = missing;
    if (have.size() > 1 && tag_.plan().strikes(tag_.id(), Fault::wrong_part)) {
        wanted = tag_.plan().draw(tag_.id(), static_cast<std::uint32_t>(have.size() - 1));
        if (wanted >= missing) ++wanted;
    }
    answer(PartWanted{wanted});
}

bool GiciskyTag::cut_by_plan(std::uint32_t part) {
    if (tag_.plan().strikes(tag_.id(), Fault::disconnect)) return true;
    if (cut_done_ || tag_.plan().rates(tag_.id()).disconnect_at_part != part) return false;
    cut_done_ = true;
    return true;
}

void GiciskyTag::data(BytesView value) {
    if (!connected_ || !tag_.powered()) return;
    idle_timer_.start(kIdleLimit, [this] { drop_link(); });
    const auto part = decode_part(value);
    if (!part || !transfer_ || !transfer_->begun || part->part >= transfer_->have.size()) {
        ++tag_.counters().bad;
        return end(kNotAnnounced);
    }
    const auto from = std::size_t{part->part} * kPartData;
    if (part->data.size() != std::min(kPartData, transfer_->length - from)) {
        ++tag_.counters().bad;
        return ask_next();
    }
    tag_.received(part->data.size());
    if (cut_by_plan(part->part)) {
        tag_.scheduler().after(1ms, [this, epoch = epoch_] {
            if (epoch == epoch_) drop_link();
        });
        return;
    }
    if (tag_.plan().strikes(tag_.id(), Fault::transfer_error)) return end(kLinkError);
    std::ranges::copy(part->data, transfer_->bytes.begin() + static_cast<std::ptrdiff_t>(from));
    transfer_->have[part->part] = true;
    if (std::ranges::find(transfer_->have, false) == transfer_->have.end()) return complete();
    ask_next();
}

void GiciskyTag::end(std::uint8_t code) {
    transfer_.reset();
    tag_.set_receiving(false);
    answer(TransferFailed{code});
}

// Refreshes by itself, silently: the link goes, and the tag is heard again when the new image is on the panel.
void GiciskyTag::complete() {
    auto image = decode_image(model_, coding_, transfer_->bytes);
    if (!image) {
        ++tag_.counters().bad;
        return end(kBadImage);
    }
    transfer_.reset();
    ++tag_.counters().images;
    if (!tag_.refresh(std::move(*image), [] {})) return end(kLinkError);
    answer(AllReceived{});
    const auto delay = tag_.speed().scaled(kAnswerAfter) + tag_.speed().scaled(kDropAfter);
    tag_.scheduler().after(delay, [this, epoch = epoch_] {
        if (epoch == epoch_) drop_link();
    });
}

}  // namespace esl::sim
