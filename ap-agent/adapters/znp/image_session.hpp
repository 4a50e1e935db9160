// One image on its way to one tag: notify, the tag pulls blocks, show, and the tag's word that it is shown. Without
// I/O: events go in, actions come out. The tag decides the pace, so a request is answered by what it asks for, however
// often and in whatever order (docs/formats/price-display-cluster.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/tagwire/price_display.hpp"

namespace esl::ap::znp {

namespace pd = tagwire::price_display;

struct ImageTimes {
    // From the notify's delivery to the first request; a tag that has heard the notify is awake. A tag that pulls
    // repeats a lost request by itself after about 3 s, and takes a repeated notify for what it is.
    std::chrono::milliseconds first_request{10'000};
    std::chrono::milliseconds next_request{10'000};
    // From Show to its answer: the slowest panels known refresh in about 30 s.
    std::chrono::milliseconds refresh{60'000};
    std::uint32_t max_notifies = 8;
    std::uint32_t max_shows = 3;
    std::uint32_t max_wrong_requests = 16;
};

struct ImageJob {
    std::uint32_t image = 0;
    std::uint8_t slot = 0;
    pd::Format format = pd::Format::zlib;
    Bytes bytes;  // what the tag pulls, in `format`
    std::chrono::milliseconds budget{180'000};
};

class ImageSession {
public:
    struct Send {
        pd::ToTag command;
    };
    struct Started {};  // the first block goes out
    struct Finished {
        UpdateOutcome outcome;
    };
    using Action = std::variant<Send, Started, Finished>;
    using Actions = std::vector<Action>;

    enum class State : std::uint8_t { idle, notifying, loading, showing, ended };

    ImageSession(ImageJob job, ImageTimes times, const Clock& clock);

    Actions begin();
    // The radio's verdict on the last notify or show: the tag has it, or not, with a ZNP status.
    Actions delivered();
    Actions undelivered(std::int64_t code, const std::string& why);
    Actions on(const pd::BlockReq& request);
    Actions on(const pd::LoadEnd& end);
    Actions on(const pd::ShowRsp& shown);
    // The tag reports what is on its panel: the same evidence, when the response itself was lost.
    Actions on_shown_report(std::uint32_t image);
    // The tag's default response to a notify (0) or show (2).
    Actions on_default_response(std::uint8_t command, std::uint8_t status);
    Actions tick();
    // Ends as cancelled, unless the tag has the whole image: then nothing happens.
    Actions cancel();
    // Ends for a reason from outside.
    Actions abort(RadioError error, const std::string& why);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] SteadyTime deadline() const;
    [[nodiscard]] std::uint32_t image() const { return job_.image; }
    // False once only the panel's refresh is waited for: the radio is free for others then.
    [[nodiscard]] bool uses_the_air() const { return state_ == State::notifying || state_ == State::loading; }
    [[nodiscard]] std::uint32_t wrong_requests() const { return wrong_; }

private:
    Actions notify();
    Actions show();
    Actions finish(std::optional<UpdateOutcome::Failure> failure);
    Actions fail_with(RadioError error, std::int64_t code, std::string detail);
    Actions wrong_request(const pd::BlockReq& request, std::uint8_t status);
    Actions give_up_on_silence();

    ImageJob job_;
    ImageTimes times_;
    const Clock& clock_;
    State state_ = State::idle;
    SteadyTime ends_{};
    SteadyTime waits_until_{};
    std::uint32_t notifies_ = 0;
    std::uint32_t shows_ = 0;
    std::uint32_t wrong_ = 0;
    std::uint64_t blocks_ = 0;
    std::size_t furthest_ = 0;  // end of the furthest block asked for
    bool heard_ = false;
    std::optional<UnixMillis> started_;
};

}  // namespace esl::ap::znp
