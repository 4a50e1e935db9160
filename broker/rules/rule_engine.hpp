// All rules at work: takes what the shards export, puts it on disk, hands it to the rules' workers.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/adapters/outbox.hpp"
#include "broker/core/export_table.hpp"
#include "broker/rules/rule_worker.hpp"

namespace esl::broker {

// Thread-safe. One thread commits: what came meanwhile shares a commit, as in the message store.
class RuleEngine final : public Exporter {
public:
    // An empty `outbox` keeps nothing. Throws std::runtime_error for a file that is no good.
    RuleEngine(const std::filesystem::path& outbox, const Clock& clock, RuleWorker::MakeSink make_sink);
    ~RuleEngine() override { stop(); }

    // These rules and no others, from the return on; gives what the shards are to match against. A rule that is changed
    // keeps what waits; one that is gone takes it along. Calls of one thread at a time.
    [[nodiscard]] std::shared_ptr<const ExportTable> set_rules(const std::vector<RuleSpec>& rules);
    void post(std::vector<ExportItem> items, std::function<void(bool)> done) override;
    // Ends deliveries; everything handed over is answered, what waits stays on disk. Nothing may be posted afterwards.
    void stop();
    [[nodiscard]] std::map<std::string, RuleFigures> figures() const;
    [[nodiscard]] std::uint64_t outbox_failures() const { return outbox_failures_; }

private:
    struct Posted {
        std::vector<ExportItem> items;
        std::function<void(bool)> done;
    };
    struct Rule {
        RuleNumber number = 0;
        std::shared_ptr<RuleWorker> worker{};
    };

    void run();
    [[nodiscard]] bool commit(std::deque<Posted> posted, const std::vector<std::uint64_t>& forget);
    void note(const Result<>& committed);
    void forget(std::vector<std::uint64_t> numbers);
    void replace(Rule& rule, const RuleSpec& spec, std::vector<ExportQueue::Item> waiting);
    [[nodiscard]] std::shared_ptr<const ExportTable> table_of(const std::vector<RuleSpec>& rules) const;

    const Clock& clock_;
    RuleWorker::MakeSink make_sink_;
    Outbox outbox_;
    std::map<std::string, std::vector<ExportQueue::Item>> found_;  // on disk at the start, by rule
    std::uint64_t next_number_;
    bool refusing_ = false;  // the outbox's thread only

    std::mutex changing_;  // held while items are handed to workers, and while a worker is replaced
    mutable std::mutex rules_lock_;
    std::map<std::string, Rule> rules_;
    std::map<RuleNumber, std::shared_ptr<RuleWorker>> by_number_;
    RuleNumber next_rule_ = 1;

    std::mutex lock_;
    std::condition_variable more_;
    std::deque<Posted> posted_;
    std::size_t posted_items_ = 0;
    std::vector<std::uint64_t> forget_;
    bool stopping_ = false;
    std::atomic<std::uint64_t> outbox_failures_{0};
    std::thread thread_;
};

}  // namespace esl::broker
