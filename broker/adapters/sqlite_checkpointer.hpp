// Brings pages from the log of an SQLite file into the file, away from the thread that commits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <thread>

#include "broker/adapters/sqlite.hpp"

namespace esl::broker::sqlite {

// A thread with a connection of its own checkpoints whenever `pages` more are in the log. Alone it could never let the
// log begin anew under a writer that does not pause; so when the log is long and nearly all of it is in the file, the
// writer does the little that is left, and at twice that length whatever is left. A checkpoint that fails is tried
// again after the next commit; the log grows meanwhile, as it must.
class Checkpointer {
public:
    // `writer` outlives this and its commits are made on one thread; replaces its wal_autocheckpoint. Throws Failure.
    Checkpointer(const std::filesystem::path& file, Database& writer, unsigned pages);
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

private:
    static int after_commit(void* self, sqlite3* writer, const char* name, int in_log);
    void committed(sqlite3* writer, int in_log);
    void run();

    Database db_;
    sqlite3* writer_;
    const int pages_;
    const int log_pages_;
    std::mutex lock_;
    std::condition_variable more_;
    std::condition_variable idle_;
    std::uint64_t log_ = 0;  // how often it has begun anew
    int in_log_ = 0;
    int in_file_ = 0;  // of those
    bool busy_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace esl::broker::sqlite
