// Sinks on this machine's disk: JSON lines with rotation, and an SQLite table. Both have what they took on disk when
// deliver() returns.
#pragma once

#include <memory>

#include "broker/ports/rule_sink.hpp"
#include "broker/rules/rule.hpp"

namespace esl::broker {

// Appends to `path`; above rotate_bytes it becomes `path`.1, that `path`.2, and so on up to rotate_keep.
[[nodiscard]] std::unique_ptr<RuleSink> make_file_sink(const RuleSpec& spec);
// A row a message in table `messages`, which is made when it is not there.
[[nodiscard]] std::unique_ptr<RuleSink> make_sqlite_sink(const RuleSpec& spec);

}  // namespace esl::broker
