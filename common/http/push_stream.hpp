// Bytes that any thread may push into an open answer: server-sent events, and the way out of streaming handlers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace esl::http {

// Thread-safe. Shared by whoever pushes and the connection that sends. The server calls the members below the line.
class PushStream {
public:
    // Above `max_pending` bytes that the peer has not taken, post() gives the peer up: the stream is closed as slow.
    explicit PushStream(std::size_t max_pending = std::size_t{256} << 10) : max_pending_(max_pending) {}

    // Returns at once. False when the stream is closed (peer gone, too slow, or ended): stop pushing then.
    bool post(std::string_view bytes);
    // Waits for room instead of giving the peer up. False when the stream is closed or `patience` has passed.
    bool push(std::string_view bytes, std::chrono::milliseconds patience);
    // The answer is whole: what is pending is sent, then it ends.
    void finish();
    // The answer is not whole: the connection is cut.
    void abort();
    [[nodiscard]] bool closed() const;
    [[nodiscard]] bool was_slow() const;

    // ---- for the connection ----
    enum class End { open, finished, aborted };
    struct Batch {
        std::string bytes;
        End end = End::open;
    };
    // `wake` is called from any thread whenever there is something new to take().
    void attach(std::function<void()> wake);
    [[nodiscard]] Batch take();
    // The connection has ended; `wake` is not called any more once this returns.
    void detach();

private:
    void notify();

    const std::size_t max_pending_;
    mutable std::mutex mutex_;
    std::condition_variable room_;
    std::string pending_;
    std::function<void()> wake_;
    End end_ = End::open;
    bool gone_ = false;
    bool slow_ = false;
};

// One event of a text/event-stream (WHATWG HTML section 9.2). Line breaks in `data` become several data lines; an empty
// id or event is left out, and both must be free of line breaks (they are dropped).
[[nodiscard]] std::string server_sent_event(std::string_view event, std::string_view data, std::string_view id = {});
// A comment line that keeps the connection and its proxies awake.
[[nodiscard]] std::string server_sent_heartbeat();

}  // namespace esl::http
