#include "mgmt-service/auth/sqlite_auth_store.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace esl::mgmt::auth {
namespace {

constexpr int kSchemaVersion = 1;
constexpr const char* kSchema = R"sql(
CREATE TABLE users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, stores TEXT NOT NULL, disabled INTEGER NOT NULL,
    password_hash TEXT NOT NULL, created_at INTEGER NOT NULL, last_login_at INTEGER) WITHOUT ROWID;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, stores TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL, created_by TEXT NOT NULL, last_used_at INTEGER, expires_at INTEGER) WITHOUT ROWID;
CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY, user TEXT NOT NULL, csrf_token TEXT NOT NULL, created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
)sql";

class Database {
public:
    explicit Database(const std::filesystem::path& file) {
        const int code = sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
        if (code != SQLITE_OK) {
            const std::string why = handle_ != nullptr ? sqlite3_errmsg(handle_) : "no memory";
            sqlite3_close(handle_);
            throw std::runtime_error(file.string() + ": " + why);
        }
    }
    ~Database() { sqlite3_close(handle_); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void run(const char* sql) {
        if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) raise();
    }
    [[noreturn]] void raise() const {
        throw std::runtime_error(std::string("user database: ") + sqlite3_errmsg(handle_));
    }
    [[nodiscard]] sqlite3* handle() const { return handle_; }

private:
    sqlite3* handle_ = nullptr;
};

class Statement {
public:
    Statement(Database& db, std::string_view sql) : db_(db) {
        if (sqlite3_prepare_v2(db.handle(), sql.data(), static_cast<int>(sql.size()), &handle_, nullptr) != SQLITE_OK) {
            db.raise();
        }
    }
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& bind(std::string_view text) {
        sqlite3_bind_text(handle_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
        return *this;
    }
    Statement& bind(std::int64_t value) {
        sqlite3_bind_int64(handle_, ++bound_, value);
        return *this;
    }
    Statement& bind(const std::optional<UnixMillis>& time) {
        if (time) return bind(to_millis(*time));
        sqlite3_bind_null(handle_, ++bound_);
        return *this;
    }
    bool next() {
        const int code = sqlite3_step(handle_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) db_.raise();
        return code == SQLITE_ROW;
    }
    [[nodiscard]] std::string text(int column) const {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
        return bytes == nullptr ? std::string{}
                                : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)));
    }
    [[nodiscard]] std::int64_t number(int column) const { return sqlite3_column_int64(handle_, column); }
    [[nodiscard]] std::optional<UnixMillis> time(int column) const {
        if (sqlite3_column_type(handle_, column) == SQLITE_NULL) return std::nullopt;
        return from_millis(number(column));
    }

private:
    Database& db_;
    sqlite3_stmt* handle_ = nullptr;
    int bound_ = 0;
};

std::string encode_stores(const std::vector<std::string>& stores) {
    return nlohmann::json(stores).dump();
}

std::vector<std::string> decode_stores(const std::string& text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_array()) throw std::runtime_error("user database: a damaged list of stores");
    return json.get<std::vector<std::string>>();
}

Role decode_role(const std::string& text) {
    const auto role = role_from(text);
    if (!role) throw std::runtime_error("user database: unknown role '" + text + "'");
    return *role;
}

class SqliteAuthStore final : public AuthStore {
public:
    explicit SqliteAuthStore(const std::filesystem::path& file) : db_(file) {
        ::chmod(file.c_str(), 0600);
        db_.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;");
        std::int64_t version = 0;
        {
            Statement query(db_, "PRAGMA user_version");
            query.next();
            version = query.number(0);
        }
        if (version > kSchemaVersion) throw std::runtime_error(file.string() + ": written by a newer version");
        if (version == 0) db_.run(("BEGIN;" + std::string(kSchema) + "COMMIT;").c_str());
    }

    [[nodiscard]] std::vector<User> users() override {
        std::vector<User> out;
        Statement rows(
            db_,
            "SELECT name, role, stores, disabled, password_hash, created_at, last_login_at FROM users ORDER BY name");
        while (rows.next()) {
            out.push_back({.name = rows.text(0),
                           .role = decode_role(rows.text(1)),
                           .stores = decode_stores(rows.text(2)),
                           .disabled = rows.number(3) != 0,
                           .password_hash = rows.text(4),
                           .created_at = from_millis(rows.number(5)),
                           .last_login_at = rows.time(6)});
        }
        return out;
    }

    [[nodiscard]] std::vector<Token> tokens() override {
        std::vector<Token> out;
        Statement rows(db_,
                       "SELECT id, name, role, stores, secret_hash, created_at, created_by, last_used_at, expires_at "
                       "FROM tokens ORDER BY id DESC");
        while (rows.next()) {
            out.push_back({.id = rows.text(0),
                           .name = rows.text(1),
                           .role = decode_role(rows.text(2)),
                           .stores = decode_stores(rows.text(3)),
                           .secret_hash = rows.text(4),
                           .created_at = from_millis(rows.number(5)),
                           .created_by = rows.text(6),
                           .last_used_at = rows.time(7),
                           .expires_at = rows.time(8)});
        }
        return out;
    }

    [[nodiscard]] std::vector<Session> sessions() override {
        std::vector<Session> out;
        Statement rows(db_, "SELECT id_hash, user, csrf_token, created_at, last_seen_at FROM sessions");
        while (rows.next()) {
            out.push_back({.id_hash = rows.text(0),
                           .user = rows.text(1),
                           .csrf_token = rows.text(2),
                           .created_at = from_millis(rows.number(3)),
                           .last_seen_at = from_millis(rows.number(4))});
        }
        return out;
    }

    void put(const User& user) override {
        Statement insert(db_, "INSERT OR REPLACE INTO users VALUES (?,?,?,?,?,?,?)");
        insert.bind(user.name).bind(name(user.role)).bind(encode_stores(user.stores)).bind(std::int64_t{user.disabled});
        insert.bind(user.password_hash).bind(to_millis(user.created_at)).bind(user.last_login_at).next();
    }
    void put(const Token& token) override {
        Statement insert(db_, "INSERT OR REPLACE INTO tokens VALUES (?,?,?,?,?,?,?,?,?)");
        insert.bind(token.id).bind(token.name).bind(name(token.role)).bind(encode_stores(token.stores));
        insert.bind(token.secret_hash).bind(to_millis(token.created_at)).bind(token.created_by);
        insert.bind(token.last_used_at).bind(token.expires_at).next();
    }
    void put(const Session& session) override {
        Statement insert(db_, "INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?)");
        insert.bind(session.id_hash).bind(session.user).bind(session.csrf_token);
        insert.bind(to_millis(session.created_at)).bind(to_millis(session.last_seen_at)).next();
    }
    void erase_token(const std::string& id) override { run("DELETE FROM tokens WHERE id = ?", id); }
    void erase_session(const std::string& id_hash) override { run("DELETE FROM sessions WHERE id_hash = ?", id_hash); }
    void erase_sessions_of(const std::string& user) override { run("DELETE FROM sessions WHERE user = ?", user); }

private:
    void run(std::string_view sql, std::string_view argument) { Statement(db_, sql).bind(argument).next(); }

    Database db_;
};

}  // namespace

std::unique_ptr<AuthStore> open_sqlite_auth_store(const std::filesystem::path& file) {
    return std::make_unique<SqliteAuthStore>(file);
}

}  // namespace esl::mgmt::auth
