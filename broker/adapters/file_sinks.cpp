#include "broker/adapters/file_sinks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "broker/adapters/sqlite.hpp"
#include "broker/rules/export_json.hpp"

namespace esl::broker {
namespace {

constexpr std::size_t kBatch = 512;

class FileSink final : public RuleSink {
public:
    explicit FileSink(const RuleSpec& spec)
        : rule_(spec.id), path_(spec.path), most_(spec.rotate_bytes), keep_(spec.rotate_keep) {}
    ~FileSink() override { close(); }

    Result<> deliver(std::span<const ExportedPtr> batch) override {
        if (fd_ < 0 && !open()) return broken();
        std::string lines;
        for (const auto& what : batch) lines.append(export_json(rule_, *what)).append("\n");
        if (size_ > 0 && size_ + lines.size() > most_) {
            rotate();
            if (!open()) return broken();
        }
        std::size_t done = 0;
        while (done < lines.size()) {
            const auto wrote = ::write(fd_, lines.data() + done, lines.size() - done);
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) return undo();
            done += static_cast<std::size_t>(wrote);
        }
        if (::fdatasync(fd_) != 0) return undo();
        size_ += lines.size();
        return {};
    }
    [[nodiscard]] std::size_t batch_most() const override { return kBatch; }

private:
    bool open() {
        close();
        fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        struct stat info{};
        if (fd_ < 0 || ::fstat(fd_, &info) != 0) return false;
        size_ = static_cast<std::uint64_t>(info.st_size);
        return cut_torn_line();
    }
    // A line whose end is missing was being written when the power went: it comes again.
    bool cut_torn_line() {
        char last = '\n';
        while (size_ > 0) {
            if (::pread(fd_, &last, 1, static_cast<off_t>(size_ - 1)) != 1) return false;
            if (last == '\n') break;
            --size_;
        }
        return ::ftruncate(fd_, static_cast<off_t>(size_)) == 0;
    }
    void rotate() {
        close();
        std::error_code ignored;
        const auto old = [&](std::uint64_t n) { return path_ + "." + std::to_string(n); };
        std::filesystem::remove(old(keep_), ignored);
        for (auto n = keep_; n > 1; --n) std::filesystem::rename(old(n - 1), old(n), ignored);
        std::filesystem::rename(path_, old(1), ignored);
    }
    Result<> undo() {
        auto why = broken();
        static_cast<void>(::ftruncate(fd_, static_cast<off_t>(size_)));
        close();
        return why;
    }
    Result<> broken() const { return fail(SinkError::broken, path_ + ": " + std::generic_category().message(errno)); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

    std::string rule_;
    std::string path_;
    std::uint64_t most_;
    std::uint64_t keep_;
    int fd_ = -1;
    std::uint64_t size_ = 0;
};

class SqliteSink final : public RuleSink {
public:
    explicit SqliteSink(const RuleSpec& spec) : rule_(spec.id), path_(spec.path) {}

    Result<> deliver(std::span<const ExportedPtr> batch) override {
        try {
            if (!db_) open();
            db_->execute("BEGIN IMMEDIATE");
            for (const auto& what : batch) put(*what);
            db_->execute("COMMIT");
            return {};
        } catch (const sqlite::Failure& failure) {
            insert_ = {};
            db_.reset();
            return fail(SinkError::broken, path_ + ": " + failure.what());
        }
    }
    [[nodiscard]] std::size_t batch_most() const override { return kBatch; }

private:
    void open() {
        db_ = std::make_unique<sqlite::Database>(path_);
        db_->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
        // The same message of the same rule twice is one row: at least once becomes once.
        db_->execute(
            "CREATE TABLE IF NOT EXISTS messages(rule TEXT NOT NULL, msg_id TEXT NOT NULL, born INTEGER NOT NULL, "
            "topic TEXT NOT NULL, client_id TEXT NOT NULL, tag TEXT NOT NULL, qos INTEGER NOT NULL, payload BLOB NOT "
            "NULL, properties TEXT NOT NULL, UNIQUE(rule, msg_id, born, client_id, tag))");
        insert_ = {*db_, "INSERT OR IGNORE INTO messages VALUES(?,?,?,?,?,?,?,?,?)"};
    }
    void put(const Exported& what) {
        const auto properties =
            what.kind == Exported::Kind::presence ? std::string("{}") : export_properties(what).dump(-1, ' ', true);
        insert_.start()
            .text(rule_)
            .text(what.id)
            .integer(to_millis(what.born))
            .text(what.topic)
            .text(what.client_id)
            .text(what.event)
            .integer(static_cast<int>(what.qos))
            .blob(what.payload)
            .text(properties)
            .run();
    }

    std::string rule_;
    std::string path_;
    std::unique_ptr<sqlite::Database> db_;
    sqlite::Statement insert_;
};

}  // namespace

std::unique_ptr<RuleSink> make_file_sink(const RuleSpec& spec) {
    return std::make_unique<FileSink>(spec);
}
std::unique_ptr<RuleSink> make_sqlite_sink(const RuleSpec& spec) {
    return std::make_unique<SqliteSink>(spec);
}

}  // namespace esl::broker
