#include "broker/adapters/credential_stores.hpp"

#include <sys/stat.h>

#include <stdexcept>

#include "broker/adapters/sqlite.hpp"

namespace esl::broker {
namespace {

constexpr std::int64_t kForm = 1;

std::string bound_to(std::string_view kind, std::string_view key) {
    std::string out(kind);
    out.push_back('\0');
    out.append(key);
    return out;
}

class SqliteCredentialStore final : public CredentialStore {
public:
    SqliteCredentialStore(const std::filesystem::path& file, const MasterKey& key)
        : file_(file), key_(key), database_(file) {
        ::chmod(file.c_str(), 0600);
        database_.execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS credentials (kind TEXT NOT NULL, key TEXT NOT NULL, fields TEXT NOT NULL,"
            " secret BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;"
            "INSERT OR IGNORE INTO meta VALUES ('form', 1);");
        sqlite::Statement form(database_, "SELECT value FROM meta WHERE key = 'form'");
        if (!form.start().step() || form.integer_at(0) != kForm)
            throw std::runtime_error(file.string() + ": form is not " + std::to_string(kForm));
        put_ = sqlite::Statement(database_, "INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)");
        remove_ = sqlite::Statement(database_, "DELETE FROM credentials WHERE kind = ? AND key = ?");
    }

    Result<std::vector<CredentialRecord>> load() override {
        try {
            std::vector<CredentialRecord> out;
            sqlite::Statement rows(database_, "SELECT kind, key, fields, secret FROM credentials ORDER BY kind, key");
            rows.start();
            while (rows.step()) {
                CredentialRecord record{.kind = std::string(rows.text_at(0)),
                                        .key = std::string(rows.text_at(1)),
                                        .fields = std::string(rows.text_at(2))};
                if (const auto sealed = rows.blob_at(3); !sealed.empty()) {
                    auto secret = key_.open(sealed, bound_to(record.kind, record.key));
                    if (!secret) {
                        return fail(StoreError::damaged, file_.string() + ": the secret of " + record.kind + " '" +
                                                             record.key + "' does not open with this key");
                    }
                    record.secret = std::move(*secret);
                }
                out.push_back(std::move(record));
            }
            return out;
        } catch (const sqlite::Failure& failure) {
            return fail(failure.reason, failure.what());
        }
    }

    Result<> apply(const CredentialChange& change) override {
        try {
            database_.execute("BEGIN IMMEDIATE");
            for (const auto& gone : change.remove) remove_.start().text(gone.kind).text(gone.key).run();
            for (const auto& record : change.put) {
                const auto sealed =
                    record.secret.empty() ? Bytes{} : key_.seal(record.secret, bound_to(record.kind, record.key));
                put_.start().text(record.kind).text(record.key).text(record.fields).blob(sealed).run();
            }
            database_.execute("COMMIT");
            return {};
        } catch (const sqlite::Failure& failure) {
            if (sqlite3_get_autocommit(database_.handle()) == 0) roll_back();
            return fail(failure.reason, failure.what());
        }
    }

private:
    void roll_back() {
        try {
            database_.execute("ROLLBACK");
        } catch (const sqlite::Failure&) {
            // SQLite has done it itself.
        }
    }

    std::filesystem::path file_;
    MasterKey key_;
    sqlite::Database database_;
    sqlite::Statement put_;
    sqlite::Statement remove_;
};

}  // namespace

Result<std::vector<CredentialRecord>> MemoryCredentialStore::load() {
    std::vector<CredentialRecord> out;
    for (const auto& [key, record] : records_) out.push_back(record);
    return out;
}

Result<> MemoryCredentialStore::apply(const CredentialChange& change) {
    for (const auto& gone : change.remove) records_.erase({gone.kind, gone.key});
    for (const auto& record : change.put) records_[{record.kind, record.key}] = record;
    return {};
}

std::unique_ptr<CredentialStore> open_sqlite_credential_store(const std::filesystem::path& file, const MasterKey& key) {
    try {
        return std::make_unique<SqliteCredentialStore>(file, key);
    } catch (const sqlite::Failure& failure) {
        throw std::runtime_error(file.string() + ": " + failure.what());
    }
}

}  // namespace esl::broker
