#include "broker/rules/rule_engine.hpp"

#include <spdlog/spdlog.h>

#include <set>

namespace esl::broker {
namespace {

constexpr std::size_t kItemsBeforeTheDisk = 200'000;  // above, what nobody waits for is dropped
constexpr std::size_t kForgetAtOnce = 512;
constexpr std::chrono::milliseconds kForgetAfter{
    200};  // forgetting is not urgent: a crash repeats what it had not done
constexpr std::chrono::milliseconds kAfterARefusal{10};

}  // namespace

RuleEngine::RuleEngine(const std::filesystem::path& outbox, const Clock& clock, RuleWorker::MakeSink make_sink)
    : clock_(clock), make_sink_(std::move(make_sink)), outbox_(outbox), next_number_(outbox_.highest() + 1) {
    for (auto& row : outbox_.load())
        found_[row.rule].push_back({.number = row.number, .durable = true, .what = std::move(row.what)});
    thread_ = std::thread([this] { run(); });
}

void RuleEngine::stop() {
    {
        const std::lock_guard guard(lock_);
        if (stopping_) return;
        stopping_ = true;
    }
    more_.notify_one();
    thread_.join();
    for (auto& [id, rule] : rules_) static_cast<void>(rule.worker->stop());
    if (const auto ok = outbox_.commit({}, forget_); !ok) spdlog::error("outbox: {}", ok.error().message());
}

void RuleEngine::post(std::vector<ExportItem> items, std::function<void(bool)> done) {
    bool first = false;
    {
        const std::lock_guard guard(lock_);
        if (posted_items_ > kItemsBeforeTheDisk) {
            std::erase_if(items, [&](const ExportItem& item) {
                if (item.answered) return false;
                const std::lock_guard rules(rules_lock_);
                const auto at = by_number_.find(item.rule);
                if (at != by_number_.end()) at->second->count_dropped(1);
                return true;
            });
        }
        first = posted_.empty();
        posted_items_ += items.size();
        posted_.push_back({std::move(items), std::move(done)});
    }
    if (first) more_.notify_one();
}

void RuleEngine::forget(std::vector<std::uint64_t> numbers) {
    const std::lock_guard guard(lock_);
    const bool first = forget_.empty();
    forget_.insert(forget_.end(), numbers.begin(), numbers.end());
    if (first || forget_.size() >= kForgetAtOnce) more_.notify_one();
}

void RuleEngine::run() {
    std::unique_lock guard(lock_);
    for (;;) {
        more_.wait(guard, [&] { return stopping_ || !posted_.empty() || !forget_.empty(); });
        more_.wait_for(guard, kForgetAfter,
                       [&] { return stopping_ || !posted_.empty() || forget_.size() >= kForgetAtOnce; });
        if (stopping_ && posted_.empty()) return;
        if (posted_.empty() && forget_.empty()) continue;
        std::deque<Posted> posted;
        posted.swap(posted_);
        posted_items_ = 0;
        std::vector<std::uint64_t> over;
        over.swap(forget_);
        guard.unlock();
        const bool good = commit(std::move(posted), over);
        guard.lock();
        if (good) continue;
        forget_.insert(forget_.end(), over.begin(), over.end());
        // A full disk is no reason to spin, nor to keep the end waiting.
        more_.wait_for(guard, kAfterARefusal, [&] { return stopping_; });
    }
}

bool RuleEngine::commit(std::deque<Posted> posted, const std::vector<std::uint64_t>& over) {
    const std::lock_guard changing(changing_);
    std::map<RuleNumber, std::shared_ptr<RuleWorker>> workers;
    {
        const std::lock_guard guard(rules_lock_);
        workers = by_number_;
    }
    std::vector<OutboxRow> rows;
    std::map<RuleNumber, std::vector<ExportQueue::Item>> items;
    for (const auto& batch : posted) {
        for (const auto& item : batch.items) {
            const auto worker = workers.find(item.rule);
            if (worker == workers.end()) continue;  // the rule has gone meanwhile
            const auto number = next_number_++;
            if (item.durable) rows.push_back({number, worker->second->spec().id, item.what});
            items[item.rule].push_back({.number = number, .durable = item.durable, .what = item.what});
        }
    }
    const auto ok = outbox_.commit(rows, over);
    if (!rows.empty() || !over.empty()) note(ok);
    for (auto& [rule, list] : items) {
        const auto before = list.size();
        if (!ok) std::erase_if(list, [](const ExportQueue::Item& item) { return item.durable; });
        workers[rule]->count_dropped(before - list.size());
        if (!list.empty()) workers[rule]->push(std::move(list));
    }
    for (const auto& batch : posted) {
        if (batch.done) batch.done(ok.has_value());
    }
    return ok.has_value();
}

// One line when it begins, one when it ends: the log may be on the disk that is full.
void RuleEngine::note(const Result<>& committed) {
    if (!committed) {
        ++outbox_failures_;
        if (!refusing_)
            spdlog::error("outbox: {}; what a durable rule is to export is refused until that is over",
                          committed.error().message());
    } else if (refusing_) {
        spdlog::info("outbox: it is written again");
    }
    refusing_ = !committed;
}

void RuleEngine::replace(Rule& rule, const RuleSpec& spec, std::vector<ExportQueue::Item> waiting) {
    const std::lock_guard changing(changing_);
    const auto before = rule.worker;
    const auto worker = std::make_shared<RuleWorker>(
        spec, clock_, make_sink_, [this](std::vector<std::uint64_t> numbers) { forget(std::move(numbers)); });
    worker->start();  // throws for a sink that cannot be made: nothing has changed then
    {
        const std::lock_guard guard(rules_lock_);
        rule.worker = worker;
        by_number_[rule.number] = worker;
    }
    if (before) {
        auto left = before->stop();
        waiting.insert(waiting.end(), std::make_move_iterator(left.begin()), std::make_move_iterator(left.end()));
        worker->take_figures(before->figures());
    }
    worker->push(std::move(waiting));
}

std::shared_ptr<const ExportTable> RuleEngine::set_rules(const std::vector<RuleSpec>& rules) {
    std::set<std::string> wanted;
    for (const auto& spec : rules) {
        if (spec.rule_kind() == RuleKind::inbound) continue;
        wanted.insert(spec.id);
        const auto known = rules_.find(spec.id);
        if (known != rules_.end() && known->second.worker->spec() == spec) continue;
        Rule fresh{.number = next_rule_};
        Rule& rule = known != rules_.end() ? known->second : fresh;
        replace(rule, spec, std::exchange(found_[spec.id], {}));
        if (known != rules_.end()) continue;
        ++next_rule_;
        const std::lock_guard guard(rules_lock_);
        rules_.emplace(spec.id, std::move(fresh));
    }
    std::vector<std::uint64_t> over;
    std::vector<std::shared_ptr<RuleWorker>> gone;
    std::unique_lock changing(changing_);
    {
        const std::lock_guard guard(rules_lock_);
        std::erase_if(rules_, [&](auto& entry) {
            if (wanted.contains(entry.first)) return false;
            by_number_.erase(entry.second.number);
            gone.push_back(std::move(entry.second.worker));
            return true;
        });
    }
    for (auto& worker : gone) found_[worker->spec().id] = worker->stop();
    changing.unlock();
    for (auto& [id, items] : found_) {
        if (!items.empty()) spdlog::warn("rule {} is gone, and {} messages that waited for it", id, items.size());
        for (const auto& item : items) {
            if (item.durable) over.push_back(item.number);
        }
    }
    found_.clear();
    forget(std::move(over));
    return table_of(rules);
}

std::shared_ptr<const ExportTable> RuleEngine::table_of(const std::vector<RuleSpec>& rules) const {
    auto table = std::make_shared<ExportTable>();
    for (const auto& spec : rules) {
        if (!spec.enabled || spec.rule_kind() == RuleKind::inbound) continue;
        const auto number = rules_.at(spec.id).number;
        if (spec.durable) table->durable.insert(number);
        if (spec.rule_kind() == RuleKind::outbound) {
            table->outbound.add(spec.resource, number, {});
        } else {
            table->notification[spec.resource] = number;
        }
    }
    return table->empty() ? nullptr : table;
}

std::map<std::string, RuleFigures> RuleEngine::figures() const {
    std::map<std::string, Rule> rules;
    {
        const std::lock_guard guard(rules_lock_);
        rules = rules_;
    }
    std::map<std::string, RuleFigures> out;
    for (const auto& [id, rule] : rules) out[id] = rule.worker->figures();
    return out;
}

}  // namespace esl::broker
