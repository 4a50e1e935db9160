// Live events: from the service to every listening browser, with a bounded memory for those who reconnect.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/core/clock.hpp"
#include "common/http/push_stream.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt::rest {

struct HubSettings {
    std::size_t memory = 10'000;  // events kept for Last-Event-ID
    std::size_t queue = 2'000;    // batches not yet encoded; above: all listeners get `reset`
    std::size_t max_listeners = 256;
    std::size_t max_pending = std::size_t{4} << 20;  // bytes a listener has not taken; above: it is dropped
    std::chrono::milliseconds heartbeat = std::chrono::seconds(15);
    std::chrono::milliseconds tail_every = std::chrono::milliseconds(500);
};

// Thread-safe. Encodes on a thread of its own, once per event whatever the number of listeners.
class EventHub {
public:
    struct Encoded {
        std::string name, data;
    };
    // Called on the hub's thread; an event that gives nothing is left out.
    using Encode = std::function<std::optional<Encoded>(const Event&)>;
    // More events, from where the service does not tell of them: asked after each batch and every `tail_every`, on the
    // hub's thread.
    struct Tailed {
        std::string store;
        Encoded event;
    };
    using Tail = std::function<std::vector<Tailed>()>;
    // Who may see an event of that store (empty: of none).
    using Sees = std::function<bool(const std::string& store)>;

    // Ids start at the wall time in milliseconds times 1000, so that those of an earlier process are always below.
    EventHub(const Clock& clock, Encode encode, HubSettings settings, Tail tail = {});
    ~EventHub() { stop(); }
    EventHub(const EventHub&) = delete;
    EventHub& operator=(const EventHub&) = delete;

    // Returns at once.
    void post(std::shared_ptr<const std::vector<Event>> events);
    // A stream that begins with what was missed since `last_id`, or with `reset` when that is no longer known. Nullopt
    // when there are as many listeners as there may be.
    [[nodiscard]] std::shared_ptr<http::PushStream> listen(std::optional<std::uint64_t> last_id, Sees sees);
    [[nodiscard]] std::size_t listeners() const;
    [[nodiscard]] std::uint64_t dropped() const;  // listeners that read too slowly
    // Ends every stream and the thread.
    void stop();

private:
    struct Remembered {
        std::uint64_t id;
        std::string store, text;
    };
    struct Listener {
        std::shared_ptr<http::PushStream> stream;
        Sees sees;
    };
    void run();
    void deliver(const std::vector<Event>& events);
    void deliver(std::vector<Tailed> events);
    void publish(std::vector<Remembered> fresh);
    void send_to_all(const std::vector<Remembered>& fresh);
    [[nodiscard]] std::string missed_since(std::uint64_t last_id, const Sees& sees) const;
    void sweep();
    void keep_alive();

    Encode encode_;
    Tail tail_;
    HubSettings settings_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<const std::vector<Event>>> queue_;
    std::deque<Remembered> memory_;
    std::vector<Listener> listeners_;
    std::uint64_t next_id_;
    std::uint64_t dropped_ = 0;
    bool lost_ = false;
    bool stopped_ = false;
    std::thread thread_;
};

}  // namespace esl::mgmt::rest
