// Which connected session has to be looked at next, because a token of it is about to expire. Holds nothing for
// sessions without tokens, one entry for each with. Shard-bound.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>
#include <set>
#include <utility>

#include "broker/core/message.hpp"

namespace esl::broker {

class ExpiryWatch {
public:
    // Replaces what was set for this session.
    void set(SessionNumber session, UnixMillis at) {
        forget(session);
        at_[session] = at;
        order_.emplace(at, session);
    }
    void forget(SessionNumber session) {
        const auto found = at_.find(session);
        if (found == at_.end()) return;
        order_.erase({found->second, session});
        at_.erase(found);
    }
    // One whose time has come, with that time; it is forgotten.
    [[nodiscard]] std::optional<std::pair<SessionNumber, UnixMillis>> take_due(UnixMillis now) {
        if (order_.empty() || order_.begin()->first > now) return std::nullopt;
        const auto [at, session] = *order_.begin();
        forget(session);
        return std::pair{session, at};
    }
    [[nodiscard]] std::size_t size() const { return at_.size(); }

private:
    boost::unordered_flat_map<SessionNumber, UnixMillis> at_;
    std::set<std::pair<UnixMillis, SessionNumber>> order_;
};

}  // namespace esl::broker
