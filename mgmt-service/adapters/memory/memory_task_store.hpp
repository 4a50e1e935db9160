// TaskStore without a disk, for tests. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "mgmt-service/ports/task_store.hpp"

namespace esl::mgmt {

class MemoryTaskStore final : public TaskStore {
public:
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
    using Pair = std::pair<std::string, std::string>;
    std::mutex mutex_;
    std::map<std::string, Store> stores_;
    std::map<std::string, Ap> aps_;
    std::map<TagId, Tag> tags_;
    std::map<Pair, Product> products_;
    std::map<Pair, std::vector<PricePoint>> prices_;
    std::map<std::string, Change> changes_;
    std::map<std::string, std::map<std::uint32_t, ChangeItem>> items_;
    std::map<std::string, ApprovalRule> rules_;
    std::map<std::string, std::vector<ChangeStep>> change_steps_;
    std::map<std::string, Job> jobs_;
    std::map<std::string, std::vector<JobStep>> steps_;
    std::map<std::string, StoredImage> images_;
    std::map<Pair, Idempotency> keys_;
};

}  // namespace esl::mgmt
