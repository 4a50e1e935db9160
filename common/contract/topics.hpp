// Every MQTT topic of Shelfwire, in one place (docs/formats/contract.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/core/result.hpp"

namespace esl::contract {

inline constexpr std::string_view kTaskParent = "esl_task";
inline constexpr std::string_view kReportParent = "esl_report";
// The store part of an AP's topics until the service has told it its store.
inline constexpr std::string_view kUnclaimed = "unclaimed";

// What an AP reports about.
enum class ReportKind { result, tags, ap };

// "[a-z0-9-]{1,16}".
[[nodiscard]] bool is_store_id(std::string_view text);

// `esl_task/p2p/<client>`: reaches exactly that AP. `client` is the AP's whole MQTT client id.
[[nodiscard]] std::string task_topic(std::string_view client);
// The client id in a task topic; nothing when the topic is not one.
[[nodiscard]] std::optional<std::string> task_client(std::string_view topic);

// `esl_report/<store>/result|tags|ap`.
[[nodiscard]] std::string report_topic(std::string_view store, ReportKind kind);
// `esl_report/+/result|tags|ap`: what the service subscribes to.
[[nodiscard]] std::string report_filter(ReportKind kind);

struct ReportTopic {
    std::string store;  // kUnclaimed for an AP without one
    ReportKind kind;
    bool operator==(const ReportTopic&) const = default;
};
[[nodiscard]] std::optional<ReportTopic> parse_report_topic(std::string_view topic);

}  // namespace esl::contract
