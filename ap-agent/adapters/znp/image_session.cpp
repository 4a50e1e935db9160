#include "ap-agent/adapters/znp/image_session.hpp"

#include <algorithm>
#include <utility>

#include "common/tagwire/zcl.hpp"

namespace esl::ap::znp {

namespace status = tagwire::zcl::status;

namespace {

// A tag that has lost its place may ask for everything again; one that asks without end is not served without end.
constexpr std::uint64_t kMaxRounds = 20;
// Long enough for any delivery with all its retries; the verdict comes before.
constexpr std::chrono::milliseconds kDelivery{120'000};

std::string hex32(std::uint32_t value) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                                  static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    return to_hex(bytes);
}

RadioError error_of(std::uint8_t zcl_status) {
    switch (zcl_status) {
        case status::kInsufficientSpace:
        case status::kInvalidField:
            return RadioError::image;
        case pd::kLowBattery:
            return RadioError::low_battery;
        case status::kUnsupportedCluster:
            return RadioError::unsupported;
        default:
            return RadioError::rejected;
    }
}

}  // namespace

ImageSession::ImageSession(ImageJob job, ImageTimes times, const Clock& clock)
    : job_(std::move(job)), times_(times), clock_(clock) {}

SteadyTime ImageSession::deadline() const {
    return std::min(ends_, waits_until_);
}

ImageSession::Actions ImageSession::begin() {
    ends_ = clock_.steady() + job_.budget;
    return notify();
}

ImageSession::Actions ImageSession::notify() {
    ++notifies_;
    state_ = State::notifying;
    waits_until_ = clock_.steady() + kDelivery;
    return {Send{pd::ImageNotify{.image = job_.image,
                                 .slot = job_.slot,
                                 .size = static_cast<std::uint32_t>(job_.bytes.size()),
                                 .format = job_.format,
                                 .activate = pd::kOnlyByShow}}};
}

ImageSession::Actions ImageSession::show() {
    ++shows_;
    state_ = State::showing;
    waits_until_ = clock_.steady() + times_.refresh;
    return {Send{pd::Show{.slot = job_.slot, .time = pd::kNow}}};
}

ImageSession::Actions ImageSession::delivered() {
    if (state_ == State::notifying) waits_until_ = clock_.steady() + times_.first_request;
    if (state_ == State::showing) waits_until_ = clock_.steady() + times_.refresh;
    return {};
}

ImageSession::Actions ImageSession::undelivered(std::int64_t code, const std::string& why) {
    // While blocks flow, the tag asks again for what it missed; only what it waits for without knowing counts.
    if (state_ == State::notifying) return fail_with(RadioError::unreachable, code, why);
    if (state_ == State::showing) waits_until_ = std::min(waits_until_, clock_.steady());
    return {};
}

ImageSession::Actions ImageSession::on(const pd::BlockReq& request) {
    if (state_ == State::idle || state_ == State::ended) return {};
    heard_ = true;
    if (request.image != job_.image) {
        // It still pulls an older image: the end of that pull makes room for ours.
        auto out = wrong_request(request, status::kNoImage);
        if (state_ == State::ended || notifies_ >= times_.max_notifies) return out;
        for (auto& action : notify()) out.push_back(std::move(action));
        return out;
    }
    if (request.offset >= job_.bytes.size() || request.max == 0) return wrong_request(request, status::kAbort);

    const auto size = std::min({std::size_t{request.max}, pd::kMaxBlock, job_.bytes.size() - request.offset});
    const auto most = kMaxRounds * (job_.bytes.size() / size + 1);
    if (++blocks_ > most) return fail_with(RadioError::timeout, 0, "tag asks for the same blocks again and again");
    state_ = State::loading;  // also from showing: the tag has lost the image
    waits_until_ = clock_.steady() + times_.next_request;
    furthest_ = std::max(furthest_, request.offset + size);
    Actions out;
    if (!started_) {
        started_ = clock_.wall();
        out.emplace_back(Started{});
    }
    const auto from = job_.bytes.begin() + static_cast<std::ptrdiff_t>(request.offset);
    out.emplace_back(Send{pd::BlockRsp{.status = status::kSuccess,
                                       .image = job_.image,
                                       .offset = request.offset,
                                       .data = Bytes(from, from + static_cast<std::ptrdiff_t>(size))}});
    return out;
}

ImageSession::Actions ImageSession::wrong_request(const pd::BlockReq& request, std::uint8_t answer) {
    if (++wrong_ > times_.max_wrong_requests) {
        return fail_with(RadioError::rejected, answer,
                         "tag asks for image " + hex32(request.image) + " at " + std::to_string(request.offset));
    }
    return {Send{pd::BlockRsp{.status = answer, .image = request.image, .offset = request.offset, .data = {}}}};
}

ImageSession::Actions ImageSession::on(const pd::LoadEnd& end) {
    if (state_ != State::notifying && state_ != State::loading) return {};
    heard_ = true;
    if (end.image != job_.image) return {};  // of an older pull
    if (end.status == status::kSuccess) return show();
    // Damaged on the way, or power lost in the middle: another round may do.
    const bool again = end.status == status::kInvalidImage || end.status == status::kAbort ||
                       end.status == status::kWaitForData || end.status == status::kNoImage;
    if (again && notifies_ < times_.max_notifies) return notify();
    return fail_with(error_of(end.status), end.status, "tag could not load the image");
}

ImageSession::Actions ImageSession::on(const pd::ShowRsp& shown) {
    if (state_ == State::idle || state_ == State::ended) return {};
    heard_ = true;
    if (shown.status == status::kSuccess && shown.image == job_.image) return finish(std::nullopt);
    if (state_ != State::showing) return {};  // about an image before ours
    if (shown.status == status::kSuccess) {
        if (shows_ < times_.max_shows) return show();
        return fail_with(RadioError::rejected, 0, "tag shows " + hex32(shown.image) + " instead");
    }
    // The slot is empty after a power cut.
    if (shown.status == status::kNoImage && notifies_ < times_.max_notifies) return notify();
    return fail_with(error_of(shown.status), shown.status, "tag could not show the image");
}

ImageSession::Actions ImageSession::on_shown_report(std::uint32_t image) {
    if (state_ == State::idle || state_ == State::ended) return {};
    heard_ = true;
    return image == job_.image ? finish(std::nullopt) : Actions{};
}

ImageSession::Actions ImageSession::on_default_response(std::uint8_t command, std::uint8_t code) {
    if (state_ == State::idle || state_ == State::ended) return {};
    heard_ = true;
    const bool about_now = (command == 0 && state_ == State::notifying) || (command == 2 && state_ == State::showing);
    if (code == status::kSuccess || !about_now) return {};
    if (command == 2 && code == status::kNoImage && notifies_ < times_.max_notifies) return notify();
    return fail_with(error_of(code), code, command == 0 ? "tag refuses the image" : "tag refuses to show it");
}

ImageSession::Actions ImageSession::tick() {
    if (state_ == State::idle || state_ == State::ended) return {};
    const auto now = clock_.steady();
    if (now >= ends_) return give_up_on_silence();
    if (now < waits_until_) return {};
    if (state_ == State::showing) return shows_ < times_.max_shows ? show() : give_up_on_silence();
    return notifies_ < times_.max_notifies ? notify() : give_up_on_silence();
}

ImageSession::Actions ImageSession::give_up_on_silence() {
    if (!heard_) return fail_with(RadioError::unreachable, 0, "tag does not answer");
    const auto where = state_ == State::showing
                           ? std::string("the refresh")
                           : std::to_string(furthest_) + " of " + std::to_string(job_.bytes.size()) + " bytes";
    return fail_with(RadioError::timeout, 0, "tag fell silent after " + where);
}

ImageSession::Actions ImageSession::cancel() {
    if (state_ == State::showing || state_ == State::ended) return {};
    return fail_with(RadioError::cancelled, 0, "");
}

ImageSession::Actions ImageSession::abort(RadioError error, const std::string& why) {
    if (state_ == State::ended) return {};
    return fail_with(error, 0, why);
}

ImageSession::Actions ImageSession::fail_with(RadioError error, std::int64_t code, std::string detail) {
    return finish(UpdateOutcome::Failure{.error = error, .code = code, .detail = std::move(detail)});
}

ImageSession::Actions ImageSession::finish(std::optional<UpdateOutcome::Failure> failure) {
    state_ = State::ended;
    return {Finished{UpdateOutcome{.failure = std::move(failure), .attempts = notifies_, .started = started_}}};
}

}  // namespace esl::ap::znp
