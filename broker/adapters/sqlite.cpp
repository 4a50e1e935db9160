#include "broker/adapters/sqlite.hpp"

#include <algorithm>

namespace esl::broker::sqlite {
namespace {

[[noreturn]] void raise(sqlite3* database, int code, std::string_view doing) {
    // SQLITE_ERROR: a table or column is not there.
    const int kind = code & 0xFF;
    const bool damaged = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_ERROR;
    // A statement is known by how it begins; the whole schema helps nobody.
    constexpr std::size_t kShown = 80;
    std::string what(doing.substr(0, std::min(doing.find_first_of(";(\n"), kShown)));
    what.append(": ").append(database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
    throw Failure(damaged ? StoreError::damaged : StoreError::unavailable, what);
}

}  // namespace

Statement::Statement(Database& database, std::string_view sql) : database_(database.handle()) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &raw, nullptr);
    handle_.reset(raw);
    if (code != SQLITE_OK) raise(database_, code, sql);
}

Statement& Statement::start() {
    sqlite3_reset(handle_.get());
    bound_ = 0;
    return *this;
}

Statement& Statement::integer(std::int64_t value) {
    sqlite3_bind_int64(handle_.get(), ++bound_, value);
    return *this;
}

Statement& Statement::text(std::string_view value) {
    sqlite3_bind_text64(handle_.get(), ++bound_, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
}

Statement& Statement::blob(BytesView value) {
    // A null pointer would bind NULL.
    sqlite3_bind_blob64(handle_.get(), ++bound_, value.empty() ? "" : static_cast<const void*>(value.data()),
                        value.size(), SQLITE_STATIC);
    return *this;
}

bool Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) {
        sqlite3_reset(handle_.get());
        raise(database_, code, sqlite3_sql(handle_.get()));
    }
    sqlite3_reset(handle_.get());
    return false;
}

std::string_view Statement::text_at(int column) const {
    const auto* at = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
    return {at, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

BytesView Statement::blob_at(int column) const {
    const auto* at = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_.get(), column));
    return {at, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Database::Database(const std::filesystem::path& file) {
    sqlite3* raw = nullptr;
    const int code =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(raw);
    if (code != SQLITE_OK) raise(raw, code, file.string());
    // The folder's lock keeps other brokers away; a reader (a backup, a curious person) may hold us up this long.
    sqlite3_busy_timeout(raw, 1'000);
}

void Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) raise(handle_.get(), code, sql);
}

}  // namespace esl::broker::sqlite
