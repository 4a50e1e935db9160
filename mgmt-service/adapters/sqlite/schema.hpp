// The tables of the service's database and how an older one becomes the present one (docs/formats/task-store.md).
#pragma once

#include "mgmt-service/adapters/sqlite/statement.hpp"

namespace esl::mgmt::sqlite {

inline constexpr int kSchemaVersion = 5;

// Makes or upgrades the tables, all or nothing. Throws std::runtime_error, also for a database of a newer version.
// `to`: an earlier version, for tests of what follows it.
void migrate(Database& db, int to = kSchemaVersion);

}  // namespace esl::mgmt::sqlite
