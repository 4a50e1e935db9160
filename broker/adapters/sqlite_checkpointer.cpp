#include "broker/adapters/sqlite_checkpointer.hpp"

#include <algorithm>

namespace esl::broker::sqlite {
namespace {

constexpr int kLogPages = 4'000;  // 16 MB: from here on the log is to begin anew

// Pages of the log that are in the file afterwards.
int checkpoint(sqlite3* database) {
    int in_log = 0;
    int in_file = 0;
    sqlite3_wal_checkpoint_v2(database, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &in_file);
    return in_file;
}

// A connection that has read nothing does not know of the log, and checkpoints nothing.
Database opened(const std::filesystem::path& file) {
    Database database(file);
    database.execute("SELECT count(*) FROM sqlite_schema");
    return database;
}

}  // namespace

Checkpointer::Checkpointer(const std::filesystem::path& file, Database& writer, unsigned pages)
    : db_(opened(file)),
      writer_(writer.handle()),
      pages_(static_cast<int>(pages)),
      log_pages_(std::max(kLogPages, 2 * pages_)),
      thread_([this] { run(); }) {
    sqlite3_wal_hook(writer_, &Checkpointer::after_commit, this);
}

Checkpointer::~Checkpointer() {
    sqlite3_wal_hook(writer_, nullptr, nullptr);
    {
        const std::lock_guard guard(lock_);
        stopping_ = true;
    }
    more_.notify_one();
    thread_.join();
}

int Checkpointer::after_commit(void* self, sqlite3* writer, const char*, int in_log) {
    static_cast<Checkpointer*>(self)->committed(writer, in_log);
    return SQLITE_OK;
}

void Checkpointer::committed(sqlite3* writer, int in_log) {
    bool wake = false;
    {
        std::unique_lock guard(lock_);
        if (in_log < in_log_) {  // it has begun anew
            ++log_;
            in_file_ = 0;
        }
        in_log_ = in_log;
        const bool too_long = in_log_ >= 2 * log_pages_;
        if (too_long) idle_.wait(guard, [this] { return !busy_; });
        const bool little_left = !busy_ && in_log_ - in_file_ < pages_;
        if (too_long || (in_log_ >= log_pages_ && little_left)) in_file_ = checkpoint(writer);
        wake = !busy_ && in_log_ - in_file_ >= pages_;
    }
    if (wake) more_.notify_one();
}

void Checkpointer::run() {
    std::unique_lock guard(lock_);
    for (;;) {
        more_.wait(guard, [this] { return stopping_ || in_log_ - in_file_ >= pages_; });
        if (stopping_) return;
        busy_ = true;
        const auto log = log_;
        const auto before = in_file_;
        guard.unlock();
        const auto in_file = checkpoint(db_.handle());
        guard.lock();
        busy_ = false;
        idle_.notify_one();
        if (log == log_) in_file_ = in_file;
        // It could not be written, or a reader is in the way.
        if (in_file <= before) more_.wait_for(guard, std::chrono::milliseconds(100), [this] { return stopping_; });
    }
}

}  // namespace esl::broker::sqlite
