#include "common/http/worker_pool.hpp"

namespace esl::http {

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
    threads_.reserve(threads);
    idle_ = threads;
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

bool WorkerPool::try_post(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        // A job that an idle thread is about to take does not count as queued.
        if (ended_ || jobs_.size() >= max_queued_ + idle_) return false;
        jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
    return true;
}

void WorkerPool::join() {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
    threads_.clear();
}

void WorkerPool::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return ended_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        --idle_;
        lock.unlock();
        job();
        job = nullptr;  // what it holds ends here, not under the lock
        lock.lock();
        ++idle_;
    }
}

}  // namespace esl::http
