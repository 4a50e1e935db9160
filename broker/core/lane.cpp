#include "broker/core/lane.hpp"

#include <algorithm>

namespace esl::broker {
namespace {

using State = LaneEntry::State;

// Sent entries may not lie further apart than the packet ids of their lane.
constexpr std::uint32_t id_span(LaneKind kind) {
    return kind == LaneKind::ordinary ? kFirstP2pId - 1U : 65'536U - kFirstP2pId;
}

}  // namespace

LaneEntry& Lane::push(LaneEntry entry) {
    if (entry.qos != mqtt::QoS::at_most_once && entry.sequence == 0) entry.sequence = sequence_ + 1;
    sequence_ = std::max(sequence_, entry.sequence);
    if (entry.sequence == 0) entry.sequence = sequence_;  // QoS 0 sorts behind what came before it
    ++live_;
    bytes_ += entry.message->bytes();
    entries_.push_back(std::move(entry));
    return entries_.back();
}

LaneEntry* Lane::next_to_send(std::uint16_t window) {
    while (next_ < entries_.size() && entries_[next_].state == State::done) ++next_;
    if (next_ == entries_.size()) return nullptr;
    LaneEntry& entry = entries_[next_];
    if (entry.held) return nullptr;
    if (entry.qos == mqtt::QoS::at_most_once) return &entry;
    if (in_flight_ >= window || entry.sequence - entries_.front().sequence >= id_span(kind_)) return nullptr;
    return &entry;
}

void Lane::mark_sent() {
    LaneEntry& entry = entries_[next_];
    ++next_;
    entry.fresh = false;
    if (entry.qos == mqtt::QoS::at_most_once) return finish(entry);
    if (entry.state == State::waiting) entry.state = State::sent;
    entry.counted = true;
    ++in_flight_;
}

LaneEntry* Lane::find(std::uint32_t sequence) {
    std::size_t low = 0;
    std::size_t high = entries_.size();
    if (high == 0) return nullptr;
    // Without QoS 0 and gaps in between it lies as far behind the first as its number does.
    if (const std::size_t guess = sequence - entries_.front().sequence; guess < high) {
        LaneEntry& entry = entries_[guess];
        if (entry.sequence == sequence && entry.qos != mqtt::QoS::at_most_once)
            return entry.state == State::done ? nullptr : &entry;
    }
    while (low < high) {
        const auto middle = (low + high) / 2;
        (entries_[middle].sequence < sequence ? low : high) =
            entries_[middle].sequence < sequence ? middle + 1 : middle;
    }
    for (; low < entries_.size() && entries_[low].sequence == sequence; ++low) {
        if (entries_[low].qos != mqtt::QoS::at_most_once && entries_[low].state != State::done) return &entries_[low];
    }
    return nullptr;
}

LaneEntry* Lane::find_sent(mqtt::PacketId id) {
    if (lane_of(id) != kind_ || next_ == 0) return nullptr;
    // The one sequence number at or after the front's that maps to this id.
    const auto span = id_span(kind_);
    const auto wanted = kind_ == LaneKind::ordinary ? static_cast<std::uint32_t>(id) - 1U
                                                    : static_cast<std::uint32_t>(id) - kFirstP2pId;
    const auto front = entries_.front().sequence;
    const auto sequence = front + (wanted + span - front % span) % span;
    LaneEntry* entry = find(sequence);
    return entry != nullptr && entry->counted ? entry : nullptr;
}

void Lane::finish(LaneEntry& entry) {
    if (entry.state == State::done) return;
    forget(entry);
    drop_front();
}

void Lane::forget(LaneEntry& entry) {
    if (entry.counted) --in_flight_;
    entry.counted = false;
    entry.state = State::done;
    --live_;
    bytes_ -= entry.message->bytes();
    entry.message.reset();
}

void Lane::drop_front() {
    while (!entries_.empty() && entries_.front().state == State::done) {
        entries_.pop_front();
        if (next_ > 0) --next_;
    }
}

LaneEntry* Lane::oldest_waiting() {
    for (auto i = next_; i < entries_.size(); ++i) {
        if (entries_[i].state == State::waiting) return &entries_[i];
    }
    return nullptr;
}

void Lane::rewind() {
    for (std::size_t i = 0; i < next_; ++i) {
        LaneEntry& entry = entries_[i];
        entry.counted = false;
        if (entry.state == State::sent) {
            entry.state = State::waiting;
            entry.sent_before = true;
        }
    }
    next_ = 0;
    in_flight_ = 0;
}

}  // namespace esl::broker
