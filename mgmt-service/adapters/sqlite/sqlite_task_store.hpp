// TaskStore in one SQLite file: WAL, synchronous=FULL, so that a commit has survived a power cut when it returns.
#pragma once

#include <filesystem>
#include <memory>

#include "mgmt-service/ports/task_store.hpp"

namespace esl::mgmt {

// commit() writes through one connection; queries borrow read connections of their own and never wait for the writer.
class SqliteTaskStore final : public TaskStore {
public:
    // Opens or makes the file and brings its tables up to date. Throws std::runtime_error.
    explicit SqliteTaskStore(const std::filesystem::path& file);
    ~SqliteTaskStore() override;

    [[nodiscard]] Snapshot load() override;
    void commit(const WriteBatch& batch) override;
    [[nodiscard]] std::optional<Change> change(const std::string& id) override;
    [[nodiscard]] std::vector<Change> changes(const ChangeFilter& filter, const std::string& before, std::size_t limit,
                                              std::uint64_t& total) override;
    [[nodiscard]] std::vector<ChangeItem> change_items(const std::string& change, std::size_t limit) override;
    [[nodiscard]] std::vector<ChangeItem> item_page(const std::string& change, std::int64_t after, bool tripped,
                                                    std::size_t limit) override;
    [[nodiscard]] std::vector<ChangeStep> change_steps(const std::string& change) override;
    [[nodiscard]] std::optional<Job> job(const std::string& id) override;
    [[nodiscard]] std::vector<Job> jobs(const JobFilter& filter, const std::string& before, std::size_t limit,
                                        std::uint64_t& total) override;
    [[nodiscard]] std::vector<JobStep> steps(const std::string& job) override;
    [[nodiscard]] std::vector<std::int64_t> durations(const std::string& change) override;
    [[nodiscard]] std::vector<PricePoint> prices(const std::string& store, const std::string& product,
                                                 UnixMillis since) override;
    [[nodiscard]] std::optional<StoredImage> image(const std::string& sha) override;
    [[nodiscard]] std::optional<Idempotency> idempotency(const std::string& actor, const std::string& key) override;
    void clean(UnixMillis keys_before) override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt
