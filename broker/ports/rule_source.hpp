// Where a rule's messages come from, when they do not come by HTTP: another broker. Ready for brokers of other kinds.
#pragma once

namespace esl::broker {

// Lives from its start on threads of its own until it is destroyed; publishes through the Publisher it was made with.
class RuleSource {
public:
    virtual ~RuleSource() = default;
};

}  // namespace esl::broker
