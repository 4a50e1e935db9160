#include "mgmt-service/adapters/audit/audit_log_sink.hpp"

#include <nlohmann/json.hpp>

namespace esl::mgmt {

audit::Entry to_log(const AuditEntry& e) {
    audit::Entry out;
    out.actor = e.actor;
    out.action = e.action;
    out.object = e.object;
    out.source = e.source;
    out.change = e.change;
    out.job = e.job;
    out.before = e.before;
    out.after = e.after;
    out.at = e.at;
    nlohmann::json detail = nlohmann::json::object();
    if (!e.store.empty()) detail["store"] = e.store;
    if (!e.tag.empty()) detail["tag"] = e.tag;
    if (!detail.empty()) out.detail = detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return out;
}

Result<> AuditLogSink::append(std::span<const AuditEntry> entries) {
    std::vector<audit::Entry> out;
    out.reserve(entries.size());
    for (const auto& e : entries) out.push_back(to_log(e));
    if (const auto index = log_.append(std::move(out)); !index) return fail(index.error());
    return {};
}

}  // namespace esl::mgmt
