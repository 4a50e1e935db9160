// One prepared statement of SQLite with typed parameters and columns. Internal to mgmt-service/adapters/sqlite.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"

namespace esl::mgmt::sqlite {

[[noreturn]] void fail_with(sqlite3* db, std::string_view doing);

// One connection; one thread at a time.
class Database {
public:
    Database(const std::string& file, bool read_only);
    void run(const char* sql);
    [[nodiscard]] sqlite3* get() const { return db_.get(); }

private:
    struct Close {
        void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    };
    std::unique_ptr<sqlite3, Close> db_;
};

class Statement {
public:
    Statement(Database& db, std::string_view sql);

    // Binds all parameters from the first on. Texts must live until the statement has been stepped through.
    template <class... T>
    Statement& with(const T&... values) {
        sqlite3_reset(stmt_.get());
        int at = 0;
        (bind(++at, values), ...);
        return *this;
    }
    void bind(int at, std::int64_t v) { check(sqlite3_bind_int64(stmt_.get(), at, v)); }
    void bind(int at, std::string_view v) {
        check(sqlite3_bind_text(stmt_.get(), at, v.data() == nullptr ? "" : v.data(), static_cast<int>(v.size()),
                                SQLITE_STATIC));
    }
    void bind(int at, const std::string& v) { bind(at, std::string_view(v)); }
    void bind(int at, const char* v) { bind(at, std::string_view(v)); }
    void bind(int at, const Bytes& v) {
        check(sqlite3_bind_blob(stmt_.get(), at, v.data(), static_cast<int>(v.size()), SQLITE_STATIC));
    }
    void bind(int at, UnixMillis v) { bind(at, to_millis(v)); }
    template <class I>
        requires(std::is_integral_v<I> || std::is_enum_v<I>) && (!std::is_same_v<I, std::int64_t>)
    void bind(int at, I v) {
        bind(at, static_cast<std::int64_t>(v));
    }
    template <class T>
    void bind(int at, const std::optional<T>& v) {
        if (v) {
            bind(at, *v);
        } else {
            check(sqlite3_bind_null(stmt_.get(), at));
        }
    }

    // A further row? Throws std::runtime_error.
    bool step();
    void run() {
        while (step()) {
        }
    }

    // Columns of the present row, read one after the other.
    [[nodiscard]] std::int64_t number() { return sqlite3_column_int64(stmt_.get(), column_++); }
    template <class I>
    [[nodiscard]] I as() {
        return static_cast<I>(number());
    }
    [[nodiscard]] UnixMillis time() { return from_millis(number()); }
    [[nodiscard]] std::string text() {
        const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(stmt_.get(), column_));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_.get(), column_++));
        return data == nullptr ? std::string() : std::string(data, size);
    }
    [[nodiscard]] Bytes blob() {
        const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(stmt_.get(), column_));
        const auto size = sqlite3_column_bytes(stmt_.get(), column_++);
        return data == nullptr ? Bytes() : Bytes(data, data + size);
    }
    template <class Read>
    [[nodiscard]] auto optional(Read read) -> std::optional<decltype(read())> {
        if (sqlite3_column_type(stmt_.get(), column_) == SQLITE_NULL) {
            ++column_;
            return std::nullopt;
        }
        return read();
    }
    [[nodiscard]] std::optional<std::string> maybe_text() {
        return optional([this] { return text(); });
    }
    [[nodiscard]] std::optional<std::int64_t> maybe_number() {
        return optional([this] { return number(); });
    }
    [[nodiscard]] std::optional<UnixMillis> maybe_time() {
        return optional([this] { return time(); });
    }

private:
    void check(int code);
    struct Finalize {
        void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
    };
    sqlite3* db_;
    std::unique_ptr<sqlite3_stmt, Finalize> stmt_;
    int column_ = 0;
};

}  // namespace esl::mgmt::sqlite
