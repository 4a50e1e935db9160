// Where a rule's messages go: a webhook, a file, a table, a topic. Ready for brokers of other kinds (NATS, Kafka).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "broker/ports/exporter.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

enum class SinkError { unreachable, refused, broken };
constexpr std::string_view describe(SinkError e) {
    switch (e) {
        case SinkError::unreachable:
            return "the sink cannot be reached";
        case SinkError::refused:
            return "the sink refused the message";
        case SinkError::broken:
            return "the sink cannot write";
    }
    return "sink error";
}

// Each object is used by one thread, its rule's own, so it may block; cancel() alone comes from another.
class RuleSink {
public:
    virtual ~RuleSink() = default;
    // At least once: after an error all of it is delivered again, whatever has arrived. Success means that the sink has
    // it for good.
    [[nodiscard]] virtual Result<> deliver(std::span<const ExportedPtr> batch) = 0;
    // The rule ends: a deliver() under way, and any later one, returns soon, with an error if it must.
    virtual void cancel() {}
    // How many at a time. Above one, messages of a rule keep their order and wait for each other; at one they go
    // independently, or in order for each client when the rule asks for that.
    [[nodiscard]] virtual std::size_t batch_most() const { return 1; }
};

}  // namespace esl::broker
