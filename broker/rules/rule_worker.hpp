// One rule at work: its queue, its sink, its threads. Nothing here is shared with another rule.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/ports/rule_sink.hpp"
#include "broker/rules/export_queue.hpp"
#include "broker/rules/rule.hpp"

namespace esl::broker {

struct RuleFigures {
    std::uint64_t exported = 0;  // the sink has them
    std::uint64_t failed = 0;    // deliveries that did not succeed, repeats included
    std::uint64_t retried = 0;   // deliveries tried again
    std::uint64_t dropped = 0;   // given up: no room, too old, or not taken by the disk
    std::uint64_t waiting = 0;
};

// Thread-safe. Threads run from start() to stop().
class RuleWorker {
public:
    using MakeSink = std::function<std::unique_ptr<RuleSink>(const RuleSpec&)>;
    using Forget = std::function<void(std::vector<std::uint64_t>)>;  // numbers of durable items that are over

    RuleWorker(RuleSpec spec, const Clock& clock, MakeSink make_sink, Forget forget);
    ~RuleWorker() { static_cast<void>(stop()); }
    RuleWorker(const RuleWorker&) = delete;
    RuleWorker& operator=(const RuleWorker&) = delete;

    void start();
    // Cancels what is under way and gives what is left, for whoever comes after.
    std::vector<ExportQueue::Item> stop();
    void push(std::vector<ExportQueue::Item> items);
    void count_dropped(std::uint64_t items) { dropped_ += items; }
    [[nodiscard]] const RuleSpec& spec() const { return spec_; }
    [[nodiscard]] RuleFigures figures() const;
    void take_figures(const RuleFigures& before);  // of the rule as it was

private:
    void run(RuleSink& sink);
    void deliver(RuleSink& sink, std::vector<ExportQueue::Item> batch, std::unique_lock<std::mutex>& guard);
    void give_up(std::vector<ExportQueue::Item> items, std::vector<std::uint64_t>& forget);
    void complain(const Error& error);

    const RuleSpec spec_;
    const Clock& clock_;
    MakeSink make_sink_;
    Forget forget_;
    mutable std::mutex lock_;
    std::condition_variable more_;
    ExportQueue queue_;
    bool stopping_ = false;
    SteadyTime complained_{};
    std::vector<std::unique_ptr<RuleSink>> sinks_;
    std::vector<std::thread> threads_;
    std::atomic<std::uint64_t> exported_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::atomic<std::uint64_t> retried_{0};
    std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace esl::broker
