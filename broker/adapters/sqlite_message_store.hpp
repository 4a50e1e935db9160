// The message store in one SQLite file (docs/formats/broker-store.md): messages appended with their recipients inside,
// those for one session many to a row, acknowledgements appended and reclaimed in order, WAL with synchronous=FULL,
// group commit; one thread writes, one checkpoints.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "broker/ports/message_store.hpp"

namespace esl::broker {

struct SqliteStoreOptions {
    std::filesystem::path file;
    // With few operations there, the oldest waits this long for company; the commit before it counts.
    std::chrono::milliseconds gather{1};
    // Pages in the log that are worth a checkpoint; 0: 250 where a flush takes under 0.3 ms, 4,000 above 1 ms, 1,000
    // between (measured at start).
    unsigned checkpoint_pages = 0;
};

// Throws std::runtime_error when the file cannot be opened, is damaged, or is of a newer form.
[[nodiscard]] std::unique_ptr<MessageStore> open_sqlite_message_store(const SqliteStoreOptions& options,
                                                                      const Clock& clock);

}  // namespace esl::broker
