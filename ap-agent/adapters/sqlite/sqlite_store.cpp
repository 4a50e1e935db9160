#include "ap-agent/adapters/sqlite/sqlite_store.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "ap-agent/adapters/sqlite/statement.hpp"

namespace esl::ap {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr std::int64_t kSchema = 1;
constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS image (id INTEGER PRIMARY KEY, stream BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS task (
    tag TEXT NOT NULL, version INTEGER NOT NULL, image INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (tag, version)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_image ON task (image);
CREATE TABLE IF NOT EXISTS outcome (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tag (
    tag TEXT PRIMARY KEY, highest INTEGER NOT NULL, epoch INTEGER NOT NULL, leased INTEGER NOT NULL,
    confirmed_image INTEGER, confirmed_at INTEGER, last BLOB) WITHOUT ROWID;
)";

// Tasks and outcomes are kept in the contract's own encoding: one form to read, and one to test.
Bytes body_of(const contract::Task& task) {
    return contract::encode(contract::Downlink(contract::Tasks{{task}}));
}
Bytes body_of(const contract::TaskResult& result) {
    return contract::encode(contract::Uplink(contract::ResultReport{"", {result}}));
}

[[noreturn]] void damaged(const std::string& what, const Error& error) {
    throw std::runtime_error("agent store: damaged " + what + ": " + error.message());
}

contract::Task task_from(BytesView body) {
    auto decoded = contract::decode_downlink(body);
    if (!decoded) damaged("task", decoded.error());
    auto* tasks = std::get_if<contract::Tasks>(&*decoded);
    if (tasks == nullptr || tasks->tasks.size() != 1) throw std::runtime_error("agent store: damaged task");
    return std::move(tasks->tasks.front());
}

contract::TaskResult result_from(BytesView body) {
    auto decoded = contract::decode_uplink(body);
    if (!decoded) damaged("outcome", decoded.error());
    auto* report = std::get_if<contract::ResultReport>(&*decoded);
    if (report == nullptr || report->results.size() != 1) throw std::runtime_error("agent store: damaged outcome");
    return std::move(report->results.front());
}

TagId tag_from(const std::string& text) {
    const auto id = TagId::parse(text);
    if (!id) damaged("tag id", id.error());
    return *id;
}

Database open_database(const std::filesystem::path& data) {
    std::filesystem::create_directories(data);
    const auto file = (data / "agent.db").string();
    ::sqlite3* raw = nullptr;
    const int rc = ::sqlite3_open_v2(file.c_str(), &raw,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database db(raw);
    if (rc != SQLITE_OK) throw std::runtime_error("agent store: cannot open " + file + ": " + ::sqlite3_errmsg(raw));
    try {
        // Exclusive: a second agent on the same folder is told at once, and WAL needs no shared memory file.
        sqlite::execute(raw, "PRAGMA locking_mode = EXCLUSIVE");
        sqlite::execute(raw, "PRAGMA journal_mode = WAL");
        sqlite::execute(raw, "PRAGMA synchronous = FULL");
        Statement version(raw, "PRAGMA user_version");
        const auto found = version.next() ? version.integer(0) : 0;
        if (found > kSchema) {
            throw std::runtime_error("agent store: " + file + " has schema " + std::to_string(found) +
                                     ", this program knows " + std::to_string(kSchema));
        }
        sqlite::execute(raw, "BEGIN IMMEDIATE");
        sqlite::execute(raw, kTables);
        sqlite::execute(raw, ("PRAGMA user_version = " + std::to_string(kSchema)).c_str());
        sqlite::execute(raw, "COMMIT");
    } catch (const std::runtime_error& e) {
        throw std::runtime_error(std::string(e.what()) + " (" + file + ")");
    }
    return db;
}

// All statements of the writer, on its thread.
class Rows {
public:
    explicit Rows(::sqlite3* db) : db_(db) {}

    void begin() { sqlite::execute(db_, "BEGIN IMMEDIATE"); }
    void commit() { sqlite::execute(db_, "COMMIT"); }
    void rollback() { ::sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr); }

    void operator()(const PutTask& op) {
        const auto& task = op.task.task;
        const auto image = static_cast<std::int64_t>(task.image_id);
        put_image_.bind(1, image).bind(2, BytesView(*op.task.image)).run();
        put_task_.bind(1, task.tag.text()).bind(2, task.version).bind(3, image).bind(4, BytesView(body_of(task))).run();
    }
    void operator()(const DropTask& op) {
        std::optional<std::int64_t> image;
        task_image_.bind(1, op.tag.text()).bind(2, op.version);
        while (task_image_.next()) image = task_image_.integer(0);
        if (!image) return;
        drop_task_.bind(1, op.tag.text()).bind(2, op.version).run();
        drop_image_.bind(1, *image).run();
    }
    void operator()(const PutOutcome& op) {
        put_outcome_.bind(1, op.outcome.sequence).bind(2, BytesView(body_of(op.outcome.result))).run();
    }
    void operator()(const DropOutcome& op) { drop_outcome_.bind(1, op.sequence).run(); }
    void operator()(const PutTag& op) {
        const auto& r = op.record;
        std::optional<std::int64_t> image, at;
        if (r.confirmed) image = r.confirmed->image_id, at = to_millis(r.confirmed->at);
        put_tag_.bind(1, r.tag.text()).bind(2, r.highest).bind(3, r.epoch).bind(4, std::int64_t{r.leased});
        put_tag_.bind(5, image).bind(6, at);
        if (r.last) put_tag_.bind(7, BytesView(body_of(*r.last)));
        put_tag_.run();
    }
    void operator()(const PutSetting& op) { put_setting_.bind(1, op.key).bind(2, op.value).run(); }

private:
    ::sqlite3* db_;
    Statement put_image_{db_, "INSERT OR IGNORE INTO image VALUES (?, ?)"};
    Statement put_task_{db_, "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?)"};
    Statement task_image_{db_, "SELECT image FROM task WHERE tag = ? AND version = ?"};
    Statement drop_task_{db_, "DELETE FROM task WHERE tag = ? AND version = ?"};
    Statement drop_image_{db_, "DELETE FROM image WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM task WHERE image = ?1)"};
    Statement put_outcome_{db_, "INSERT OR REPLACE INTO outcome VALUES (?, ?)"};
    Statement drop_outcome_{db_, "DELETE FROM outcome WHERE sequence = ?"};
    Statement put_tag_{db_, "INSERT OR REPLACE INTO tag VALUES (?, ?, ?, ?, ?, ?, ?)"};
    Statement put_setting_{db_, "INSERT OR REPLACE INTO setting VALUES (?, ?)"};
};

}  // namespace

class SqliteStore::Writer : public std::enable_shared_from_this<SqliteStore::Writer> {
public:
    Writer(boost::asio::any_io_executor executor, const std::filesystem::path& data)
        : executor_(std::move(executor)), db_(open_database(data)), rows_(db_.get()) {}

    void start() {
        thread_ = std::thread([this] { run(); });
    }
    void stop() {
        {
            const std::scoped_lock lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
        abandoned_ = true;
    }

    Snapshot load() {
        Snapshot out;
        std::map<std::int64_t, std::shared_ptr<const Bytes>> images;
        for (Statement s(db_.get(), "SELECT id, stream FROM image"); s.next();) {
            const auto stream = s.bytes(1);
            images[s.integer(0)] = std::make_shared<const Bytes>(stream.begin(), stream.end());
        }
        for (Statement s(db_.get(), "SELECT body, image FROM task ORDER BY tag, version"); s.next();) {
            auto task = task_from(s.bytes(0));
            const auto image = images.find(s.integer(1));
            if (image == images.end()) throw std::runtime_error("agent store: a task's image is missing");
            out.tasks.push_back({std::move(task), image->second});
        }
        for (Statement s(db_.get(), "SELECT sequence, body FROM outcome ORDER BY sequence"); s.next();) {
            out.outcomes.push_back({s.number(0), result_from(s.bytes(1))});
        }
        for (Statement s(db_.get(), "SELECT * FROM tag"); s.next();) out.tags.push_back(record(s));
        for (Statement s(db_.get(), "SELECT key, value FROM setting"); s.next();) {
            out.settings.push_back({s.text(0), s.text(1)});
        }
        return out;
    }

    void write(StoreBatch batch, Done done) {
        {
            const std::scoped_lock lock(mutex_);
            queue_.emplace_back(std::move(batch), std::move(done));
        }
        ++backlog_;
        wake_.notify_one();
    }
    [[nodiscard]] std::size_t backlog() const { return backlog_; }

private:
    using Entry = std::pair<StoreBatch, Done>;

    static TagRecord record(const Statement& s) {
        TagRecord out;
        out.tag = tag_from(s.text(0));
        out.highest = s.number(1);
        out.epoch = s.number(2);
        out.leased = s.integer(3) != 0;
        if (!s.null(4)) out.confirmed = Confirmed{static_cast<std::uint32_t>(s.integer(4)), from_millis(s.integer(5))};
        if (!s.null(6)) out.last = result_from(s.bytes(6));
        return out;
    }

    void run() {
        for (;;) {
            std::vector<Entry> gathered;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
                if (queue_.empty()) return;
                gathered.swap(queue_);
            }
            commit(gathered);
            backlog_ -= gathered.size();
            boost::asio::post(executor_, [self = shared_from_this(), gathered = std::move(gathered), error = error_] {
                if (self->abandoned_) return;
                for (const auto& [batch, done] : gathered) {
                    if (done) done(error.empty() ? Result<>() : fail(StoreError::broken, error));
                }
            });
        }
    }

    void commit(const std::vector<Entry>& gathered) {
        if (!error_.empty()) return;
        try {
            rows_.begin();
            for (const auto& [batch, done] : gathered) {
                for (const auto& op : batch) std::visit(rows_, op);
            }
            rows_.commit();
        } catch (const std::exception& e) {
            error_ = e.what();
            rows_.rollback();
        }
    }

    const boost::asio::any_io_executor executor_;
    Database db_;
    Rows rows_;
    std::string error_;  // the writer's
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Entry> queue_;
    bool stopping_ = false;
    std::atomic<std::size_t> backlog_{0};
    std::atomic<bool> abandoned_{false};
    std::thread thread_;
};

SqliteStore::SqliteStore(const boost::asio::any_io_executor& executor, const std::filesystem::path& data)
    : writer_(std::make_shared<Writer>(executor, data)) {}

SqliteStore::~SqliteStore() {
    writer_->stop();
}

Snapshot SqliteStore::load() {
    auto out = writer_->load();
    writer_->start();
    return out;
}

void SqliteStore::write(StoreBatch batch, Done done) {
    writer_->write(std::move(batch), std::move(done));
}
std::size_t SqliteStore::backlog() const {
    return writer_->backlog();
}

}  // namespace esl::ap
