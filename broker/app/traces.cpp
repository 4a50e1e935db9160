#include "broker/app/traces.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace esl::broker {

std::string trace_time(std::int64_t unix_millis) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(from_millis(unix_millis));
    const auto rest = unix_millis - seconds.time_since_epoch().count() * 1'000;
    return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), rest);
}

std::optional<MessageId> parse_message_id(std::string_view text, std::uint64_t instance) {
    if (text.size() != 32) return std::nullopt;
    const auto half = [&](std::size_t at) -> std::optional<std::uint64_t> {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 16, value, 16);
        return error == std::errc{} && end == text.data() + at + 16 ? std::optional(value) : std::nullopt;
    };
    const auto own = half(0);
    return own && *own == instance ? half(16) : std::nullopt;
}

nlohmann::json to_json(const TraceRow& row, TraceKind kind, std::uint64_t instance) {
    const auto told = words(row.action);
    nlohmann::json out{{"client_id", row.client},  {"action", told.action},
                       {"action_code", told.code}, {"action_info", told.info.empty() ? row.info : told.info},
                       {"time", row.time},         {"time_text", trace_time(row.time)}};
    if (kind == TraceKind::device) {
        out["channel_id"] = row.channel;
    } else {
        out["message_id"] = message_id_text(instance, row.message);
    }
    return out;
}

}  // namespace esl::broker
