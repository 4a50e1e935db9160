#include "mgmt-service/http/event_hub.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace esl::mgmt::rest {

EventHub::EventHub(const Clock& clock, Encode encode, HubSettings settings, Tail tail)
    : encode_(std::move(encode)),
      tail_(std::move(tail)),
      settings_(settings),
      next_id_(static_cast<std::uint64_t>(to_millis(clock.wall())) * 1000),
      thread_([this] { run(); }) {}

void EventHub::post(std::shared_ptr<const std::vector<Event>> events) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        if (queue_.size() >= settings_.queue) {
            queue_.clear();
            lost_ = true;
        } else {
            queue_.push_back(std::move(events));
        }
    }
    changed_.notify_one();
}

std::shared_ptr<http::PushStream> EventHub::listen(std::optional<std::uint64_t> last_id, Sees sees) {
    auto stream = std::make_shared<http::PushStream>(settings_.max_pending);
    const std::lock_guard lock(mutex_);
    sweep();
    if (stopped_ || listeners_.size() >= settings_.max_listeners) return nullptr;
    if (last_id) stream->post(missed_since(*last_id, sees));
    listeners_.push_back({.stream = stream, .sees = std::move(sees)});
    return stream;
}

// With the mutex held.
std::string EventHub::missed_since(std::uint64_t last_id, const Sees& sees) const {
    const std::uint64_t newest = next_id_ - 1;
    const std::uint64_t oldest = memory_.empty() ? next_id_ : memory_.front().id;
    const auto reset = http::server_sent_event("reset", "{}", std::to_string(newest));
    if (last_id > newest || last_id + 1 < oldest) return reset;
    std::string text;
    for (const auto& event : memory_) {
        if (event.id > last_id && sees(event.store)) text += event.text;
    }
    return text.size() > settings_.max_pending ? reset : text;
}

std::size_t EventHub::listeners() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(listeners_, [](const Listener& l) { return !l.stream->closed(); }));
}

std::uint64_t EventHub::dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

void EventHub::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        for (const auto& listener : listeners_) listener.stream->finish();
        listeners_.clear();
        queue_.clear();
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void EventHub::run() {
    std::unique_lock lock(mutex_);
    auto next_beat = std::chrono::steady_clock::now() + settings_.heartbeat;
    for (;;) {
        const auto wake =
            tail_ ? std::min(next_beat, std::chrono::steady_clock::now() + settings_.tail_every) : next_beat;
        changed_.wait_until(lock, wake, [&] { return stopped_ || lost_ || !queue_.empty(); });
        if (stopped_) return;
        if (std::exchange(lost_, false)) {
            spdlog::warn("more live events than could be encoded: listeners start anew");
            memory_.clear();
            send_to_all({{.id = next_id_, .store = {}, .text = {}}});
            ++next_id_;
        }
        if (!queue_.empty()) {
            const auto events = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            deliver(*events);
            lock.lock();
        }
        if (tail_ && !stopped_) {
            lock.unlock();
            deliver(tail_());
            lock.lock();
        }
        if (std::chrono::steady_clock::now() >= next_beat) {
            keep_alive();
            next_beat = std::chrono::steady_clock::now() + settings_.heartbeat;
        }
    }
}

// next_id_ is written by this thread only, so it may be read here without the mutex.
void EventHub::deliver(const std::vector<Event>& events) {
    std::vector<Remembered> fresh;
    for (const auto& event : events) {
        const auto out = encode_(event);
        if (!out) continue;
        const auto id = next_id_ + fresh.size();
        fresh.push_back({.id = id,
                         .store = event.store,
                         .text = http::server_sent_event(out->name, out->data, std::to_string(id))});
    }
    publish(std::move(fresh));
}

void EventHub::deliver(std::vector<Tailed> events) {
    std::vector<Remembered> fresh;
    for (auto& event : events) {
        const auto id = next_id_ + fresh.size();
        fresh.push_back({.id = id,
                         .store = std::move(event.store),
                         .text = http::server_sent_event(event.event.name, event.event.data, std::to_string(id))});
    }
    publish(std::move(fresh));
}

void EventHub::publish(std::vector<Remembered> fresh) {
    if (fresh.empty()) return;
    const std::lock_guard lock(mutex_);
    next_id_ += fresh.size();
    send_to_all(fresh);
    for (auto& one : fresh) memory_.push_back(std::move(one));
    while (memory_.size() > settings_.memory) memory_.pop_front();
}

// With the mutex held. An event without text means: start anew.
void EventHub::send_to_all(const std::vector<Remembered>& fresh) {
    for (const auto& listener : listeners_) {
        std::string text;
        for (const auto& event : fresh) {
            if (event.text.empty()) {
                text += http::server_sent_event("reset", "{}", std::to_string(event.id));
            } else if (listener.sees(event.store)) {
                text += event.text;
            }
        }
        if (!text.empty()) listener.stream->post(text);
    }
    sweep();
}

void EventHub::sweep() {
    std::erase_if(listeners_, [&](const Listener& listener) {
        if (!listener.stream->closed()) return false;
        if (listener.stream->was_slow()) ++dropped_;
        return true;
    });
}

void EventHub::keep_alive() {
    for (const auto& listener : listeners_) listener.stream->post(http::server_sent_heartbeat());
    sweep();
}

}  // namespace esl::mgmt::rest
