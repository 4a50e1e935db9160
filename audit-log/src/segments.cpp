#include "audit-log/src/segments.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace esl::audit {
namespace {

constexpr std::size_t kHashDigits = 64;

}  // namespace

std::string segment_name(std::uint64_t first_index) {
    auto digits = std::to_string(first_index);
    if (digits.size() < 12) digits.insert(0, 12 - digits.size(), '0');
    return "segment-" + digits + ".log";
}

std::vector<std::filesystem::path> segment_files(const std::filesystem::path& dir) {
    std::vector<std::filesystem::path> out;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with("segment-") && name.ends_with(".log")) out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
}

std::string segment_line(const Hash& leaf, std::string_view json) {
    auto out = to_lower_hex(leaf);
    out.append(" ").append(json).append("\n");
    return out;
}

Result<Line> parse_line(std::string_view line, std::uint64_t expected) {
    if (line.size() < kHashDigits + 2 || line[kHashDigits] != ' ') return fail(ParseError::malformed, "no leaf hash");
    const auto json = line.substr(kHashDigits + 1);
    Line out;
    out.leaf = leaf_hash(as_bytes(json));
    if (to_lower_hex(out.leaf) != line.substr(0, kHashDigits))
        return fail(ParseError::malformed, "hash does not fit the text");
    auto record = parse_record(json);
    if (!record) return fail(record.error());
    if (record->index != expected) {
        return fail(ParseError::malformed,
                    "has index " + std::to_string(record->index) + ", expected " + std::to_string(expected));
    }
    out.record = std::move(*record);
    return out;
}

Scan scan_segments(const std::vector<std::filesystem::path>& files, const OnLine& on_line) {
    Scan scan;
    for (std::size_t s = 0; s < files.size(); ++s) {
        const bool last_segment = s + 1 == files.size();
        if (files[s].filename() != segment_name(scan.entries)) {
            scan.problem = files[s].filename().string() + ": expected " + segment_name(scan.entries) + " here";
            return scan;
        }
        std::ifstream in(files[s], std::ios::binary);
        if (!in) {
            scan.problem = files[s].filename().string() + ": cannot be read";
            return scan;
        }
        std::uint64_t offset = 0;
        std::string line;
        while (std::getline(in, line)) {
            // getline sets eof when the line had no end: the writer was stopped in the middle of it.
            const bool whole = !in.eof();
            const auto parsed =
                whole ? parse_line(line, scan.entries) : Result<Line>(fail(ParseError::truncated, "line not finished"));
            if (!parsed) {
                scan.problem = files[s].filename().string() + ": entry " + std::to_string(scan.entries) + ": " +
                               parsed.error().about();
                scan.torn_tail = last_segment && !whole;
                scan.tail_offset = offset;
                return scan;
            }
            on_line(*parsed, Place{static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(line.size()), offset});
            offset += line.size() + 1;
            ++scan.entries;
        }
        scan.tail_offset = offset;
    }
    return scan;
}

std::vector<std::string> read_notes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::vector<std::string> out;
    std::string note;
    std::string line;
    int lines = 0;
    while (std::getline(in, line) && !in.eof()) {
        note.append(line).append("\n");
        if (++lines == 5) {
            out.push_back(std::exchange(note, {}));
            lines = 0;
        }
    }
    return out;
}

}  // namespace esl::audit
