#include "common/contract/topics.hpp"

#include <algorithm>

namespace esl::contract {
namespace {

constexpr std::string_view kTaskPrefix = "esl_task/p2p/";
constexpr std::string_view kReportPrefix = "esl_report/";

std::string_view last_level(ReportKind kind) {
    switch (kind) {
        case ReportKind::result:
            return "result";
        case ReportKind::tags:
            return "tags";
        case ReportKind::ap:
            return "ap";
    }
    return "";
}

}  // namespace

bool is_store_id(std::string_view text) {
    return !text.empty() && text.size() <= 16 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

std::string task_topic(std::string_view client) {
    return std::string(kTaskPrefix).append(client);
}

std::optional<std::string> task_client(std::string_view topic) {
    if (!topic.starts_with(kTaskPrefix)) return std::nullopt;
    const auto client = topic.substr(kTaskPrefix.size());
    if (client.empty() || client.find('/') != std::string_view::npos) return std::nullopt;
    return std::string(client);
}

std::string report_topic(std::string_view store, ReportKind kind) {
    return std::string(kReportPrefix).append(store).append("/").append(last_level(kind));
}

std::string report_filter(ReportKind kind) {
    return report_topic("+", kind);
}

std::optional<ReportTopic> parse_report_topic(std::string_view topic) {
    if (!topic.starts_with(kReportPrefix)) return std::nullopt;
    topic.remove_prefix(kReportPrefix.size());
    const auto slash = topic.find('/');
    if (slash == std::string_view::npos || !is_store_id(topic.substr(0, slash))) return std::nullopt;
    for (const auto kind : {ReportKind::result, ReportKind::tags, ReportKind::ap}) {
        if (topic.substr(slash + 1) == last_level(kind)) return ReportTopic{std::string(topic.substr(0, slash)), kind};
    }
    return std::nullopt;
}

}  // namespace esl::contract
