// Coroutines without an executor: they run on whoever resumes them, here the Dialog as bytes come in and time passes.
// So an exchange of many steps reads as a story, and a test still drives it byte by byte.
#pragma once

#include <coroutine>
#include <exception>
#include <list>
#include <optional>
#include <utility>

namespace esl::ap::znp {

namespace detail {

struct PromiseBase {
    std::coroutine_handle<> continuation;
    std::exception_ptr error;

    struct Final {
        bool await_ready() noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
            const auto next = self.promise().continuation;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() { error = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
    std::optional<T> value;
    template <class U>
    void return_value(U&& v) {
        value.emplace(std::forward<U>(v));
    }
    T take() {
        if (error) std::rethrow_exception(error);
        return std::move(*value);
    }
};
template <>
struct Promise<void> : PromiseBase {
    void return_void() {}
    void take() const {
        if (error) std::rethrow_exception(error);
    }
};

}  // namespace detail

// Begins when awaited (or started); destroying it ends it wherever it waits. Move-only.
template <class T = void>
class [[nodiscard]] Task {
public:
    struct promise_type : detail::Promise<T> {
        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    auto operator co_await() && {
        struct Awaiter {
            std::coroutine_handle<promise_type> task;
            bool await_ready() const { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
                task.promise().continuation = caller;
                return task;
            }
            T await_resume() { return task.promise().take(); }
        };
        return Awaiter{handle_};
    }

    // For a task that nobody awaits.
    void start() { handle_.resume(); }
    [[nodiscard]] bool done() const { return handle_.done(); }
    void rethrow() const {
        if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

// Owns tasks that run by themselves. Destroying it ends them all.
class Tasks {
public:
    void spawn(Task<> task) {
        tasks_.push_back(std::move(task));
        tasks_.back().start();
    }
    // Forgets those that have ended; throws what one of them has thrown. Not to be called from inside a task.
    void reap() {
        for (auto at = tasks_.begin(); at != tasks_.end();) {
            if (!at->done()) {
                ++at;
                continue;
            }
            const auto ended = std::move(*at);
            at = tasks_.erase(at);
            ended.rethrow();
        }
    }
    void clear() { tasks_.clear(); }
    [[nodiscard]] std::size_t size() const { return tasks_.size(); }

private:
    std::list<Task<>> tasks_;
};

}  // namespace esl::ap::znp
