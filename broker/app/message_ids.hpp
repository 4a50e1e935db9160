// Message ids that no other message of this broker has had, restarts and crashes included.
#pragma once

#include <cstdint>
#include <filesystem>

#include "broker/core/hub.hpp"

namespace esl::broker {

// Sets the halves of message ids and the key of channel ids. `file` (empty: nothing outlives the process) holds the
// broker's own half and how often it has started: each start takes the next 2^44 numbers, of which there are 2^19.
// Throws std::runtime_error or std::system_error that names the file.
void begin_ids(SharedIds& ids, const std::filesystem::path& file, MessageId highest_stored);

}  // namespace esl::broker
