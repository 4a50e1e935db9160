#include "broker/adapters/sqlite_message_store.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "broker/adapters/kept_operations.hpp"
#include "broker/adapters/sqlite_checkpointer.hpp"
#include "broker/adapters/sqlite_message_file.hpp"
#include "broker/adapters/sqlite_message_writer.hpp"

namespace esl::broker {
namespace {

using sqlite::Failure;

constexpr std::size_t kEnoughForACommit = 512;  // operations; more gain nothing, measured
constexpr std::size_t kKeptForACommit = 4'096;  // kept operations are written in transactions of about this size
constexpr std::chrono::milliseconds kBetweenTries{100};
constexpr std::chrono::seconds kUnasked{1};  // a try without anybody asking for it

// What whoever starts the broker is to do about it.
std::string with_advice(const std::filesystem::path& file, const Failure& failure) {
    std::string text = file.string() + ": " + failure.what();
    if (failure.reason == StoreError::damaged) {
        text += ". Restore it from a backup; or move " + file.filename().string() +
                " and its -wal and -shm out of the folder, to start with an empty store and without what was queued";
    } else {
        text += ". Is the disk full, or the folder another user's?";
    }
    return text;
}

void sort_by_id(std::vector<StoredState::Owed>& messages) {
    const auto id_of = [](const StoredState::Owed& owed) { return owed.message->id; };
    if (std::ranges::is_sorted(messages, {}, id_of)) return;
    // Ids of a million messages lie in a million places: each is looked up once.
    std::vector<std::pair<MessageId, std::size_t>> order;
    order.reserve(messages.size());
    for (const auto& owed : messages) order.emplace_back(id_of(owed), order.size());
    std::ranges::sort(order);
    std::vector<StoredState::Owed> sorted;
    sorted.reserve(messages.size());
    for (const auto& [id, place] : order) sorted.push_back(std::move(messages[place]));
    messages = std::move(sorted);
}

class SqliteMessageStore final : public MessageStore {
public:
    SqliteMessageStore(const SqliteStoreOptions& options, const Clock& clock)
        : clock_(clock),
          gather_(options.gather),
          file_(options.file),
          db_(sqlite::open_message_file(options.file)),
          checkpointer_(options.file, db_,
                        options.checkpoint_pages != 0 ? options.checkpoint_pages
                                                      : sqlite::checkpoint_pages_for(options.file, clock)),
          writer_(db_) {}
    ~SqliteMessageStore() override { close(); }
    [[nodiscard]] Result<StoredState> load() override;
    void post(std::vector<StoreOperation> batch, Done done) override;
    void close() override;
    [[nodiscard]] Figures figures() const override;

private:
    struct Batch {
        std::vector<StoreOperation> operations;
        Done done;
    };

    void run();
    void gather(std::unique_lock<std::mutex>& guard);
    Result<> take(std::vector<Batch>& batches);
    Result<> write(std::vector<Batch>& batches);
    Result<> write_kept();
    template <class Apply>
    Result<> transaction(Apply apply);
    void note(const Result<>& result);

    const Clock& clock_;
    std::chrono::nanoseconds gather_;
    std::filesystem::path file_;
    sqlite::Database db_;
    sqlite::Checkpointer checkpointer_;

    // The store's thread only, after load().
    sqlite::MessageWriter writer_;
    KeptOperations kept_;
    Result<> trouble_;  // of the last try
    SteadyTime next_try_{};

    std::mutex lock_;
    std::condition_variable more_;
    std::vector<Batch> queue_;
    std::size_t queued_ = 0;
    SteadyTime oldest_{};  // when the first of the queue came
    bool closing_ = false;
    std::thread thread_;

    std::atomic<std::uint64_t> commits_{0}, operations_{0}, failures_{0}, waiting_{0}, messages_{0}, commit_us_{0},
        kept_size_{0};
};

Result<StoredState> SqliteMessageStore::load() {
    StoredState state;
    try {
        auto file = sqlite::read_message_file(db_);
        writer_.start_from(file);
        state = std::move(file.state);
        sort_by_id(state.messages);
    } catch (const Failure& failure) {
        return fail(failure.reason, with_advice(file_, failure));
    }
    messages_ = writer_.messages();
    thread_ = std::thread([this] { run(); });
    return state;
}

void SqliteMessageStore::post(std::vector<StoreOperation> batch, Done done) {
    {
        const std::lock_guard guard(lock_);
        if (queue_.empty()) oldest_ = clock_.steady();
        queued_ += batch.size();
        waiting_ += batch.size();
        queue_.push_back({std::move(batch), std::move(done)});
        // The writer sleeps only with an empty queue, or while it gathers.
        if (queue_.size() > 1 && queued_ < kEnoughForACommit) return;
    }
    more_.notify_one();
}

void SqliteMessageStore::run() {
    std::unique_lock guard(lock_);
    for (;;) {
        const auto something = [this] { return closing_ || !queue_.empty(); };
        if (kept_.empty()) {
            more_.wait(guard, something);
        } else {
            more_.wait_for(guard, kUnasked, something);
        }
        if (closing_ && queue_.empty()) break;
        gather(guard);
        std::vector<Batch> batches;
        batches.swap(queue_);
        const auto operations = queued_;
        queued_ = 0;
        guard.unlock();
        const auto result = take(batches);
        waiting_ -= operations;
        if (result) operations_ += operations;
        kept_size_ = kept_.size();
        messages_ = writer_.messages();
        for (auto& batch : batches) {
            if (batch.done) batch.done(result);
        }
        guard.lock();
    }
    guard.unlock();
    if (kept_.empty()) return;
    if (const auto result = write_kept(); !result) {
        spdlog::error("message store: {} changes are lost with the end of this process: {}", kept_.size(),
                      result.error().message());
    }
}

// What came while the commit before was under way has waited already.
void SqliteMessageStore::gather(std::unique_lock<std::mutex>& guard) {
    const auto left = queue_.empty() ? gather_ : gather_ - (clock_.steady() - oldest_);
    if (left > left.zero()) more_.wait_for(guard, left, [this] { return closing_ || queued_ >= kEnoughForACommit; });
}

// One answer for all of them: committed, or refused and kept.
Result<> SqliteMessageStore::take(std::vector<Batch>& batches) {
    Result<> result = trouble_;
    if (trouble_ || clock_.steady() >= next_try_) {
        const auto from = clock_.steady();
        result = write_kept();
        if (result) result = write(batches);
        commit_us_ += static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - from).count());
        ++commits_;
        note(result);
    }
    if (!result) {
        for (auto& batch : batches) kept_.keep(std::move(batch.operations));
    }
    return result;
}

// One line when it begins, one when it ends.
void SqliteMessageStore::note(const Result<>& result) {
    if (!result) {
        ++failures_;
        if (trouble_)
            spdlog::error("message store: {}: {}; nothing is acknowledged that has to be stored until that is over",
                          file_.string(), result.error().message());
        next_try_ = clock_.steady() + kBetweenTries;
    } else if (!trouble_) {
        spdlog::info("message store: {} is written again", file_.string());
    }
    trouble_ = result;
}

Result<> SqliteMessageStore::write_kept() {
    while (!kept_.empty()) {
        std::size_t batches = 0;
        std::size_t operations = 0;
        const auto result = transaction([&] {
            for (const auto& batch : kept_.batches()) {
                for (const auto& operation : batch) writer_.apply(operation);
                ++batches;
                if ((operations += batch.size()) >= kKeptForACommit) break;
            }
        });
        if (!result) return result;
        kept_.pop_front(batches);
    }
    return {};
}

Result<> SqliteMessageStore::write(std::vector<Batch>& batches) {
    return transaction([&] {
        for (const auto& batch : batches) {
            for (const auto& operation : batch.operations) writer_.apply(operation);
        }
    });
}

template <class Apply>
Result<> SqliteMessageStore::transaction(Apply apply) {
    try {
        writer_.begin();
        apply();
        writer_.commit();
        return {};
    } catch (const Failure& failure) {
        writer_.undo();
        return fail(failure.reason, failure.what());
    }
}

void SqliteMessageStore::close() {
    {
        const std::lock_guard guard(lock_);
        if (closing_) return;
        closing_ = true;
    }
    more_.notify_one();
    if (thread_.joinable()) thread_.join();
}

MessageStore::Figures SqliteMessageStore::figures() const {
    return {.commits = commits_,
            .operations = operations_,
            .failures = failures_,
            .waiting = waiting_,
            .kept = kept_size_,
            .messages = messages_,
            .commit_microseconds = commit_us_};
}

}  // namespace

std::unique_ptr<MessageStore> open_sqlite_message_store(const SqliteStoreOptions& options, const Clock& clock) {
    try {
        return std::make_unique<SqliteMessageStore>(options, clock);
    } catch (const Failure& failure) {
        throw std::runtime_error(std::string(describe(failure.reason)) + ": " + with_advice(options.file, failure));
    }
}

}  // namespace esl::broker
