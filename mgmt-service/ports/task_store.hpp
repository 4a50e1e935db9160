// Where the service keeps its records, so that nothing it has acknowledged is lost by kill -9 or a power cut.
//
// Threads:  load() once, before all else. commit() by one thread at a time. The queries by any thread at any time; they
// see
//           whole commits only.
// Errors:   a store that breaks (disk full, damaged file) throws std::runtime_error; the service then ends, because
// what
//           it holds in memory would be ahead of what it has promised.
#pragma once

#include "mgmt-service/core/model.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt {

// Rows to insert or, where the key is there, to replace. One row per key and batch. Price points, steps and images are
// only ever added; an image that is there stays as it is.
struct WriteBatch {
    std::vector<Store> stores{};
    std::vector<Ap> aps{};
    std::vector<Tag> tags{};
    std::vector<Product> products{};
    std::vector<PricePoint> prices{};
    std::vector<Change> changes{};
    std::vector<std::string> clear_items{};  // changes whose items go before `items` come
    std::vector<ChangeItem> items{};
    std::vector<ApprovalRule> rules{};  // by store
    std::vector<ChangeStep> change_steps{};
    std::vector<Job> jobs{};
    std::vector<JobStep> steps{};
    std::vector<StoredImage> images{};
    std::vector<Idempotency> keys{};

    [[nodiscard]] std::size_t rows() const {
        return stores.size() + aps.size() + tags.size() + products.size() + prices.size() + changes.size() +
               clear_items.size() + items.size() + rules.size() + change_steps.size() + jobs.size() + steps.size() + images.size() + keys.size();
    }
    [[nodiscard]] bool empty() const { return rows() == 0; }
};

// What the service works on in memory: all stores, APs, tags and products, and whatever has not come to rest.
struct Snapshot {
    std::vector<Store> stores{};
    std::vector<Ap> aps{};
    std::vector<Tag> tags{};
    std::vector<Product> products{};
    std::vector<Change> changes{};    // draft, awaiting_approval, scheduled, running, and those of the jobs below
    std::vector<ChangeItem> items{};  // of changes that are draft, awaiting_approval or scheduled
    std::vector<ApprovalRule> rules{};
    std::vector<Job> jobs{};          // not final: at most one a tag
};

inline constexpr std::size_t kMaxKeys = 200'000;
inline constexpr std::size_t kMaxChangeSteps = 1'000;

class TaskStore {
public:
    virtual ~TaskStore() = default;

    [[nodiscard]] virtual Snapshot load() = 0;
    // All or nothing, and on disk when it returns.
    virtual void commit(const WriteBatch& batch) = 0;

    [[nodiscard]] virtual std::optional<Change> change(const std::string& id) = 0;
    // Newest first: `before` is the id to go on after (empty: from the newest). `total` counts all that fit the filter.
    [[nodiscard]] virtual std::vector<Change> changes(const ChangeFilter& filter, const std::string& before,
                                                      std::size_t limit, std::uint64_t& total) = 0;
    // By index.
    [[nodiscard]] virtual std::vector<ChangeItem> change_items(const std::string& change, std::size_t limit) = 0;
    // By index, those after `after` (-1: from the first); `tripped`: only those that need approval.
    [[nodiscard]] virtual std::vector<ChangeItem> item_page(const std::string& change, std::int64_t after, bool tripped,
                                                            std::size_t limit) = 0;
    // In the order in which they were committed. At most kMaxChangeSteps, the first ones.
    [[nodiscard]] virtual std::vector<ChangeStep> change_steps(const std::string& change) = 0;
    [[nodiscard]] virtual std::optional<Job> job(const std::string& id) = 0;
    // Newest first, as changes().
    [[nodiscard]] virtual std::vector<Job> jobs(const JobFilter& filter, const std::string& before, std::size_t limit,
                                                std::uint64_t& total) = 0;
    // In the order in which they were committed.
    [[nodiscard]] virtual std::vector<JobStep> steps(const std::string& job) = 0;
    // Milliseconds from due to displayed of a change's displayed jobs, in no order.
    [[nodiscard]] virtual std::vector<std::int64_t> durations(const std::string& change) = 0;
    // Points from the last one at or before `since` on, oldest first: all that was in force since then.
    [[nodiscard]] virtual std::vector<PricePoint> prices(const std::string& store, const std::string& product,
                                                         UnixMillis since) = 0;
    [[nodiscard]] virtual std::optional<StoredImage> image(const std::string& sha) = 0;
    [[nodiscard]] virtual std::optional<Idempotency> idempotency(const std::string& actor, const std::string& key) = 0;
    // Keys older than that are forgotten, and of the others all but the newest kMaxKeys; and images that no tag and no unfinished job refers to.
    virtual void clean(UnixMillis keys_before) = 0;
};

}  // namespace esl::mgmt
