// Retained messages, one a topic. Every shard holds all of them; concurrent changes of one topic settle by their order
// number on every shard alike.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "broker/core/message.hpp"
#include "common/core/clock.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

class Retained {
public:
    enum class Put : std::uint8_t { done, older, no_room };
    // An empty payload removes [MQTT-3.3.1-6]. older: a newer change is known. no_room: there are `most`, or
    // `most_bytes`, already; what the topic had before goes nevertheless, since it is no longer what was published
    // last.
    Put put(const MessagePtr& message, std::uint64_t order, std::size_t most, std::size_t most_bytes) {
        const auto at = kept_.find(message->topic);
        if (at != kept_.end() && order <= at->second.order) return Put::older;
        const auto* const before = at != kept_.end() ? at->second.message.get() : nullptr;
        const auto freed = before != nullptr ? before->bytes() : 0;
        const bool no_room = !message->payload.empty() &&
                             ((before == nullptr && count_ >= most) || bytes_ - freed + message->bytes() > most_bytes);
        if (no_room && before == nullptr) return Put::no_room;
        bytes_ -= freed;
        count_ -= before != nullptr ? 1 : 0;
        auto& slot = at != kept_.end() ? at->second : kept_[std::string(message->topic)];
        slot = {message->payload.empty() || no_room ? nullptr : message, order};
        count_ += slot.message ? 1 : 0;
        bytes_ += slot.message ? slot.message->bytes() : 0;
        return no_room ? Put::no_room : Put::done;
    }

    template <class Visit>
    void match(std::string_view filter, UnixMillis now, Visit visit) const {
        const auto literal = filter.substr(0, filter.find_first_of("+#"));
        // "a/#" matches "a", which sorts before "a/".
        const auto from = literal.ends_with('/') ? literal.substr(0, literal.size() - 1) : literal;
        for (auto at = kept_.lower_bound(from); at != kept_.end() && at->first.starts_with(from); ++at) {
            const auto& message = at->second.message;
            if (message && !message->expired(now) && mqtt::matches(filter, at->first)) visit(message);
        }
    }

    // Takes away what has expired and the marks of removals; called now and then.
    // `expired` hears of each message that goes, with its order.
    template <class Expired>
    void sweep(UnixMillis now, std::uint64_t settled_order, Expired expired) {
        std::erase_if(kept_, [&](const auto& entry) {
            const auto& [message, order] = entry.second;
            const bool gone = message ? message->expired(now) : order < settled_order;
            if (gone && message) {
                --count_;
                bytes_ -= message->bytes();
                expired(*message, order);
            }
            return gone;
        });
    }

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    struct Slot {
        MessagePtr message;  // null: removed; kept so that an older change arriving late changes nothing
        std::uint64_t order = 0;
    };
    std::map<std::string, Slot, std::less<>> kept_;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace esl::broker
