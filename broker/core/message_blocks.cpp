#include "broker/core/message_blocks.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace esl::broker {
namespace {

constexpr std::size_t kStep = 32;  // sizes are rounded up to a multiple of it
constexpr std::size_t kSizes = 24;
constexpr std::size_t kMagazine = 64;  // blocks
constexpr std::size_t kDepotBytes = 2UL << 20;
constexpr std::ptrdiff_t kCountedApart = 4'096;

// Freed blocks would hide from it who still uses them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif
#else
constexpr bool kPooled = true;
#endif

struct Block {
    Block* next;
};

struct Magazine {
    Block* top = nullptr;
    std::size_t blocks = 0;

    void push(void* memory) {
        top = ::new (memory) Block{top};
        ++blocks;
    }
    [[nodiscard]] void* pop() {
        --blocks;
        return std::exchange(top, top->next);
    }
    void empty_into_heap() {
        while (blocks > 0) ::operator delete(pop());
    }
};

// Full magazines, and those of threads that have ended. Lives as long as the process: messages may outlast anything.
class Depot {
public:
    void put(std::size_t size, Magazine magazine) {
        const auto bytes = magazine.blocks * (size + 1) * kStep;
        {
            const std::lock_guard guard(lock_);
            if (bytes_ + bytes <= kDepotBytes) {
                bytes_ += bytes;
                full_[size].push_back(std::exchange(magazine, {}));
                here_[size].store(true, std::memory_order_relaxed);
            }
        }
        magazine.empty_into_heap();
    }
    [[nodiscard]] Magazine take(std::size_t size) {
        if (!here_[size].load(std::memory_order_relaxed)) return {};
        const std::lock_guard guard(lock_);
        auto& full = full_[size];
        if (full.empty()) return {};
        const auto magazine = full.back();
        full.pop_back();
        bytes_ -= magazine.blocks * (size + 1) * kStep;
        here_[size].store(!full.empty(), std::memory_order_relaxed);
        return magazine;
    }

private:
    std::mutex lock_;
    std::array<std::vector<Magazine>, kSizes> full_;
    std::array<std::atomic<bool>, kSizes> here_{};
    std::size_t bytes_ = 0;
};

[[clang::no_destroy]] constinit Depot depot;

std::atomic<std::ptrdiff_t> counted{0};

// Of one thread.
struct Share {
    struct Size {
        Magazine used;
        Magazine full;  // or empty
    };
    std::array<Size, kSizes> sizes{};
    std::ptrdiff_t uncounted = 0;

    ~Share() {
        counted.fetch_add(std::exchange(uncounted, 0), std::memory_order_relaxed);
        for (std::size_t i = 0; i < kSizes; ++i) {
            for (auto* magazine : {&sizes[i].used, &sizes[i].full}) {
                if (magazine->blocks > 0) depot.put(i, std::exchange(*magazine, {}));
            }
        }
    }
};

thread_local Share share;

std::size_t size_index(std::size_t size) {
    return (size - 1) / kStep;
}

}  // namespace

std::size_t live_message_bytes() {
    const auto bytes = counted.load(std::memory_order_relaxed) + share.uncounted;
    return bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
}

namespace message_blocks {

void* allocate(std::size_t size) {
    const auto index = size_index(size);
    if (!kPooled || index >= kSizes) return ::operator new(size);
    auto& mine = share.sizes[index];
    if (mine.used.blocks == 0) std::swap(mine.used, mine.full);
    if (mine.used.blocks == 0) mine.used = depot.take(index);
    return mine.used.blocks == 0 ? ::operator new((index + 1) * kStep) : mine.used.pop();
}

void deallocate(void* block, std::size_t size) {
    const auto index = size_index(size);
    if (!kPooled || index >= kSizes) return ::operator delete(block);
    auto& mine = share.sizes[index];
    if (mine.used.blocks == kMagazine) {
        if (mine.full.blocks != 0) depot.put(index, mine.full);
        mine.full = std::exchange(mine.used, {});
    }
    mine.used.push(block);
}

void count(std::ptrdiff_t bytes) {
    auto& uncounted = share.uncounted;
    uncounted += bytes;
    if (uncounted < kCountedApart && uncounted > -kCountedApart) return;
    counted.fetch_add(std::exchange(uncounted, 0), std::memory_order_relaxed);
}

}  // namespace message_blocks
}  // namespace esl::broker
