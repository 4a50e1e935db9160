#include "mgmt-service/adapters/sqlite/sqlite_task_store.hpp"

#include <mutex>

#include "mgmt-service/adapters/sqlite/rows.hpp"
#include "mgmt-service/adapters/sqlite/schema.hpp"

namespace esl::mgmt {

using sqlite::Database;
using sqlite::Statement;

namespace {

std::string insert(const char* table, const char* columns, const char* how = "INSERT OR REPLACE") {
    std::string marks = "?";
    for (const char* c = columns; *c != '\0'; ++c) {
        if (*c == ',') marks += ",?";
    }
    return std::string(how) + " INTO " + table + " (" + columns + ") VALUES (" + marks + ")";
}

// The writer's connection and its prepared statements.
struct Writer {
    explicit Writer(const std::string& file) : db(file, false) {
        db.run("PRAGMA journal_mode = WAL");
        // Each commit is flushed: NORMAL would lose the last ones in a power cut.
        db.run("PRAGMA synchronous = FULL");
        db.run("PRAGMA wal_autocheckpoint = 4000");
        sqlite::migrate(db);
    }

    Database db;
};

struct Statements {
    explicit Statements(Database& db)
        : store(db, insert("stores", "id, name, currency, locale, created_at")),
          ap(db, insert("aps", sqlite::kApColumns)),
          tag(db, insert("tags", sqlite::kTagColumns)),
          product(db, insert("products", sqlite::kProductColumns)),
          price(db, insert("prices", "store, product, valid_from, price, promotion, change", "INSERT")),
          change(db, insert("changes", sqlite::kChangeColumns)),
          item(db, insert("change_items", sqlite::kItemColumns)),
          clear_items(db, "DELETE FROM change_items WHERE change = ?"),
          rule(db, insert("approval_rules", sqlite::kRuleColumns)),
          change_step(db, insert("change_steps", "change, state, action, at, actor, note", "INSERT")),
          job(db, insert("jobs", sqlite::kJobColumns)),
          step(db, insert("job_steps", "job, state, at, actor, detail", "INSERT")),
          image(db, insert("images", "sha, crc, width, height, deflated", "INSERT OR IGNORE")),
          key(db, insert("idempotency", "actor, key, digest, change, at, status, headers, body")) {}

    Statement store, ap, tag, product, price, change, item, clear_items, rule, change_step, job, step, image, key;
};

template <class Row>
void put_all(Statement& s, const std::vector<Row>& rows) {
    for (const auto& row : rows) sqlite::put(s, row);
}

template <class Read>
auto all(Statement& s, Read read) {
    std::vector<decltype(read(s))> out;
    while (s.step()) out.push_back(read(s));
    return out;
}

template <class Read>
auto one(Statement& s, Read read) -> std::optional<decltype(read(s))> {
    if (!s.step()) return std::nullopt;
    return read(s);
}

// WHERE of a list, built from what is asked for; values are bound in the same order.
class Where {
public:
    void add(const std::optional<std::string>& value, const char* column) {
        if (!value) return;
        sql_ += (sql_.empty() ? " WHERE " : " AND ") + std::string(column);
        values_.push_back(*value);
    }
    void add_number(std::optional<std::int64_t> value, const char* column) {
        if (value) add(std::to_string(*value), column);
    }
    [[nodiscard]] const std::string& sql() const { return sql_; }
    int bind(Statement& s) const {
        int at = 0;
        for (const auto& v : values_) s.bind(++at, v);
        return at;
    }

private:
    std::string sql_;
    std::vector<std::string> values_;
};

template <class Read>
auto page(Database& db, const std::string& table, const std::string& columns, Where where, const std::string& before,
          std::size_t limit, std::uint64_t& total, Read read) {
    Statement count(db, "SELECT count(*) FROM " + table + where.sql());
    where.bind(count);
    count.step();
    total = count.as<std::uint64_t>();
    if (!before.empty()) where.add(before, "id < ?");
    Statement rows(db, "SELECT " + columns + " FROM " + table + where.sql() + " ORDER BY id DESC LIMIT ?");
    rows.bind(where.bind(rows) + 1, static_cast<std::int64_t>(limit));
    return all(rows, read);
}

}  // namespace

class SqliteTaskStore::Impl {
public:
    explicit Impl(std::string file) : file_(std::move(file)), writer(file_), put(writer.db) {}
    // The writer is closed last, which folds the log into the file.
    ~Impl() { idle_.clear(); }

    // Borrows a read connection for one query.
    template <class Query>
    auto read(Query query) {
        std::unique_ptr<Database> db;
        {
            const std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                db = std::move(idle_.back());
                idle_.pop_back();
            }
        }
        if (!db) db = std::make_unique<Database>(file_, true);
        auto out = query(*db);
        const std::lock_guard lock(mutex_);
        if (idle_.size() < kIdle) idle_.push_back(std::move(db));
        return out;
    }

private:
    static constexpr std::size_t kIdle = 8;
    std::string file_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Database>> idle_;

public:
    std::mutex writing;  // commit and clean come from different threads
    Writer writer;
    Statements put;
};

SqliteTaskStore::SqliteTaskStore(const std::filesystem::path& file) : impl_(std::make_unique<Impl>(file.string())) {}
SqliteTaskStore::~SqliteTaskStore() = default;

Snapshot SqliteTaskStore::load() {
    return impl_->read([](Database& db) {
        Snapshot out;
        Statement stores(db, "SELECT id, name, currency, locale, created_at FROM stores");
        out.stores = all(stores, sqlite::read_store);
        Statement aps(db, std::string("SELECT ") + sqlite::kApColumns + " FROM aps");
        out.aps = all(aps, sqlite::read_ap);
        Statement tags(db, std::string("SELECT ") + sqlite::kTagColumns + " FROM tags");
        out.tags = all(tags, sqlite::read_tag);
        Statement products(db, std::string("SELECT ") + sqlite::kProductColumns + " FROM products");
        out.products = all(products, sqlite::read_product);
        // 0 to 3: draft, awaiting_approval, scheduled, running. 5, 7, 8, 9: the final states of a job.
        Statement changes(db, std::string("SELECT ") + sqlite::kChangeColumns +
                                  " FROM changes WHERE state < 4 OR id IN (SELECT change FROM jobs WHERE state < 5 OR "
                                  "state = 6) OR id IN (SELECT dirty FROM tags WHERE dirty IS NOT NULL) ORDER BY id");
        out.changes = all(changes, sqlite::read_change);
        Statement items(db, std::string("SELECT ") + sqlite::kItemColumns +
                                " FROM change_items WHERE change IN (SELECT id FROM changes WHERE state < 3) ORDER BY "
                                "change, idx");
        out.items = all(items, sqlite::read_item);
        Statement rules(db, std::string("SELECT ") + sqlite::kRuleColumns + " FROM approval_rules");
        out.rules = all(rules, sqlite::read_rule);
        Statement jobs(
            db, std::string("SELECT ") + sqlite::kJobColumns + " FROM jobs WHERE state < 5 OR state = 6 ORDER BY id");
        out.jobs = all(jobs, sqlite::read_job);
        return out;
    });
}
static_assert(static_cast<int>(ChangeState::scheduled) == 2 && static_cast<int>(ChangeState::running) == 3);
static_assert(static_cast<int>(JobState::displayed) == 5 && static_cast<int>(JobState::failed) == 6);

void SqliteTaskStore::commit(const WriteBatch& b) {
    const std::lock_guard lock(impl_->writing);
    auto& db = impl_->writer.db;
    auto& put = impl_->put;
    db.run("BEGIN IMMEDIATE");
    try {
        put_all(put.store, b.stores);
        put_all(put.ap, b.aps);
        put_all(put.tag, b.tags);
        put_all(put.product, b.products);
        put_all(put.price, b.prices);
        put_all(put.change, b.changes);
        for (const auto& id : b.clear_items) put.clear_items.with(id).run();
        put_all(put.item, b.items);
        put_all(put.rule, b.rules);
        put_all(put.change_step, b.change_steps);
        put_all(put.job, b.jobs);
        put_all(put.step, b.steps);
        put_all(put.image, b.images);
        put_all(put.key, b.keys);
        db.run("COMMIT");
    } catch (...) {
        sqlite3_exec(db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
}

std::optional<Change> SqliteTaskStore::change(const std::string& id) {
    return impl_->read([&](Database& db) {
        Statement s(db, std::string("SELECT ") + sqlite::kChangeColumns + " FROM changes WHERE id = ?");
        return one(s.with(id), sqlite::read_change);
    });
}

std::vector<Change> SqliteTaskStore::changes(const ChangeFilter& filter, const std::string& before, std::size_t limit,
                                             std::uint64_t& total) {
    return impl_->read([&](Database& db) {
        Where where;
        where.add(filter.store, "store = ?");
        if (filter.state) where.add_number(static_cast<std::int64_t>(*filter.state), "state = CAST(? AS INTEGER)");
        return page(db, "changes", sqlite::kChangeColumns, where, before, limit, total, sqlite::read_change);
    });
}

std::vector<ChangeItem> SqliteTaskStore::change_items(const std::string& change, std::size_t limit) {
    return impl_->read([&](Database& db) {
        Statement s(db, std::string("SELECT ") + sqlite::kItemColumns +
                            " FROM change_items WHERE change = ? ORDER BY idx LIMIT ?");
        return all(s.with(change, limit), sqlite::read_item);
    });
}

std::vector<ChangeItem> SqliteTaskStore::item_page(const std::string& change, std::int64_t after, bool tripped,
                                                   std::size_t limit) {
    return impl_->read([&](Database& db) {
        Statement s(db, std::string("SELECT ") + sqlite::kItemColumns +
                            " FROM change_items WHERE change = ? AND idx > ?" + (tripped ? " AND trips <> '[]'" : "") +
                            " ORDER BY idx LIMIT ?");
        return all(s.with(change, after, limit), sqlite::read_item);
    });
}

std::vector<ChangeStep> SqliteTaskStore::change_steps(const std::string& change) {
    return impl_->read([&](Database& db) {
        Statement s(db,
                    "SELECT change, state, action, at, actor, note FROM change_steps WHERE change = ? ORDER BY seq "
                    "LIMIT ?");
        return all(s.with(change, kMaxChangeSteps), sqlite::read_change_step);
    });
}

std::optional<Job> SqliteTaskStore::job(const std::string& id) {
    return impl_->read([&](Database& db) {
        Statement s(db, std::string("SELECT ") + sqlite::kJobColumns + " FROM jobs WHERE id = ?");
        return one(s.with(id), sqlite::read_job);
    });
}

std::vector<Job> SqliteTaskStore::jobs(const JobFilter& filter, const std::string& before, std::size_t limit,
                                       std::uint64_t& total) {
    return impl_->read([&](Database& db) {
        Where where;
        where.add(filter.change, "change = ?");
        if (filter.tag) where.add(filter.tag->text(), "tag = ?");
        where.add(filter.store, "store = ?");
        if (filter.state) where.add_number(static_cast<std::int64_t>(*filter.state), "state = CAST(? AS INTEGER)");
        return page(db, "jobs", sqlite::kJobColumns, where, before, limit, total, sqlite::read_job);
    });
}

std::vector<JobStep> SqliteTaskStore::steps(const std::string& job) {
    return impl_->read([&](Database& db) {
        Statement s(db, "SELECT job, state, at, actor, detail FROM job_steps WHERE job = ? ORDER BY seq");
        return all(s.with(job), sqlite::read_step);
    });
}

std::vector<std::int64_t> SqliteTaskStore::durations(const std::string& change) {
    return impl_->read([&](Database& db) {
        Statement s(db, "SELECT max(0, updated_at - due) FROM jobs WHERE change = ? AND state = ?");
        return all(s.with(change, JobState::displayed), [](Statement& row) { return row.number(); });
    });
}

std::vector<PricePoint> SqliteTaskStore::prices(const std::string& store, const std::string& product,
                                                UnixMillis since) {
    return impl_->read([&](Database& db) {
        Statement s(db,
                    "SELECT store, product, valid_from, price, promotion, change FROM prices WHERE store = ?1 AND "
                    "product = ?2 AND valid_from >= coalesce((SELECT max(valid_from) FROM prices WHERE store = ?1 AND "
                    "product = ?2 AND valid_from <= ?3), ?3) ORDER BY valid_from, seq");
        return all(s.with(store, product, since), sqlite::read_price);
    });
}

std::optional<StoredImage> SqliteTaskStore::image(const std::string& sha) {
    return impl_->read([&](Database& db) {
        Statement s(db, "SELECT sha, crc, width, height, deflated FROM images WHERE sha = ?");
        return one(s.with(sha), [](Statement& row) {
            StoredImage out;
            out.ref.sha = row.text();
            out.ref.crc = row.as<std::uint32_t>();
            out.width = row.as<unsigned>();
            out.height = row.as<unsigned>();
            out.deflated = row.blob();
            return out;
        });
    });
}

std::optional<Idempotency> SqliteTaskStore::idempotency(const std::string& actor, const std::string& key) {
    return impl_->read([&](Database& db) {
        Statement s(db,
                    "SELECT actor, key, digest, change, at, status, headers, body FROM idempotency WHERE actor = ? AND "
                    "key = ?");
        return one(s.with(actor, key), [](Statement& row) {
            Idempotency out;
            out.actor = row.text();
            out.key = row.text();
            out.digest = row.text();
            out.change = row.text();
            out.at = row.time();
            out.status = row.as<int>();
            out.headers = row.text();
            out.body = row.text();
            return out;
        });
    });
}

void SqliteTaskStore::clean(UnixMillis keys_before) {
    const std::lock_guard lock(impl_->writing);
    auto& db = impl_->writer.db;
    Statement keys(db, "DELETE FROM idempotency WHERE at < ?");
    keys.with(keys_before).run();
    Statement most(db,
                   "DELETE FROM idempotency WHERE (actor, key) IN (SELECT actor, key FROM idempotency ORDER BY at DESC "
                   "LIMIT -1 OFFSET ?)");
    most.with(kMaxKeys).run();
    db.run(
        "DELETE FROM images WHERE sha NOT IN (SELECT d_sha FROM tags WHERE d_sha IS NOT NULL UNION SELECT r_sha "
        "FROM tags WHERE r_sha IS NOT NULL UNION SELECT p_sha FROM tags WHERE p_sha IS NOT NULL UNION SELECT sha FROM "
        "jobs WHERE state < 5 OR state = 6)");
}

}  // namespace esl::mgmt
