#include "broker/rules/rule_worker.hpp"

#include <spdlog/spdlog.h>

#include <random>

namespace esl::broker {
namespace {

constexpr std::chrono::milliseconds kLook{1'000};  // so that what is too old goes while nothing else happens

ExportQueue::Order order_of(const RuleSpec& spec) {
    if (spec.via != "http") return ExportQueue::Order::all;
    return spec.ordered ? ExportQueue::Order::client : ExportQueue::Order::none;
}

double random_part() {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

RuleWorker::RuleWorker(RuleSpec spec, const Clock& clock, MakeSink make_sink, Forget forget)
    : spec_(std::move(spec)),
      clock_(clock),
      make_sink_(std::move(make_sink)),
      forget_(std::move(forget)),
      queue_(order_of(spec_), {.rows = spec_.outbox_rows,
                               .bytes = spec_.outbox_bytes,
                               .keep = spec_.keep,
                               .retry_first = spec_.retry_first,
                               .retry_limit = std::max(spec_.retry_limit, spec_.retry_first)}) {}

void RuleWorker::start() {
    if (!spec_.enabled) return;
    const auto count = spec_.via == "http" ? spec_.connections : 1;
    for (std::uint64_t i = 0; i < count; ++i) sinks_.push_back(make_sink_(spec_));
    for (auto& sink : sinks_) threads_.emplace_back([this, &sink = *sink] { run(sink); });
}

std::vector<ExportQueue::Item> RuleWorker::stop() {
    {
        const std::lock_guard guard(lock_);
        stopping_ = true;
    }
    for (auto& sink : sinks_) sink->cancel();
    more_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    sinks_.clear();
    const std::lock_guard guard(lock_);
    return queue_.drain();
}

void RuleWorker::push(std::vector<ExportQueue::Item> items) {
    std::vector<std::uint64_t> forget;
    {
        const std::lock_guard guard(lock_);
        for (auto& item : items) give_up(queue_.push(std::move(item)), forget);
    }
    more_.notify_all();
    if (!forget.empty()) forget_(std::move(forget));
}

void RuleWorker::give_up(std::vector<ExportQueue::Item> items, std::vector<std::uint64_t>& forget) {
    dropped_ += items.size();
    for (const auto& item : items) {
        if (item.durable) forget.push_back(item.number);
    }
}

void RuleWorker::run(RuleSink& sink) {
    const auto most = sink.batch_most();
    std::unique_lock guard(lock_);
    while (!stopping_) {
        std::vector<std::uint64_t> forget;
        give_up(queue_.expire(clock_.wall()), forget);
        if (!forget.empty()) forget_(std::move(forget));
        auto batch = queue_.take(clock_.steady(), most);
        if (!batch.empty()) {
            deliver(sink, std::move(batch), guard);
            continue;
        }
        const auto due = queue_.due();
        const auto now = clock_.steady();
        const auto wait = !due ? kLook : std::min(kLook, std::chrono::ceil<std::chrono::milliseconds>(*due - now));
        more_.wait_for(guard, std::max(wait, std::chrono::milliseconds(1)));
    }
}

void RuleWorker::deliver(RuleSink& sink, std::vector<ExportQueue::Item> batch, std::unique_lock<std::mutex>& guard) {
    guard.unlock();
    std::vector<ExportedPtr> what;
    for (const auto& item : batch) {
        what.push_back(item.what);
        if (item.tries > 0) ++retried_;
    }
    const auto answer = sink.deliver(what);
    std::vector<std::uint64_t> forget;
    guard.lock();
    for (const auto& item : batch) {
        if (!answer) {
            queue_.failed(item.number, clock_.steady(), random_part());
            continue;
        }
        queue_.done(item.number);
        if (item.durable) forget.push_back(item.number);
    }
    if (!answer) {
        failed_ += batch.size();
        if (!stopping_) complain(answer.error());
        return;
    }
    exported_ += batch.size();
    if (!forget.empty()) forget_(std::move(forget));
}

void RuleWorker::complain(const Error& error) {
    const auto now = clock_.steady();
    if (complained_ != SteadyTime{} && now - complained_ < std::chrono::minutes(1)) return;
    complained_ = now;
    spdlog::warn("rule {}: {}; tried again, {} waiting", spec_.id, error.message(), queue_.size());
}

RuleFigures RuleWorker::figures() const {
    const std::lock_guard guard(lock_);
    return {
        .exported = exported_, .failed = failed_, .retried = retried_, .dropped = dropped_, .waiting = queue_.size()};
}

void RuleWorker::take_figures(const RuleFigures& before) {
    exported_ += before.exported;
    failed_ += before.failed;
    retried_ += before.retried;
    dropped_ += before.dropped;
}

}  // namespace esl::broker
