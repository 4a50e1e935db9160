#include "common/http/push_stream.hpp"

namespace esl::http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    for (const char c : value) {
        if (c != '\n' && c != '\r' && c != '\0') out += c;
    }
    out += '\n';
}

}  // namespace

// Called with the mutex held: `wake` only posts to the connection's thread.
void PushStream::notify() {
    if (wake_) wake_();
}

bool PushStream::post(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (gone_ || end_ != End::open) return false;
    if (pending_.size() + bytes.size() > max_pending_) {
        slow_ = true;
        end_ = End::aborted;
        pending_ = {};  // who takes nothing must not keep memory either
        notify();
        return false;
    }
    pending_.append(bytes);
    notify();
    return true;
}

bool PushStream::push(std::string_view bytes, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    // One piece larger than the bound may pass when nothing else waits.
    const auto has_room = [&] {
        return gone_ || end_ != End::open || pending_.empty() || pending_.size() + bytes.size() <= max_pending_;
    };
    if (!room_.wait_for(lock, patience, has_room)) {
        slow_ = true;
        return false;
    }
    if (gone_ || end_ != End::open) return false;
    pending_.append(bytes);
    notify();
    return true;
}

void PushStream::finish() {
    const std::lock_guard lock(mutex_);
    if (end_ == End::open) end_ = End::finished;
    notify();
    room_.notify_all();
}

void PushStream::abort() {
    const std::lock_guard lock(mutex_);
    end_ = End::aborted;
    notify();
    room_.notify_all();
}

bool PushStream::closed() const {
    const std::lock_guard lock(mutex_);
    return gone_ || end_ != End::open;
}

bool PushStream::was_slow() const {
    const std::lock_guard lock(mutex_);
    return slow_;
}

void PushStream::attach(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
}

PushStream::Batch PushStream::take() {
    const std::lock_guard lock(mutex_);
    Batch batch{.bytes = std::move(pending_), .end = end_};
    pending_.clear();
    room_.notify_all();
    return batch;
}

void PushStream::detach() {
    const std::lock_guard lock(mutex_);
    wake_ = nullptr;
    gone_ = true;
    pending_.clear();
    room_.notify_all();
}

std::string server_sent_event(std::string_view event, std::string_view data, std::string_view id) {
    std::string out;
    if (!id.empty()) append_field(out, "id", id);
    if (!event.empty()) append_field(out, "event", event);
    for (;;) {
        const auto end = data.find('\n');
        append_field(out, "data", data.substr(0, end));
        if (end == std::string_view::npos) break;
        data.remove_prefix(end + 1);
    }
    return out + '\n';
}

std::string server_sent_heartbeat() {
    return ":\n\n";
}

}  // namespace esl::http
