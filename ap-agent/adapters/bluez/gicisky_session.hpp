// The talk with one connected Gicisky tag while an image is sent, without I/O (docs/formats/gicisky.md). Bytes and time
// come in; what to write and when to be woken goes out.
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

namespace esl::ap::bluez {

struct GiciskyTimes {
    std::chrono::milliseconds settle{0};  // after enabling notifications, for tags that want a pause
    // The longest wait for a notice. Once the tag has answered a few times its own pace decides, but never less than
    // notice_floor.
    std::chrono::milliseconds notice{5'000};
    std::chrono::milliseconds notice_floor{50};
    std::chrono::milliseconds pause{0};  // before each part; grows with each attempt
};

class GiciskySession {
public:
    // What the owner does, in this order. A write that fails is told by write_failed(), and nothing after it is done.
    struct WriteCommand {  // FEF1, with response
        Bytes bytes;
        bool operator==(const WriteCommand&) const = default;
    };
    struct WritePart {  // FEF2, without response
        Bytes bytes;
        bool operator==(const WritePart&) const = default;
    };
    struct Wake {  // replaces the timer that runs
        std::chrono::milliseconds after;
        bool operator==(const Wake&) const = default;
    };
    struct Started {  // the next write carries the first byte of the image
        bool operator==(const Started&) const = default;
    };
    struct Delivered {  // the tag has the whole image and refreshes by itself; close the link
        bool operator==(const Delivered&) const = default;
    };
    struct Failed {  // close the link
        RadioError error;
        std::int64_t code;
        std::string detail;
        bool operator==(const Failed&) const = default;
    };
    using Action = std::variant<WriteCommand, WritePart, Wake, Started, Delivered, Failed>;
    using Actions = std::vector<Action>;

    // `coded` is the image as the tag takes it. `chunked` chooses the form of the announcement.
    // The clock outlives the session.
    GiciskySession(const Clock& clock, Bytes coded, bool chunked, GiciskyTimes times);

    // Once, when notifications are enabled.
    [[nodiscard]] Actions start();
    [[nodiscard]] Actions notified(BytesView bytes);
    [[nodiscard]] Actions woken();
    [[nodiscard]] Actions write_failed(RadioError error, const std::string& why);
    // The link went down. After Delivered that is what tags do.
    [[nodiscard]] Actions disconnected();

    [[nodiscard]] bool over() const { return state_ == State::delivered || state_ == State::failed; }
    [[nodiscard]] std::uint32_t parts_sent() const { return parts_sent_; }
    // How long an answer of this tag usually takes at most; zero before the first: a hint for the next session's
    // `notice`.
    [[nodiscard]] std::chrono::milliseconds usual_answer() const;

private:
    enum class State { idle, settling, asked_block_size, announced, sending, pausing, delivered, failed };

    [[nodiscard]] Actions ask_block_size();
    [[nodiscard]] Actions send(Bytes command, State next);
    [[nodiscard]] Actions part_wanted(std::uint32_t part);
    [[nodiscard]] Actions send_part();
    [[nodiscard]] Actions repeat();
    [[nodiscard]] std::chrono::milliseconds patience() const;
    void answered();
    [[nodiscard]] Actions failed(RadioError error, std::int64_t code, std::string detail);
    [[nodiscard]] std::string where() const;

    const Clock& clock_;
    const Bytes coded_;
    const bool chunked_;
    const GiciskyTimes times_;
    const std::uint32_t parts_;
    State state_ = State::idle;
    std::optional<std::uint32_t> wanted_;
    unsigned same_wanted_ = 0;
    std::uint32_t requests_ = 0;
    std::uint32_t parts_sent_ = 0;
    Bytes last_command_;
    unsigned repeats_ = 0;
    unsigned extra_answers_ = 0;  // to repetitions, may still come
    unsigned answers_ = 0;
    SteadyTime asked_{};
    std::chrono::microseconds mean_{0}, deviation_{0};  // of the answers' times
};

}  // namespace esl::ap::bluez
