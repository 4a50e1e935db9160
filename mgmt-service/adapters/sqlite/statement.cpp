#include "mgmt-service/adapters/sqlite/statement.hpp"

#include <stdexcept>

namespace esl::mgmt::sqlite {

void fail_with(sqlite3* db, std::string_view doing) {
    throw std::runtime_error("database: " + std::string(doing) + ": " +
                             (db == nullptr ? "out of memory" : sqlite3_errmsg(db)));
}

Database::Database(const std::string& file, bool read_only) {
    sqlite3* db = nullptr;
    const int flags =
        (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(file.c_str(), &db, flags, nullptr);
    db_.reset(db);
    if (code != SQLITE_OK) fail_with(db, "open " + file);
    sqlite3_busy_timeout(db, 10'000);
}

void Database::run(const char* sql) {
    if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail_with(db_.get(), sql);
}

Statement::Statement(Database& db, std::string_view sql) : db_(db.get()) {
    sqlite3_stmt* stmt = nullptr;
    const int code =
        sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
    stmt_.reset(stmt);
    if (code != SQLITE_OK) fail_with(db_, sql);
}

bool Statement::step() {
    column_ = 0;
    const int code = sqlite3_step(stmt_.get());
    if (code == SQLITE_ROW) return true;
    sqlite3_reset(stmt_.get());
    if (code != SQLITE_DONE) fail_with(db_, sqlite3_sql(stmt_.get()));
    return false;
}

void Statement::check(int code) {
    if (code != SQLITE_OK) fail_with(db_, sqlite3_sql(stmt_.get()));
}

}  // namespace esl::mgmt::sqlite
