// Publishes a rule's messages in this broker again, under another topic.
#pragma once

#include <memory>

#include "broker/ports/publisher.hpp"
#include "broker/ports/rule_sink.hpp"
#include "broker/rules/rule.hpp"

namespace esl::broker {

[[nodiscard]] std::unique_ptr<RuleSink> make_mqtt_sink(const RuleSpec& spec, Publisher& publisher);

}  // namespace esl::broker
