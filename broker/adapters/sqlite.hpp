// A thin owner of an SQLite connection and its statements. Codes become StoreError here. Not thread-safe.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "broker/ports/message_store.hpp"
#include "common/core/bytes.hpp"

namespace esl::broker::sqlite {

// What the functions below throw; the store turns it into a Result at its edge.
class Failure : public std::runtime_error {
public:
    Failure(StoreError reason, const std::string& what) : std::runtime_error(what), reason(reason) {}
    StoreError reason;
};

class Database;

// Bind with the calls in order, then step() until false; reset() happens on the next bind or when it goes.
class Statement {
public:
    Statement() = default;
    Statement(Database& database, std::string_view sql);

    Statement& start();
    Statement& integer(std::int64_t value);
    Statement& text(std::string_view value);  // valid until step()
    Statement& blob(BytesView value);         // valid until step()
    bool step();
    void run() {
        while (step()) {
        }
    }
    [[nodiscard]] std::int64_t integer_at(int column) const { return sqlite3_column_int64(handle_.get(), column); }
    [[nodiscard]] std::string_view text_at(int column) const;
    [[nodiscard]] BytesView blob_at(int column) const;

private:
    struct Close {
        void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
    };
    sqlite3* database_ = nullptr;
    std::unique_ptr<sqlite3_stmt, Close> handle_;
    int bound_ = 0;
};

class Database {
public:
    explicit Database(const std::filesystem::path& file);
    void execute(const std::string& sql);
    [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

private:
    struct Close {
        void operator()(sqlite3* d) const { sqlite3_close(d); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace esl::broker::sqlite
