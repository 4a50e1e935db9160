// The file messages.db as a whole: opened or made, of a form this broker knows, and read at start.
#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "broker/adapters/sqlite.hpp"
#include "broker/ports/message_store.hpp"
#include "common/core/clock.hpp"

namespace esl::broker::sqlite {

// A row of `acks`: `highest` is the newest message that it speaks of.
struct MarkRow {
    std::int64_t seq;
    MessageId highest;
};

// Opens the file, or makes it when there is none, and brings an older form up to date. A file that is there and is not
// ours whole (empty, cut off, of a newer form, its `-wal` without it) is damaged, never taken for a new one. Throws
// Failure.
[[nodiscard]] Database open_message_file(const std::filesystem::path& file);

// How many pages of the log are worth a checkpoint, by the flush time of the disk, measured beside the file.
[[nodiscard]] unsigned checkpoint_pages_for(const std::filesystem::path& file, const Clock& clock);

// Everything that is kept, and the rows of `acks` that stay; they are worked into the messages and go, unless the disk
// cannot be written. Throws Failure.
[[nodiscard]] std::pair<StoredState, std::vector<MarkRow>> read_message_file(Database& database);

}  // namespace esl::broker::sqlite
