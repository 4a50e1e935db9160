// AuditSink over the tamper-evident log.
#pragma once

#include "audit_log/log.hpp"
#include "mgmt-service/ports/audit_sink.hpp"

namespace esl::mgmt {

class AuditLogSink final : public AuditSink {
public:
    // The log outlives the sink.
    explicit AuditLogSink(audit::Log& log) : log_(log) {}
    [[nodiscard]] Result<> append(std::span<const AuditEntry> entries) override;

private:
    audit::Log& log_;
};

// Store and tag have no field of their own in the log; they go into `detail` as JSON.
[[nodiscard]] audit::Entry to_log(const AuditEntry& entry);

}  // namespace esl::mgmt
