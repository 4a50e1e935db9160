// What another system posts, as a message of this broker (docs/formats/broker-rules.md).
#pragma once

#include <string_view>

#include "broker/ports/publisher.hpp"
#include "broker/rules/rule.hpp"

namespace esl::broker {

// `is_json`: an object with payload, payloadEncoding and properties; otherwise the body is the payload. Errors are
// RuleError::bad_data and name the key.
[[nodiscard]] Result<OutsideMessage> inbound_message(const RuleSpec& rule, bool is_json, std::string_view body,
                                                     UnixMillis now);

constexpr std::chrono::minutes kSignatureGoodFor{5};  // before and after its timestamp
// The webhook's signature the other way round: of this body, at about this time.
[[nodiscard]] bool signature_is_good(const RuleSpec& rule, std::string_view timestamp, std::string_view signature,
                                     std::string_view body, UnixMillis now);

}  // namespace esl::broker
