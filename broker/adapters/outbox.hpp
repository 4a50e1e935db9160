// What rules have taken over and their sinks have not: one SQLite file (docs/formats/broker-rules.md), written by one
// thread, flushed at each commit.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/ports/exporter.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

struct OutboxRow {
    std::uint64_t number = 0;
    std::string rule;
    ExportedPtr what;
};

// Calls of one thread at a time. Without a file (an empty path) it keeps nothing and never fails.
class Outbox {
public:
    // Throws std::runtime_error for a file that cannot be opened or is none of ours.
    explicit Outbox(const std::filesystem::path& file);
    ~Outbox();

    // Oldest first.
    [[nodiscard]] std::vector<OutboxRow> load();
    // All of it or, with an error, nothing. `forget` are numbers of rows that have been delivered or given up.
    [[nodiscard]] Result<> commit(const std::vector<OutboxRow>& put, const std::vector<std::uint64_t>& forget);
    [[nodiscard]] std::uint64_t highest() const { return highest_; }

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::uint64_t highest_ = 0;  // number that was ever in the file
};

// The form of a row: docs/formats/broker-rules.md.
void encode_exported(const Exported& what, Bytes& out);
[[nodiscard]] Result<Exported> decode_exported(BytesView bytes);

}  // namespace esl::broker
