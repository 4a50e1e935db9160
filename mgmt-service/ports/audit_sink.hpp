// Where the service's audit entries go.
#pragma once

#include <span>

#include "mgmt-service/core/model.hpp"

namespace esl::mgmt {

// Thread-safe.
class AuditSink {
public:
    virtual ~AuditSink() = default;
    // Returns when all entries are durable. An error means that nothing more may be acknowledged.
    [[nodiscard]] virtual Result<> append(std::span<const AuditEntry> entries) = 0;
};

}  // namespace esl::mgmt
