// The form of messages.db.
#include "broker/adapters/sqlite_message_file.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace esl::broker::sqlite {
namespace {

constexpr std::int64_t kForm = 5;

constexpr const char* kLeftBehind = R"sql(
CREATE TABLE wills(id INTEGER PRIMARY KEY, session INTEGER NOT NULL, client_id TEXT NOT NULL, delay INTEGER NOT NULL,
    flags INTEGER NOT NULL, expires INTEGER NOT NULL, topic TEXT NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE connections(channel_id TEXT PRIMARY KEY, session INTEGER NOT NULL, client_id TEXT NOT NULL,
    peer TEXT NOT NULL) WITHOUT ROWID;
)sql";

// Forms 3 and 4 had one row a session. Its number serves as the id of its will: ids given from now on are higher than
// all here.
constexpr const char* kTakeOver = R"sql(
INSERT INTO wills SELECT session, session, client_id, delay, flags, expires, topic, properties, payload FROM wills_4;
INSERT OR REPLACE INTO connections SELECT channel_id, session, client_id, peer FROM connections_4;
DROP TABLE wills_4;
DROP TABLE connections_4;
)sql";

// What form 4 has more than form 3. Messages that were taken before stay in rows of their own.
constexpr const char* kBundles = R"sql(
CREATE TABLE bundles(row INTEGER PRIMARY KEY, records BLOB NOT NULL);
CREATE TABLE gone(seq INTEGER PRIMARY KEY, highest INTEGER NOT NULL, messages BLOB NOT NULL);
)sql";

constexpr const char* kSchema = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions(number INTEGER PRIMARY KEY, client_id TEXT NOT NULL, expiry INTEGER NOT NULL,
    offline_since INTEGER NOT NULL);
CREATE TABLE subscriptions(session INTEGER NOT NULL, filter TEXT NOT NULL, options INTEGER NOT NULL,
    identifier INTEGER NOT NULL, PRIMARY KEY(session, filter)) WITHOUT ROWID;
CREATE TABLE received(session INTEGER NOT NULL, packet_id INTEGER NOT NULL,
    PRIMARY KEY(session, packet_id)) WITHOUT ROWID;
CREATE TABLE messages(id INTEGER PRIMARY KEY, recipients BLOB NOT NULL, flags INTEGER NOT NULL,
    expires INTEGER NOT NULL, publisher INTEGER NOT NULL, topic TEXT NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL,
    born INTEGER NOT NULL DEFAULT 0);
CREATE TABLE acks(seq INTEGER PRIMARY KEY, highest INTEGER NOT NULL, records BLOB NOT NULL);
CREATE TABLE retained(topic TEXT PRIMARY KEY, ordering INTEGER NOT NULL, flags INTEGER NOT NULL,
    expires INTEGER NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL);
)sql";

// The median of a few 4 KB flushes, as a commit does them.
std::chrono::microseconds flush_time(const std::filesystem::path& beside, const Clock& clock) {
    const auto file = beside.string() + ".flush-test";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return std::chrono::microseconds{500};
    std::vector<std::chrono::microseconds> times;
    const Bytes page(4'096, 0x5A);
    for (int i = 0; i < 9; ++i) {
        const auto from = clock.steady();
        if (::pwrite(fd, page.data(), page.size(), 0) < 0 || ::fdatasync(fd) != 0) break;
        times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(clock.steady() - from));
    }
    ::close(fd);
    std::filesystem::remove(file);
    if (times.empty()) return std::chrono::microseconds{500};
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
    return times[times.size() / 2];
}

void bring_up_to_date(Database& database) {
    std::int64_t form = 0;
    {
        Statement ask(database, "SELECT value FROM meta WHERE key='form'");
        if (ask.step()) form = ask.integer_at(0);
    }
    if (form == kForm) return;
    if (form < 1 || form > kForm) {
        throw Failure(StoreError::damaged,
                      "form " + std::to_string(form) + ", this broker knows " + std::to_string(kForm));
    }
    database.execute("BEGIN");
    // Form 1 did not say when a message was taken.
    if (form == 1) database.execute("ALTER TABLE messages ADD COLUMN born INTEGER NOT NULL DEFAULT 0");
    const bool one_a_session = form >= 3;
    if (one_a_session) {
        database.execute("ALTER TABLE wills RENAME TO wills_4; ALTER TABLE connections RENAME TO connections_4");
    }
    database.execute(kLeftBehind);
    if (one_a_session) database.execute(kTakeOver);
    if (form < 4) database.execute(kBundles);
    database.execute("UPDATE meta SET value=" + std::to_string(kForm) + " WHERE key='form'; COMMIT");
}

// Makes the tables in a file beside and gives it its name when it is whole, so that an empty or half-made file of that
// name is always damage.
void make_file(const std::filesystem::path& file) {
    auto fresh = file;
    fresh += ".new";
    std::filesystem::remove(fresh);
    // Other users of the machine are not to read messages (CVE-2017-9868); -wal and -shm follow the file's mode.
    if (const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); fd >= 0) ::close(fd);
    {
        Database database(fresh);
        database.execute("PRAGMA synchronous=FULL; BEGIN");
        database.execute(kSchema);
        database.execute(kLeftBehind);
        database.execute(kBundles);
        database.execute("INSERT INTO meta VALUES('form', " + std::to_string(kForm) + "); COMMIT");
    }
    std::filesystem::rename(fresh, file);
    if (const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

void check_file(const std::filesystem::path& file) {
    auto log = file;
    log += "-wal";
    std::error_code none;
    if (std::filesystem::exists(file)) {
        if (!std::filesystem::is_regular_file(file)) throw Failure(StoreError::damaged, "it is no file");
        if (std::filesystem::file_size(file) == 0) throw Failure(StoreError::damaged, "the file is empty");
    } else if (const auto size = std::filesystem::file_size(log, none); !none && size != 0) {
        throw Failure(StoreError::damaged, "the file is missing, but its " + log.filename().string() + " is there");
    }
}

// SQLite reads on in a file whose end is missing until it needs a page of there. While the log has pages that are not
// in the file, since a reader or a full disk is in the way, its length says nothing.
void check_length(Database& database, const std::filesystem::path& file) {
    int in_log = 0;
    int in_file = 0;
    const int code =
        sqlite3_wal_checkpoint_v2(database.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &in_file);
    if (code != SQLITE_OK || in_log != in_file) return;
    const auto number = [&](const char* pragma) {
        Statement ask(database, pragma);
        return ask.step() ? static_cast<std::uintmax_t>(ask.integer_at(0)) : 0;
    };
    const auto whole = number("PRAGMA page_count") * number("PRAGMA page_size");
    const auto size = std::filesystem::file_size(file);
    if (size < whole) {
        throw Failure(StoreError::damaged,
                      "its end is missing, it has " + std::to_string(size) + " of " + std::to_string(whole) + " bytes");
    }
}

// Other files of the folder are from an earlier start; a new broker makes this one first.
void warn_of_a_lost_file(const std::filesystem::path& file) {
    const auto ids = file.parent_path() / "message-ids.json";
    if (!std::filesystem::exists(ids)) return;
    spdlog::warn(
        "message store: {} is not there, though {} is: it begins empty, without the sessions, queued and "
        "retained messages of before",
        file.string(), ids.string());
}

}  // namespace

unsigned checkpoint_pages_for(const std::filesystem::path& file, const Clock& clock) {
    const auto flush = flush_time(file, clock);
    const unsigned pages = flush < std::chrono::microseconds{300}     ? 250
                           : flush > std::chrono::microseconds{1'000} ? 4'000
                                                                      : 1'000;
    spdlog::info("message store: a flush takes {} µs, checkpoint every {} pages", flush.count(), pages);
    return pages;
}

Database open_message_file(const std::filesystem::path& file) {
    check_file(file);
    if (!std::filesystem::exists(file)) {
        warn_of_a_lost_file(file);
        make_file(file);
    }
    Database database(file);
    database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    check_length(database, file);
    bring_up_to_date(database);
    return database;
}

}  // namespace esl::broker::sqlite
