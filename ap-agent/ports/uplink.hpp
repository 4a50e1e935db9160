// The port to the service: reports go out here, messages come in through Agent's handlers.
#pragma once

#include <functional>
#include <string>

#include "common/contract/topics.hpp"
#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace esl::ap {

// Threads: bound to the agent's executor; `done` runs there, later than the call.
class Uplink {
public:
    using Done = std::function<void(Result<>)>;
    virtual ~Uplink() = default;
    // QoS 1 on the topic of the store that was set last. Success means that the broker acknowledged. `done` may be
    // empty.
    virtual void publish(contract::ReportKind kind, Bytes payload, Done done) = 0;
    // Where reports go from now on; also the topic of the will, so the connection is made anew when it changes.
    virtual void set_store(const std::string& store) = 0;
};

}  // namespace esl::ap
