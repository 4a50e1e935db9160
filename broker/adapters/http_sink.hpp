// A webhook: POST of one message as JSON, signed with HMAC-SHA256.
#pragma once

#include <memory>
#include <string>

#include "broker/ports/rule_sink.hpp"
#include "broker/rules/rule.hpp"

namespace esl::broker {

// Any status of 200 to 299 takes the message; everything else is tried again.
[[nodiscard]] std::unique_ptr<RuleSink> make_http_sink(const RuleSpec& spec, const Clock& clock);

// "sha256=" and the lower-case hex of HMAC-SHA256(secret, "<unix ms>.<body>").
[[nodiscard]] std::string webhook_signature(std::string_view secret, std::string_view unix_millis,
                                            std::string_view body);

}  // namespace esl::broker
