// A fixed number of threads that run jobs from a bounded queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace esl::http {

// Thread-safe, but for join().
class WorkerPool {
public:
    WorkerPool(std::size_t threads, std::size_t max_queued);
    ~WorkerPool() { join(); }
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // False when the queue is full or the pool has ended; the job is then not run. Jobs must not throw.
    [[nodiscard]] bool try_post(std::function<void()> job);
    // Runs what is queued, then ends the threads.
    void join();

private:
    void work();

    const std::size_t max_queued_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    std::size_t idle_ = 0;
    bool ended_ = false;
    std::vector<std::jthread> threads_;
};

}  // namespace esl::http
