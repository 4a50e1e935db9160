// What a sink is given, as JSON (docs/formats/broker-rules.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "broker/ports/exporter.hpp"

namespace esl::broker {

// One object on one line.
[[nodiscard]] std::string export_json(std::string_view rule, const Exported& what);
// The reference's property keys, every value text.
[[nodiscard]] nlohmann::json export_properties(const Exported& what);

// "orders/${clientId}/${topic}": what stands for the names; nothing else is replaced.
[[nodiscard]] std::string fill_template(std::string_view pattern, const Exported& what);

constexpr std::size_t kUserPropertiesMost = 8 * 1024;  // as JSON; larger ones are left out

[[nodiscard]] std::string base64(BytesView bytes);
// Nothing for text that is not base64 with its padding.
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

}  // namespace esl::broker
