// The segment files: lines of "<64 hex digits of the leaf hash> <canonical JSON>\n". Internal to audit-log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "audit_log/log.hpp"

namespace esl::audit {

// "segment-000000000000.log", named by the index of its first entry.
[[nodiscard]] std::string segment_name(std::uint64_t first_index);
// In order of their first index.
[[nodiscard]] std::vector<std::filesystem::path> segment_files(const std::filesystem::path& dir);

[[nodiscard]] std::string segment_line(const Hash& leaf, std::string_view json);
// Splits and checks one line (without its end): the hash fits the text, the text is canonical, the index is `expected`.
struct Line {
    Hash leaf;
    Record record;
};
[[nodiscard]] Result<Line> parse_line(std::string_view line, std::uint64_t expected);

// Where an entry's line lies.
struct Place {
    std::uint32_t segment = 0;
    std::uint32_t length = 0;
    std::uint64_t offset = 0;
};

// What reading all segments front to back found.
struct Scan {
    std::uint64_t entries = 0;
    std::string problem;            // the first fault, with segment, line and entry
    bool torn_tail = false;         // the fault is an unfinished last line of the last segment
    std::uint64_t tail_offset = 0;  // end of the last good line in the last segment
};
using OnLine = std::function<void(const Line&, Place)>;
[[nodiscard]] Scan scan_segments(const std::vector<std::filesystem::path>& files, const OnLine& on_line);

// Signed notes of the checkpoints file, oldest first; an unfinished last one is left out.
[[nodiscard]] std::vector<std::string> read_notes(const std::filesystem::path& file);

}  // namespace esl::audit
