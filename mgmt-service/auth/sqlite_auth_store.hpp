// Users, tokens and sessions in a SQLite file of their own (docs/formats/mgmt-auth.md).
#pragma once

#include <filesystem>
#include <memory>

#include "mgmt-service/auth/auth_store.hpp"

namespace esl::mgmt::auth {

// Makes the file, mode 0600, when it is not there. Throws std::runtime_error when it cannot be opened, or was written
// by a newer version.
[[nodiscard]] std::unique_ptr<AuthStore> open_sqlite_auth_store(const std::filesystem::path& file);

}  // namespace esl::mgmt::auth
