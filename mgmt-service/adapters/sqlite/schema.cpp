#include "mgmt-service/adapters/sqlite/schema.hpp"

#include <stdexcept>

#include "mgmt-service/core/model.hpp"

namespace esl::mgmt::sqlite {
namespace {

// kMigrations[n] leads from version n to n + 1. Never edited once released; a change is a further entry.
constexpr const char* kMigrations[kSchemaVersion] = {R"sql(
CREATE TABLE stores (id TEXT PRIMARY KEY, name TEXT NOT NULL, currency TEXT NOT NULL, locale TEXT NOT NULL,
    created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE aps (id TEXT PRIMARY KEY, store TEXT, name TEXT NOT NULL, online INTEGER NOT NULL, since INTEGER NOT NULL,
    software TEXT NOT NULL, boot TEXT NOT NULL, radios TEXT NOT NULL, queue INTEGER NOT NULL, permit_join_until INTEGER,
    last_seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tags (id TEXT PRIMARY KEY, store TEXT, ap TEXT, epoch INTEGER NOT NULL, radio TEXT NOT NULL,
    model TEXT NOT NULL, firmware TEXT NOT NULL, panel TEXT NOT NULL, products TEXT NOT NULL, template_id TEXT,
    position TEXT NOT NULL, version INTEGER NOT NULL, revision INTEGER NOT NULL, dirty TEXT,
    d_version INTEGER, d_crc INTEGER, d_sha TEXT, d_at INTEGER, d_not_before INTEGER, d_expires INTEGER, d_change TEXT,
    d_inputs TEXT,
    r_version INTEGER, r_crc INTEGER, r_sha TEXT, r_at INTEGER,
    f_kind TEXT, f_code INTEGER, f_detail TEXT, f_at INTEGER, f_attempts INTEGER,
    b_percent INTEGER, b_millivolts INTEGER, b_at INTEGER,
    rssi INTEGER, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE products (store TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, brand TEXT NOT NULL,
    quantity TEXT NOT NULL, unit TEXT NOT NULL, price INTEGER, promo_price INTEGER, promo_prior INTEGER,
    promo_from INTEGER, promo_to INTEGER, url TEXT NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    PRIMARY KEY (store, id)) WITHOUT ROWID;
CREATE TABLE prices (seq INTEGER PRIMARY KEY, store TEXT NOT NULL, product TEXT NOT NULL, valid_from INTEGER NOT NULL,
    price INTEGER, promotion INTEGER NOT NULL, change TEXT NOT NULL);
CREATE INDEX prices_by_product ON prices (store, product, valid_from);
CREATE TABLE changes (id TEXT PRIMARY KEY, store TEXT NOT NULL, state INTEGER NOT NULL, kind TEXT NOT NULL,
    title TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, at INTEGER NOT NULL,
    finished_at INTEGER, items_total INTEGER NOT NULL, jobs_total INTEGER NOT NULL, counts TEXT NOT NULL,
    p50_ms INTEGER, p99_ms INTEGER) WITHOUT ROWID;
CREATE INDEX changes_by_state ON changes (state, id);
CREATE INDEX changes_by_store ON changes (store, id);
CREATE TABLE change_items (change TEXT NOT NULL, idx INTEGER NOT NULL, product TEXT NOT NULL,
    b_known INTEGER NOT NULL, b_price INTEGER, b_promo_price INTEGER, b_promo_prior INTEGER, b_promo_from INTEGER,
    b_promo_to INTEGER, a_price INTEGER, a_promo_price INTEGER, a_promo_prior INTEGER, a_promo_from INTEGER,
    a_promo_to INTEGER, sets_price INTEGER NOT NULL, sets_promotion INTEGER NOT NULL,
    PRIMARY KEY (change, idx)) WITHOUT ROWID;
CREATE TABLE jobs (id TEXT PRIMARY KEY, change TEXT NOT NULL, store TEXT NOT NULL, tag TEXT NOT NULL, ap TEXT,
    version INTEGER NOT NULL, crc INTEGER NOT NULL, sha TEXT NOT NULL, state INTEGER NOT NULL,
    f_kind TEXT, f_code INTEGER, f_detail TEXT, f_at INTEGER, f_attempts INTEGER,
    attempts INTEGER NOT NULL, tries INTEGER NOT NULL, created_at INTEGER NOT NULL, due INTEGER NOT NULL,
    updated_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX jobs_by_change ON jobs (change, id);
CREATE INDEX jobs_by_tag ON jobs (tag, id);
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE TABLE job_steps (seq INTEGER PRIMARY KEY, job TEXT NOT NULL, state INTEGER NOT NULL, at INTEGER NOT NULL,
    actor TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX steps_by_job ON job_steps (job, seq);
CREATE TABLE images (sha TEXT PRIMARY KEY, crc INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    deflated BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE idempotency (actor TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, change TEXT NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (actor, key)) WITHOUT ROWID;
)sql",
                                                     // Changes made before have the steps that their row tells of.
                                                     R"sql(
CREATE TABLE change_steps (seq INTEGER PRIMARY KEY, change TEXT NOT NULL, state INTEGER NOT NULL,
    action INTEGER NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL, note TEXT NOT NULL);
CREATE INDEX change_steps_by_change ON change_steps (change, seq);
INSERT INTO change_steps (change, state, action, at, actor, note)
    SELECT id, CASE WHEN at > created_at THEN 2 ELSE 3 END, 0, created_at, created_by, '' FROM changes ORDER BY id;
INSERT INTO change_steps (change, state, action, at, actor, note)
    SELECT id, 3, 7, at, 'service', '' FROM changes WHERE at > created_at AND state BETWEEN 3 AND 5 ORDER BY id;
INSERT INTO change_steps (change, state, action, at, actor, note)
    SELECT id, state, CASE state WHEN 6 THEN 10 ELSE 9 END, finished_at, 'service', '' FROM changes
    WHERE finished_at IS NOT NULL AND state >= 4 ORDER BY id;
)sql",
                                                     R"sql(
ALTER TABLE changes ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE changes ADD COLUMN authors TEXT NOT NULL DEFAULT '[]';
ALTER TABLE changes ADD COLUMN approval TEXT;
UPDATE changes SET authors = json_array(created_by);
ALTER TABLE change_items ADD COLUMN trips TEXT NOT NULL DEFAULT '[]';
CREATE TABLE approval_rules (store TEXT PRIMARY KEY, inherits INTEGER NOT NULL, max_up INTEGER, max_down INTEGER,
    max_items INTEGER, role INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                                     R"sql(
ALTER TABLE tags ADD COLUMN p_at INTEGER;
ALTER TABLE tags ADD COLUMN p_version INTEGER;
ALTER TABLE tags ADD COLUMN p_crc INTEGER;
ALTER TABLE tags ADD COLUMN p_sha TEXT;
ALTER TABLE tags ADD COLUMN p_inputs TEXT;
ALTER TABLE tags ADD COLUMN p_job TEXT;
ALTER TABLE tags ADD COLUMN p_created_at INTEGER;
ALTER TABLE tags ADD COLUMN p_expires INTEGER;
ALTER TABLE tags ADD COLUMN p_sent_at INTEGER;
ALTER TABLE tags ADD COLUMN p_accepted_at INTEGER;
)sql",
                                                     R"sql(
ALTER TABLE idempotency ADD COLUMN status INTEGER NOT NULL DEFAULT 0;
ALTER TABLE idempotency ADD COLUMN headers TEXT NOT NULL DEFAULT '';
ALTER TABLE idempotency ADD COLUMN body TEXT NOT NULL DEFAULT '';
)sql"};

static_assert(static_cast<int>(ChangeAction::start) == 7 && static_cast<int>(ChangeAction::finish) == 9 &&
              static_cast<int>(ChangeAction::cancel) == 10);

}  // namespace

void migrate(Database& db, int to) {
    Statement version(db, "PRAGMA user_version");
    version.step();
    const auto at = version.as<int>();
    version.run();
    if (at > kSchemaVersion) {
        throw std::runtime_error("database has version " + std::to_string(at) + ", this program knows " +
                                 std::to_string(kSchemaVersion) + ": it was written by a newer one");
    }
    for (int v = at; v < to; ++v) {
        db.run("BEGIN IMMEDIATE");
        try {
            db.run(kMigrations[v]);
            db.run(("PRAGMA user_version = " + std::to_string(v + 1)).c_str());
            db.run("COMMIT");
        } catch (...) {
            sqlite3_exec(db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }
}

}  // namespace esl::mgmt::sqlite
