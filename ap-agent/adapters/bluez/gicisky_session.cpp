#include "ap-agent/adapters/bluez/gicisky_session.hpp"

#include <algorithm>

#include "common/tagwire/gicisky/message.hpp"

namespace esl::ap::bluez {
namespace {

namespace wire = tagwire::gicisky;

// A tag that asks for the same part so often does not get it.
constexpr unsigned kSamePartLimit = 3;
// A tag that jumps about is served, but not for ever.
constexpr std::uint32_t kRequestsPerPart = 3;
constexpr std::uint32_t kRequestsSpare = 16;
// A notification or a write without response may get lost; the tag answers a repetition with what it wants next.
// Tags forget what they have when the link ends, so that giving up early costs the whole image.
constexpr unsigned kRepeats = 6;
constexpr unsigned kAnswersToTrust = 3;

}  // namespace

GiciskySession::GiciskySession(const Clock& clock, Bytes coded, bool chunked, GiciskyTimes times)
    : clock_(clock),
      coded_(std::move(coded)),
      chunked_(chunked),
      times_(times),
      parts_(wire::part_count(coded_.size())) {}

GiciskySession::Actions GiciskySession::start() {
    if (times_.settle.count() == 0) return ask_block_size();
    state_ = State::settling;
    return {Wake{times_.settle}};
}

GiciskySession::Actions GiciskySession::ask_block_size() {
    return send(wire::encode(wire::Command(wire::AskBlockSize{})), State::asked_block_size);
}

GiciskySession::Actions GiciskySession::send(Bytes command, State next) {
    state_ = next;
    last_command_ = command;
    asked_ = clock_.steady();
    return {WriteCommand{std::move(command)}, Wake{patience()}};
}

std::chrono::milliseconds GiciskySession::usual_answer() const {
    return std::chrono::ceil<std::chrono::milliseconds>(mean_ + 4 * deviation_);
}

std::chrono::milliseconds GiciskySession::patience() const {
    if (answers_ < kAnswersToTrust) return times_.notice;
    return std::clamp(usual_answer(), std::min(times_.notice_floor, times_.notice), times_.notice);
}

// The estimate of RFC 6298, which TCP uses for the same purpose. The answer to a repetition says nothing of how long
// answers take: it may be the late first one.
void GiciskySession::answered() {
    if (repeats_ == 0) {
        const auto took = std::chrono::ceil<std::chrono::microseconds>(clock_.steady() - asked_);
        if (answers_++ == 0) {
            mean_ = took;
            deviation_ = took / 2;
        } else {
            deviation_ += ((took > mean_ ? took - mean_ : mean_ - took) - deviation_) / 4;
            mean_ += (took - mean_) / 8;
        }
    }
    repeats_ = 0;
}

GiciskySession::Actions GiciskySession::repeat() {
    const auto wait = std::min<std::chrono::milliseconds>(patience() * (1LL << (repeats_ + 1)), times_.notice);
    if (repeats_++ >= kRepeats) return failed(RadioError::timeout, 0, "no notice " + where());
    ++extra_answers_;
    if (state_ == State::sending && wanted_) return {WritePart{wire::encode_part(coded_, *wanted_)}, Wake{wait}};
    return {WriteCommand{last_command_}, Wake{wait}};
}

GiciskySession::Actions GiciskySession::notified(BytesView bytes) {
    if (over() || state_ == State::idle || state_ == State::settling) return {};  // left from before; means nothing now
    const auto notice = wire::decode_notice(bytes);
    if (!notice)
        return failed(RadioError::rejected, bytes.empty() ? 0 : bytes[0], "notice " + notice.error().message());

    answered();
    if (const auto* size = std::get_if<wire::BlockSize>(&*notice)) {
        if (state_ != State::asked_block_size) return {};
        if (size->bytes < wire::kBlockSize) {
            return failed(RadioError::rejected, size->bytes, "block size " + std::to_string(size->bytes));
        }
        const wire::Announce announce{static_cast<std::uint32_t>(coded_.size()), chunked_};
        return send(wire::encode(wire::Command(announce)), State::announced);
    }
    if (std::holds_alternative<wire::Announced>(*notice)) {
        if (state_ != State::announced) return {};
        return send(wire::encode(wire::Command(wire::Begin{})), State::sending);
    }
    if (const auto* wanted = std::get_if<wire::PartWanted>(&*notice)) return part_wanted(wanted->part);
    if (std::holds_alternative<wire::AllReceived>(*notice)) {
        // A tag that claims to have all before all was ever sent (it may have resumed) is still only believed when
        // it shows itself again.
        if (state_ != State::sending && state_ != State::pausing) return {};
        state_ = State::delivered;
        return {Delivered{}};
    }
    if (const auto* error = std::get_if<wire::TransferFailed>(&*notice)) {
        return failed(RadioError::rejected, error->code, "tag reports code " + std::to_string(error->code));
    }
    return failed(RadioError::rejected, 4, "tag cancelled");
}

GiciskySession::Actions GiciskySession::part_wanted(std::uint32_t part) {
    if (state_ != State::sending) return {};
    if (part == parts_) return {Wake{patience()}};  // some say so just before "all received"
    if (part > parts_) {
        return failed(RadioError::rejected, 0,
                      "tag wants part " + std::to_string(part) + " of " + std::to_string(parts_));
    }
    if (wanted_ == part && extra_answers_ > 0) {
        // The second answer to what was repeated. Sending again would double every part from here on; if the tag really
        // lacks the part, the timer repeats it.
        --extra_answers_;
        return {};
    }
    same_wanted_ = wanted_ == part ? same_wanted_ + 1 : 1;
    wanted_ = part;
    if (same_wanted_ >= kSamePartLimit || ++requests_ > parts_ * kRequestsPerPart + kRequestsSpare) {
        return failed(RadioError::timeout, 0,
                      "stalled at part " + std::to_string(part) + " of " + std::to_string(parts_));
    }
    if (times_.pause.count() == 0) return send_part();
    state_ = State::pausing;
    return {Wake{times_.pause}};
}

GiciskySession::Actions GiciskySession::send_part() {
    state_ = State::sending;
    Actions out;
    if (parts_sent_++ == 0) out.emplace_back(Started{});
    asked_ = clock_.steady();
    out.emplace_back(WritePart{wire::encode_part(coded_, *wanted_)});
    out.emplace_back(Wake{patience()});
    return out;
}

GiciskySession::Actions GiciskySession::woken() {
    switch (state_) {
        case State::settling:
            return ask_block_size();
        case State::pausing:
            return send_part();
        case State::asked_block_size:
        case State::announced:
        case State::sending:
            return repeat();
        case State::idle:
        case State::delivered:
        case State::failed:
            return {};
    }
    return {};
}

GiciskySession::Actions GiciskySession::write_failed(RadioError error, const std::string& why) {
    if (over()) return {};
    return failed(error, 0, "write failed " + where() + ": " + why);
}

GiciskySession::Actions GiciskySession::disconnected() {
    if (over()) return {};
    return failed(RadioError::radio, 0, "link lost " + where());
}

GiciskySession::Actions GiciskySession::failed(RadioError error, std::int64_t code, std::string detail) {
    state_ = State::failed;
    return {Failed{error, code, std::move(detail)}};
}

std::string GiciskySession::where() const {
    switch (state_) {
        case State::idle:
        case State::settling:
        case State::asked_block_size:
            return "to the block size";
        case State::announced:
            return "to the announcement";
        case State::sending:
        case State::pausing:
            return wanted_ ? "after part " + std::to_string(*wanted_) + " of " + std::to_string(parts_)
                           : "to the begin";
        case State::delivered:
        case State::failed:
            break;
    }
    return "at the end";
}

}  // namespace esl::ap::bluez
