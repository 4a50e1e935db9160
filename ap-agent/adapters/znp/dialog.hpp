// The conversation with a coordinator, without I/O: bytes and the passing of time go in, bytes to send come out, and
// tasks wait for replies (SREQ -> SRSP), for messages that come by themselves (AREQ), or for time to pass.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"
#include "common/tagwire/znp/message.hpp"

namespace esl::ap::znp {

namespace wire = tagwire::znp;

// As zigbee-herdsman: longer than any coordinator needs for a reply (reference section 5.3).
inline constexpr std::chrono::milliseconds kReplyTimeout{6'000};
// A frame at 115200 Bd takes 22 ms at most; one that pauses longer is junk or was cut off.
inline constexpr std::chrono::milliseconds kInsideFrame{250};

class Dialog {
public:
    using Matches = std::function<bool(const wire::Message&)>;
    struct Wait;

    // What a task awaits: the message, or RadioError::timeout, ::rejected (the coordinator does not know the command),
    // ::gone (the line is closed), ::busy (too many requests wait). It listens from the moment it is made, awaited or
    // not, until it is destroyed.
    class [[nodiscard]] Pending {
    public:
        explicit Pending(std::shared_ptr<Wait> wait) : wait_(std::move(wait)) {}
        Pending(Pending&&) = default;
        Pending& operator=(Pending&&) = delete;
        ~Pending();
        [[nodiscard]] bool await_ready() const;
        void await_suspend(std::coroutine_handle<> waiter);
        Result<wire::Message> await_resume();
        // For fail() by somebody else.
        [[nodiscard]] std::weak_ptr<Wait> handle() const { return wait_; }

    private:
        std::shared_ptr<Wait> wait_;
    };

    explicit Dialog(const Clock& clock) : clock_(clock) {}
    Dialog(const Dialog&) = delete;
    Dialog& operator=(const Dialog&) = delete;

    // ---- for tasks
    // One request is on the line at a time, the next follows its reply or time-out; `timeout` counts from its sending.
    Pending request(wire::Message message, std::chrono::milliseconds timeout = kReplyTimeout);
    // The first AREQ from now on for which `matches` is true.
    Pending expect(Matches matches, std::chrono::milliseconds timeout);
    // Always ends as RadioError::timeout, which here is what was wanted.
    Pending sleep(std::chrono::milliseconds duration);
    // Sends without waiting for anything: AREQs, and the byte that leaves a boot loader.
    void send(const wire::Message& message);
    void send_raw(BytesView bytes);
    // Gives a wait for an event another time-out, counted from now.
    void set_timeout(const std::weak_ptr<Wait>& wait, std::chrono::milliseconds timeout);
    // Ends a wait early with an error.
    void fail(const std::weak_ptr<Wait>& wait, Error error);

    // ---- for whoever has the line
    void receive(BytesView bytes);
    // Ends what has waited long enough.
    void tick();
    // Every wait, also later ones, ends as RadioError::gone.
    void close(const std::string& why);
    [[nodiscard]] Bytes take_output() { return std::exchange(output_, {}); }
    [[nodiscard]] std::optional<SteadyTime> next_deadline() const;

    // Called with every AREQ, after the waits that it ends. Set once.
    std::function<void(const wire::Message&)> on_message;

    [[nodiscard]] const Clock& clock() const { return clock_; }
    [[nodiscard]] std::uint64_t dropped_bytes() const { return unframer_.dropped_bytes(); }
    [[nodiscard]] std::uint64_t unknown_messages() const { return unknown_; }

private:
    static constexpr std::size_t kMaxQueued = 1'024;

    void take(const std::vector<wire::Frame>& frames);
    void handle(const wire::Message& message);
    void finish(const std::shared_ptr<Wait>& wait, Result<wire::Message> result);
    void send_next();
    void run_ready();

    const Clock& clock_;
    wire::Unframer unframer_;
    SteadyTime last_byte_{};
    Bytes output_;
    std::deque<std::shared_ptr<Wait>> requests_;  // the front one is on the line when `in_flight_`
    std::vector<std::shared_ptr<Wait>> expected_;
    std::deque<std::shared_ptr<Wait>> ready_;
    std::optional<std::string> closed_;
    std::uint64_t unknown_ = 0;
    bool in_flight_ = false;
    bool running_ = false;
};

}  // namespace esl::ap::znp
