// The file messages.db as a whole: opened or made, of a form this broker knows, and read at start.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "broker/adapters/sqlite.hpp"
#include "broker/adapters/sqlite_ack_rows.hpp"
#include "broker/adapters/sqlite_bundles.hpp"
#include "broker/ports/message_store.hpp"
#include "common/core/clock.hpp"

namespace esl::broker::sqlite {

// What the file holds.
struct KeptFile {
    StoredState state{};                 // its messages in the order of the file
    std::vector<BundleNumber> bundle{};  // of each of them; 0: a row of its own
    std::vector<AckRow> acks{};          // those that stay
    std::vector<AckRow> gone{};
    BundleNumber highest_bundle = 0;
};

// Opens the file, or makes it when there is none, and brings an older form up to date. A file that is there and is not
// ours whole (empty, cut off, of a newer form, its `-wal` without it) is damaged, never taken for a new one. Throws
// Failure.
[[nodiscard]] Database open_message_file(const std::filesystem::path& file);

// How many pages of the log are worth a checkpoint, by the flush time of the disk, measured beside the file.
[[nodiscard]] unsigned checkpoint_pages_for(const std::filesystem::path& file, const Clock& clock);

// Everything that is kept. Acknowledgements are worked into the messages and their rows go, unless the disk cannot be
// written. Throws Failure.
[[nodiscard]] KeptFile read_message_file(Database& database);

}  // namespace esl::broker::sqlite
