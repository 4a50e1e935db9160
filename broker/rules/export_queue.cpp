#include "broker/rules/export_queue.hpp"

#include <algorithm>

namespace esl::broker {

void ExportQueue::start(Entry& entry) {
    entry.state = State::ready;
    ready_.push_back(entry.item.number);
}

std::vector<ExportQueue::Item> ExportQueue::push(Item item) {
    std::vector<Item> gone;
    const auto size = item.what->bytes();
    auto oldest = items_.begin();
    while (oldest != items_.end() && (items_.size() >= bounds_.rows || bytes_ + size > bounds_.bytes)) {
        if (oldest->second.state == State::under_way) {
            ++oldest;
        } else {
            gone.push_back(remove(oldest++));
        }
    }
    const auto number = item.number;
    bytes_ += size;
    auto& entry = items_[number];
    entry.item = std::move(item);
    if (order_ == Order::all) return gone;
    if (order_ == Order::client) {
        const auto [lane, first] = behind_.try_emplace(entry.item.what->client_id);
        if (!first) {
            entry.state = State::behind;
            lane->second.push_back(number);
            return gone;
        }
    }
    start(entry);
    return gone;
}

// Its place in ready_, delayed_ or behind_ is passed over later.
ExportQueue::Item ExportQueue::remove(Entries::iterator at) {
    Item item = std::move(at->second.item);
    const auto state = at->second.state;
    items_.erase(at);
    bytes_ -= item.what->bytes();
    if (order_ == Order::client && state != State::behind) next_of(item.what->client_id);
    return item;
}

void ExportQueue::next_of(const std::string& client) {
    const auto lane = behind_.find(client);
    while (!lane->second.empty()) {
        const auto entry = items_.find(lane->second.front());
        lane->second.pop_front();
        if (entry != items_.end()) return start(entry->second);
    }
    behind_.erase(lane);
}

std::vector<ExportQueue::Item> ExportQueue::take(SteadyTime now, std::size_t most) {
    if (order_ == Order::all) return take_front(now, most);
    while (!delayed_.empty() && delayed_.begin()->first <= now) {
        const auto entry = items_.find(delayed_.begin()->second);
        delayed_.erase(delayed_.begin());
        if (entry != items_.end()) start(entry->second);
    }
    std::vector<Item> out;
    while (out.size() < most && !ready_.empty()) {
        const auto entry = items_.find(ready_.front());
        ready_.pop_front();
        if (entry == items_.end() || entry->second.state != State::ready) continue;
        entry->second.state = State::under_way;
        out.push_back(entry->second.item);
    }
    return out;
}

std::vector<ExportQueue::Item> ExportQueue::take_front(SteadyTime now, std::size_t most) {
    std::vector<Item> out;
    if (now < resting_until_) return out;
    for (auto& [number, entry] : items_) {
        if (out.size() == most) break;
        entry.state = State::under_way;
        out.push_back(entry.item);
    }
    return out;
}

void ExportQueue::done(std::uint64_t number) {
    if (const auto at = items_.find(number); at != items_.end()) static_cast<void>(remove(at));
}

std::chrono::milliseconds ExportQueue::wait_after(unsigned tries, double jitter) const {
    const auto doubled = bounds_.retry_first * (1LL << std::min(tries, 30U));
    const auto wait = std::min(std::chrono::duration_cast<std::chrono::milliseconds>(doubled), bounds_.retry_limit);
    return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(wait.count()) * (1 - jitter / 2)));
}

void ExportQueue::failed(std::uint64_t number, SteadyTime now, double jitter) {
    const auto at = items_.find(number);
    if (at == items_.end()) return;
    auto& entry = at->second;
    entry.due = now + wait_after(entry.item.tries++, jitter);
    entry.state = State::delayed;
    if (order_ == Order::all) {
        resting_until_ = std::max(resting_until_, entry.due);
    } else {
        delayed_.emplace(entry.due, number);
    }
}

std::vector<ExportQueue::Item> ExportQueue::expire(UnixMillis now) {
    std::vector<Item> gone;
    for (auto at = items_.begin(); at != items_.end() && at->second.item.what->born + bounds_.keep < now;) {
        if (at->second.state == State::under_way) {
            ++at;
        } else {
            gone.push_back(remove(at++));
        }
    }
    return gone;
}

std::optional<SteadyTime> ExportQueue::due() const {
    if (order_ == Order::all) return items_.empty() ? std::nullopt : std::optional(resting_until_);
    if (!ready_.empty()) return SteadyTime{};
    if (!delayed_.empty()) return delayed_.begin()->first;
    return std::nullopt;
}

std::vector<ExportQueue::Item> ExportQueue::drain() {
    std::vector<Item> out;
    for (auto& [number, entry] : items_) out.push_back(std::move(entry.item));
    *this = ExportQueue(order_, bounds_);
    return out;
}

}  // namespace esl::broker
