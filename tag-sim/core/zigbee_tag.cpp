#include "tag-sim/core/zigbee_tag.hpp"

#include <algorithm>
#include <utility>

namespace esl::sim {
namespace {

using namespace std::chrono_literals;
using namespace tagwire;
namespace pd = price_display;
using zcl::Attribute;

constexpr auto kLongPoll = 5'000ms;
constexpr auto kShortPoll = 60ms;
constexpr auto kBlockPace = 50ms;  // about 20 blocks a second, as sleepy ZigBee devices manage
constexpr auto kBlockTimeout = 3'000ms;
constexpr auto kShortestTimeout = 300ms;  // the other side's clock is real
constexpr int kBlockTries = 6;
constexpr auto kRepeatAfter = 6'000ms;  // a little over a long poll, which may bring the answer
constexpr int kRepeats = 2;
constexpr auto kCheckIn = 60'000ms;
constexpr auto kReportAfterShow = 3'000ms;

}  // namespace

ZigbeeTag::ZigbeeTag(VirtualTag& tag, ZigbeeAir& air, std::chrono::milliseconds shortest_check_in)
    : tag_(tag),
      air_(air),
      check_in_period_(std::max(shortest_check_in, tag.speed().scaled(kCheckIn))),
      pace_timer_(tag.scheduler()),
      retry_timer_(tag.scheduler()),
      show_timer_(tag.scheduler()),
      repeat_timer_(tag.scheduler()),
      check_in_timer_(tag.scheduler()) {
    tag_.on_power = [this](bool on) { power(on); };
}

ZigbeeTag::~ZigbeeTag() {
    tag_.on_power = nullptr;
}

void ZigbeeTag::join(std::uint16_t nwk) {
    nwk_ = nwk;
    ++tag_.counters().connects;
    // Tags that join together do not all report at the same moments.
    const auto phase = tag_.plan().draw(tag_.id(), static_cast<std::uint32_t>(check_in_period_.count()));
    check_in_timer_.start(std::chrono::milliseconds{phase + 1}, [this] { check_in(); });
}

void ZigbeeTag::leave() {
    nwk_.reset();
    pull_.reset();
    pace_timer_.stop();
    retry_timer_.stop();
    show_timer_.stop();
    repeat_timer_.stop();
    check_in_timer_.stop();
    tag_.set_receiving(false);
}

// What was only in memory is lost: the pull under way and the slots, but not the panel and not the network.
void ZigbeeTag::power(bool on) {
    pull_.reset();
    slots_.clear();
    pace_timer_.stop();
    retry_timer_.stop();
    show_timer_.stop();
    repeat_timer_.stop();
    if (on && joined()) check_in();
}

std::chrono::milliseconds ZigbeeTag::next_poll() {
    if (pull_) return tag_.speed().scaled(kShortPoll);
    const auto longest = static_cast<std::uint32_t>(tag_.speed().scaled(kLongPoll).count());
    return std::chrono::milliseconds{1 + tag_.plan().draw(tag_.id(), longest)};
}

void ZigbeeTag::send(std::uint16_t cluster, Bytes frame) {
    if (joined() && tag_.powered()) air_.from_tag(*this, cluster, std::move(frame));
}

void ZigbeeTag::tell(const pd::FromTag& command) {
    send(pd::kCluster, pd::encode(command, sequence_++));
}

void ZigbeeTag::tell_again_unless_answered(const pd::FromTag& command, int times) {
    tell(command);
    if (times <= 0) return repeat_timer_.stop();
    repeat_timer_.start(std::max<std::chrono::milliseconds>(kShortestTimeout, tag_.speed().scaled(kRepeatAfter)),
                        [this, command, times] { tell_again_unless_answered(command, times - 1); });
}

void ZigbeeTag::respond(const zcl::Header& to, std::uint16_t cluster, std::uint8_t status) {
    if (to.no_default_response && status == zcl::status::kSuccess) return;
    const auto header = zcl::answer_to(to, zcl::Scope::foundation, zcl::kDefaultResponse);
    send(cluster, zcl::encode_frame(header, zcl::encode_default_response({to.command, status})));
}

void ZigbeeTag::receive(std::uint16_t cluster, BytesView bytes) {
    if (!tag_.powered()) return;
    const auto frame = zcl::decode_frame(bytes);
    if (!frame) {
        ++tag_.counters().bad;
        return;
    }
    if (frame->header.scope == zcl::Scope::foundation) return foundation(*frame, cluster);
    if (!serves(cluster)) {
        return respond(frame->header, cluster, zcl::status::kUnsupportedCluster);
    }
    if (cluster == zcl::kClusterIdentify) return identify(*frame);
    const auto known = pd::decode_to_tag(*frame);
    if (known && cluster == pd::kCluster) return command(*known, frame->header);
    ++tag_.counters().bad;
    respond(frame->header, cluster, zcl::status::kMalformed);
}

void ZigbeeTag::foundation(const zcl::FrameView& frame, std::uint16_t cluster) {
    if (frame.header.command == zcl::kReadAttributes) return read_attributes(frame, cluster);
    if (frame.header.command == zcl::kDefaultResponse) return;
    constexpr std::uint8_t kUnsupportedGeneralCommand = 0x82;
    respond(frame.header, cluster, kUnsupportedGeneralCommand);
}

void ZigbeeTag::check_in() {
    check_in_timer_.start(check_in_period_, [this] { check_in(); });
    if (!tag_.powered()) return;
    tag_.woke();
    std::vector<Attribute> report;
    for (const auto id : {pd::attribute::kShownImage, pd::attribute::kShownSlot, pd::attribute::kRefreshCount,
                          pd::attribute::kLastError, pd::attribute::kBatteryMv, pd::attribute::kState}) {
        report.push_back(*display(id));
    }
    zcl::Header header;
    header.direction = zcl::Direction::to_client;
    header.no_default_response = true;
    header.manufacturer = pd::kManufacturer;
    header.sequence = sequence_++;
    header.command = zcl::kReportAttributes;
    send(pd::kCluster, zcl::encode_frame(header, zcl::encode_report_attributes(report)));
}

void ZigbeeTag::identify(const zcl::FrameView& frame) {
    constexpr std::uint8_t kIdentify = 0x00;
    constexpr std::uint8_t kTriggerEffect = 0x40;
    constexpr std::uint8_t kGreen = 0x02;
    ByteReader in{frame.payload};
    if (frame.header.command == kIdentify) {
        tag_.set_led(kGreen, std::chrono::seconds{in.u16le()});
    } else if (frame.header.command == kTriggerEffect) {
        tag_.set_led(kGreen, 5s);
    }
    respond(frame.header, zcl::kClusterIdentify, in.failed() ? zcl::status::kMalformed : zcl::status::kSuccess);
}

// ---- Price Display

void ZigbeeTag::command(const pd::ToTag& command, const zcl::Header& header) {
    repeat_timer_.stop();
    if (const auto* notify = std::get_if<pd::ImageNotify>(&command)) return on(*notify, header);
    if (const auto* block = std::get_if<pd::BlockRsp>(&command)) return on(*block);
    respond(header, pd::kCluster, zcl::status::kSuccess);
    if (const auto* asked = std::get_if<pd::Show>(&command)) {
        on(*asked);
    } else if (const auto* led = std::get_if<pd::Led>(&command)) {
        tag_.set_led(led->colour, std::chrono::seconds{led->seconds});
    } else if (!tag_.refresh(tag_.shown(), [this] { shown(zcl::status::kSuccess); })) {
        shown(zcl::status::kFailure);
    }
}

void ZigbeeTag::on(const pd::ImageNotify& notify, const zcl::Header& header) {
    if (tag_.low_battery()) {
        last_error_ = pd::kLowBattery;
        return respond(header, pd::kCluster, pd::kLowBattery);
    }
    if (notify.slot >= kSlots || notify.size == 0 || notify.size > kMaxImage) {
        last_error_ = zcl::status::kInsufficientSpace;
        return respond(header, pd::kCluster, zcl::status::kInsufficientSpace);
    }
    respond(header, pd::kCluster, zcl::status::kSuccess);
    if (const auto held = slots_.find(notify.slot); notify.image == tag_.shown_id()) {
        slots_[notify.slot] = tag_.shown();
        return already_there(notify);
    } else if (held != slots_.end() && held->second.crc() == notify.image) {
        return already_there(notify);
    }
    if (pull_ && pull_->wanted == notify) return;  // the same again: it is being pulled
    ++tag_.counters().transfers;
    pull_ = Pull{notify, {}, 0, 0};
    tag_.set_receiving(true);
    pace_timer_.start(tag_.speed().scaled(kBlockPace), [this] { ask_block(); });
}

void ZigbeeTag::already_there(const pd::ImageNotify& notify) {
    if (pull_) end_pull(zcl::status::kAbort);
    tell_again_unless_answered(pd::LoadEnd{zcl::status::kSuccess, notify.image, notify.slot}, kRepeats);
    if (notify.activate != pd::kOnlyByShow) on(pd::Show{notify.slot, notify.activate});
}

// Asks for what comes next, or by a fault of the plan for another place.
void ZigbeeTag::ask_block() {
    pull_->tries = 0;
    auto offset = static_cast<std::uint32_t>(pull_->bytes.size());
    if (tag_.plan().strikes(tag_.id(), Fault::wrong_part)) {
        const auto blocks = (pull_->wanted.size + pd::kMaxBlock - 1) / pd::kMaxBlock;
        offset =
            tag_.plan().draw(tag_.id(), static_cast<std::uint32_t>(blocks)) * static_cast<std::uint32_t>(pd::kMaxBlock);
    }
    request_at(offset);
}

void ZigbeeTag::request_at(std::uint32_t offset) {
    pull_->asked = offset;
    if (++pull_->tries > kBlockTries) return end_pull(zcl::status::kAbort);
    retry_timer_.start(std::max<std::chrono::milliseconds>(kShortestTimeout, tag_.speed().scaled(kBlockTimeout)),
                       [this] { request_at(pull_->asked); });
    tell(pd::BlockReq{pull_->wanted.image, offset, static_cast<std::uint8_t>(pd::kMaxBlock)});
}

void ZigbeeTag::on(const pd::BlockRsp& block) {
    if (!pull_ || block.image != pull_->wanted.image) return;
    if (block.status == zcl::status::kWaitForData) {
        retry_timer_.start(std::chrono::milliseconds{std::min(block.offset, 60'000U)},
                           [this] { request_at(pull_->asked); });
        return;
    }
    if (block.status != zcl::status::kSuccess) return end_pull(block.status);
    if (block.offset != pull_->asked || block.data.empty()) return;  // late, or twice
    retry_timer_.stop();
    tag_.received(block.data.size());
    if (block.offset == pull_->bytes.size()) {
        if (pull_->bytes.size() + block.data.size() > pull_->wanted.size) return end_pull(zcl::status::kInvalidImage);
        pull_->bytes.insert(pull_->bytes.end(), block.data.begin(), block.data.end());
    }
    if (pull_->bytes.size() == pull_->wanted.size) return loaded();
    pace_timer_.start(tag_.speed().scaled(kBlockPace), [this] { ask_block(); });
}

void ZigbeeTag::end_pull(std::uint8_t status) {
    const auto wanted = pull_->wanted;
    pull_.reset();
    pace_timer_.stop();
    retry_timer_.stop();
    tag_.set_receiving(false);
    if (status != zcl::status::kSuccess) last_error_ = status;
    tell_again_unless_answered(pd::LoadEnd{status, wanted.image, wanted.slot}, kRepeats);
}

void ZigbeeTag::loaded() {
    const auto& p = tag_.profile();
    auto image = pull_->wanted.format == pd::Format::zlib
                     ? image::inflate(p.width, p.height, pull_->bytes)
                     : image::TagImage::from_bytes(p.width, p.height, pull_->bytes);
    const auto wanted = pull_->wanted;
    if (!image || image->crc() != wanted.image || !image->check(p.palette)) {
        ++tag_.counters().bad;
        return end_pull(zcl::status::kInvalidImage);
    }
    slots_[wanted.slot] = std::move(*image);
    ++tag_.counters().images;
    end_pull(zcl::status::kSuccess);
    if (wanted.activate != pd::kOnlyByShow) on(pd::Show{wanted.slot, wanted.activate});
}

void ZigbeeTag::on(const pd::Show& asked) {
    const auto now = to_millis(tag_.scheduler().clock().wall()) / 1000 - zcl::kEpochOffset;
    if (asked.time == pd::kNow || asked.time <= now) return show(asked.slot);
    show_timer_.start(std::chrono::seconds{asked.time - now}, [this, slot = asked.slot] { show(slot); });
}

void ZigbeeTag::show(std::uint8_t slot) {
    const auto at = slots_.find(slot);
    if (at == slots_.end()) return shown(zcl::status::kNoImage);
    if (tag_.refreshing()) {  // after the one under way
        show_timer_.start(tag_.speed().scaled(1s), [this, slot] { show(slot); });
        return;
    }
    if (at->second.crc() == tag_.shown_id()) {
        shown_slot_ = slot;
        return shown(zcl::status::kSuccess);
    }
    const bool begun = tag_.refresh(at->second, [this, slot] {
        shown_slot_ = slot;
        shown(zcl::status::kSuccess);
    });
    if (!begun) shown(zcl::status::kFailure);
}

void ZigbeeTag::shown(std::uint8_t status) {
    if (status != zcl::status::kSuccess) last_error_ = status;
    tell_again_unless_answered(pd::ShowRsp{status, shown_slot_, tag_.shown_id()}, kRepeats);
    // A response can get lost; the report says the same again a little later.
    const auto soon = std::max<std::chrono::milliseconds>(kShortestTimeout, tag_.speed().scaled(kReportAfterShow));
    if (joined()) check_in_timer_.start(std::min(soon, check_in_period_), [this] { check_in(); });
}

}  // namespace esl::sim
