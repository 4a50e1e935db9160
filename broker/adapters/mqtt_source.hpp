// Subscribes at another broker and publishes here what comes.
#pragma once

#include <memory>

#include "broker/ports/publisher.hpp"
#include "broker/ports/rule_source.hpp"
#include "broker/rules/rule.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

// Connects, and stays connected, on a thread of its own. The other broker has its acknowledgement of a QoS 1 or 2
// message when this one has it on disk for every persistent session that it is owed to (decision 0140). The end waits
// for a look-up of a host name that is under way.
[[nodiscard]] std::unique_ptr<RuleSource> make_mqtt_source(const RuleSpec& spec, Publisher& publisher,
                                                           const Clock& clock);

}  // namespace esl::broker
