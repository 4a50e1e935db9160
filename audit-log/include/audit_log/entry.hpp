// What one audit entry says, and the words that the parts use for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::audit {

// A value. Texts are UTF-8 (anything else is replaced by U+FFFD); no secrets. `before`, `after` and `detail` hold JSON
// text or nothing; text that is not JSON is kept as a JSON string.
struct Entry {
    std::string actor;   // "user:anna", "token:erp", "ap:GID_esl_ap@@@1", "system"
    std::string action;  // see below
    std::string object;  // "tag:FFFF92103A07", "product:zagreb-01/03850102314244", "change:<uuid>"
    std::string source;  // address it came from, or empty
    std::string change;  // change id, or empty
    std::string job;     // job id, or empty
    std::string before;
    std::string after;
    std::string detail;
    std::optional<UnixMillis> at;  // when it happened; absent: when it was appended

    bool operator==(const Entry&) const = default;
};

// An entry as it stands in the log.
struct Record {
    std::uint64_t index = 0;
    Entry entry;
    std::string json;  // the canonical JSON text that the leaf hash covers
};

// Actions that more than one part writes or looks for; parts add their own in the same form, noun.verb.
namespace action {
inline constexpr std::string_view kJobDisplayed = "job.displayed";  // object: the tag; after: image, image_sha256, version
inline constexpr std::string_view kJobFailed = "job.failed";
inline constexpr std::string_view kTailRepaired = "audit.tail_repaired";
}  // namespace action

[[nodiscard]] std::string canonical_json(const Entry& entry, std::uint64_t index, UnixMillis appended);
// Errors: ParseError::malformed when the text is not what canonical_json() makes (order, spaces, unknown fields).
[[nodiscard]] Result<Record> parse_record(std::string_view json);

}  // namespace esl::audit
