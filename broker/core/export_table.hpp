// Which rule wants what. Immutable once the shards have it, and shared by them.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/core/subscription_tree.hpp"
#include "broker/ports/exporter.hpp"

namespace esl::broker {

struct ExportTable {
    SubscriptionTree outbound;                      // holder: the rule's number
    boost::unordered_flat_set<RuleNumber> durable;  // those of either kind that are
    TextMap<RuleNumber> notification;               // by group

    [[nodiscard]] bool empty() const { return outbound.size() == 0 && notification.empty(); }
};

}  // namespace esl::broker
