// Small files that are replaced as a whole.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace esl::broker {

// On disk under its name when it returns; a crash leaves the old file or the new one. Throws std::system_error that
// names the file.
void write_durably(const std::filesystem::path& file, std::string_view text, mode_t mode = 0644);

}  // namespace esl::broker
