// Looking up traces, and writing them down as people and tools read them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "broker/adapters/trace_files.hpp"

namespace esl::broker {

class Control;

// "2026-11-22 17:38:24.001", UTC.
[[nodiscard]] std::string trace_time(std::int64_t unix_millis);
// 32 hex digits in either case, of the broker with this instance number; nothing for another's or another text.
[[nodiscard]] std::optional<MessageId> parse_message_id(std::string_view text, std::uint64_t instance);
[[nodiscard]] nlohmann::json to_json(const TraceRow& row, TraceKind kind, std::uint64_t instance);

}  // namespace esl::broker
