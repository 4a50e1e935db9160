#include "broker/auth/password_checker.hpp"

#include <sodium.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace esl::broker {
namespace {

using Digest = std::array<std::uint8_t, crypto_generichash_BYTES>;
constexpr std::size_t kWaitingMost = 1'000;
constexpr std::size_t kRemembered = 1'000'000;  // then all are forgotten, and computed again as they come

}  // namespace

struct PasswordChecker::Impl {
    std::array<std::uint8_t, crypto_generichash_KEYBYTES> key{};
    std::mutex lock;
    std::condition_variable more;
    std::deque<std::function<void()>> jobs;
    std::set<Digest> known_good;
    bool stopping = false;
    std::thread thread;  // started with the first job

    [[nodiscard]] Digest digest(std::string_view subject, std::string_view hash, BytesView password) const {
        Digest out{};
        crypto_generichash_state state;
        crypto_generichash_init(&state, key.data(), key.size(), out.size());
        const auto add = [&](BytesView part) {
            const std::uint64_t length = part.size();
            crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&length), sizeof length);
            crypto_generichash_update(&state, part.data(), part.size());
        };
        add(as_bytes(subject));
        add(as_bytes(hash));
        add(password);
        crypto_generichash_final(&state, out.data(), out.size());
        return out;
    }

    void run() {
        std::unique_lock guard(lock);
        for (;;) {
            more.wait(guard, [this] { return stopping || !jobs.empty(); });
            if (stopping) return;
            auto job = std::move(jobs.front());
            jobs.pop_front();
            guard.unlock();
            job();
            guard.lock();
        }
    }

    void compute(const std::string& hash, std::string& password, const Digest& wanted, const Later& later) {
        bool good = false;
        {
            // Meanwhile an earlier one in the line may have had the same password.
            const std::lock_guard guard(lock);
            good = known_good.contains(wanted);
        }
        if (!good) good = crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
        sodium_memzero(password.data(), password.size());
        if (good) {
            const std::lock_guard guard(lock);
            if (known_good.size() >= kRemembered) known_good.clear();
            known_good.insert(wanted);
        }
        later(good);
    }

    // The lock is held.
    bool push(std::function<void()> job) {
        if (stopping || jobs.size() >= kWaitingMost) return false;
        if (!thread.joinable()) thread = std::thread([this] { run(); });
        jobs.push_back(std::move(job));
        more.notify_one();
        return true;
    }
};

PasswordChecker::PasswordChecker() : impl_(std::make_unique<Impl>()) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    randombytes_buf(impl_->key.data(), impl_->key.size());
}

PasswordChecker::~PasswordChecker() {
    stop();
}

void PasswordChecker::stop() {
    {
        const std::lock_guard guard(impl_->lock);
        impl_->stopping = true;
    }
    impl_->more.notify_all();
    if (impl_->thread.joinable()) impl_->thread.join();
}

std::optional<bool> PasswordChecker::check(std::string_view subject, const std::string& hash, BytesView password,
                                           Later later) {
    const auto wanted = impl_->digest(subject, hash, password);
    const std::lock_guard guard(impl_->lock);
    if (impl_->known_good.contains(wanted)) return true;
    const bool waits = impl_->push([impl = impl_.get(), hash, text = std::string(as_text(password)), wanted,
                                    later = std::move(later)]() mutable { impl->compute(hash, text, wanted, later); });
    return waits ? std::nullopt : std::optional(false);
}

bool PasswordChecker::post(std::function<void()> work) {
    const std::lock_guard guard(impl_->lock);
    return impl_->push(std::move(work));
}

}  // namespace esl::broker
