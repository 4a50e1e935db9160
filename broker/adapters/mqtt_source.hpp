// Subscribes at another broker and publishes here what comes.
#pragma once

#include <memory>

#include "broker/ports/publisher.hpp"
#include "broker/ports/rule_source.hpp"
#include "broker/rules/rule.hpp"

namespace esl::broker {

// Connects, and stays connected, on a thread of its own. The other broker has its acknowledgement when the message has
// been received, not when it is on this broker's disk.
[[nodiscard]] std::unique_ptr<RuleSource> make_mqtt_source(const RuleSpec& spec, Publisher& publisher);

}  // namespace esl::broker
