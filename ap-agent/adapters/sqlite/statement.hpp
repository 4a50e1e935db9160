// A thin hold on SQLite's C interface for the agent's store: errors become std::runtime_error with SQLite's own text.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"

namespace esl::ap::sqlite {

struct Close {
    void operator()(::sqlite3* db) const { ::sqlite3_close_v2(db); }
    void operator()(::sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<::sqlite3, Close>;

[[noreturn]] inline void raise(::sqlite3* db, std::string_view doing) {
    throw std::runtime_error("agent store: " + std::string(doing) + ": " + ::sqlite3_errmsg(db));
}

inline void execute(::sqlite3* db, const char* sql) {
    if (::sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) raise(db, sql);
}

// A prepared statement, used again and again. Bound by position from 1, read by column from 0.
class Statement {
public:
    Statement(::sqlite3* db, const char* sql) : db_(db) {
        ::sqlite3_stmt* raw = nullptr;
        if (::sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) raise(db, sql);
        statement_.reset(raw);
    }

    Statement& bind(int at, std::int64_t value) { return check(::sqlite3_bind_int64(statement_.get(), at, value)); }
    // Bit for bit: SQLite's integers are signed.
    Statement& bind(int at, std::uint64_t value) { return bind(at, static_cast<std::int64_t>(value)); }
    Statement& bind(int at, BytesView value) {
        return check(::sqlite3_bind_blob64(statement_.get(), at, value.data(), value.size(), SQLITE_TRANSIENT));
    }
    Statement& bind(int at, const std::string& value) {
        return check(
            ::sqlite3_bind_text64(statement_.get(), at, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    }
    Statement& bind(int at, std::nullopt_t) { return check(::sqlite3_bind_null(statement_.get(), at)); }
    template <class T>
    Statement& bind(int at, const std::optional<T>& value) {
        return value ? bind(at, *value) : bind(at, std::nullopt);
    }

    void run() {
        if (::sqlite3_step(statement_.get()) != SQLITE_DONE) raise(db_, ::sqlite3_sql(statement_.get()));
        ::sqlite3_reset(statement_.get());
        ::sqlite3_clear_bindings(statement_.get());
    }
    [[nodiscard]] bool next() {
        const int rc = ::sqlite3_step(statement_.get());
        if (rc == SQLITE_ROW) return true;
        if (rc != SQLITE_DONE) raise(db_, ::sqlite3_sql(statement_.get()));
        ::sqlite3_reset(statement_.get());
        return false;
    }

    [[nodiscard]] bool null(int column) const { return ::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
    [[nodiscard]] std::int64_t integer(int column) const { return ::sqlite3_column_int64(statement_.get(), column); }
    [[nodiscard]] std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
    // Valid until the next step.
    [[nodiscard]] BytesView bytes(int column) const {
        const auto* data = static_cast<const std::uint8_t*>(::sqlite3_column_blob(statement_.get(), column));
        return {data, static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
    }
    [[nodiscard]] std::string text(int column) const { return std::string(as_text(bytes(column))); }

private:
    Statement& check(int rc) {
        if (rc != SQLITE_OK) raise(db_, "bind");
        return *this;
    }
    ::sqlite3* db_;
    std::unique_ptr<::sqlite3_stmt, Close> statement_;
};

}  // namespace esl::ap::sqlite
