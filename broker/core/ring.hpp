// A queue in one block: push at the back, pop at the front, index from the front. Owns no memory while it has never
// held anything, and gives it back when it becomes empty and was large. Not thread-safe.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>

namespace esl::broker {

template <class T>
class Ring {
public:
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    T& operator[](std::size_t i) { return at(i); }
    const T& operator[](std::size_t i) const { return const_cast<Ring*>(this)->at(i); }
    T& front() { return at(0); }
    T& back() { return at(size_ - 1); }

    void push_back(T value) {
        if (size_ == capacity_) grow();
        ++size_;
        back() = std::move(value);
    }
    void pop_front() {
        assert(size_ > 0);
        front() = T{};
        first_ = (first_ + 1) & (capacity_ - 1);
        if (--size_ == 0 && capacity_ > kKeep) *this = Ring{};
    }
    void pop_back() {
        assert(size_ > 0);
        back() = T{};
        if (--size_ == 0 && capacity_ > kKeep) *this = Ring{};
    }
    void clear() { *this = Ring{}; }

    Ring() = default;
    Ring(Ring&& other) noexcept
        : slots_(std::move(other.slots_)),
          capacity_(std::exchange(other.capacity_, 0)),
          first_(std::exchange(other.first_, 0)),
          size_(std::exchange(other.size_, 0)) {}
    Ring& operator=(Ring&& other) noexcept {
        slots_ = std::move(other.slots_);
        capacity_ = std::exchange(other.capacity_, 0);
        first_ = std::exchange(other.first_, 0);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

private:
    static constexpr std::size_t kKeep = 64;

    T& at(std::size_t i) {
        assert(i < size_);
        return slots_[(first_ + i) & (capacity_ - 1)];
    }
    void grow() {
        const std::size_t wider = capacity_ == 0 ? 4 : capacity_ * 2;
        auto slots = std::make_unique<T[]>(wider);
        for (std::size_t i = 0; i < size_; ++i) slots[i] = std::move(at(i));
        slots_ = std::move(slots);
        capacity_ = wider;
        first_ = 0;
    }

    std::unique_ptr<T[]> slots_;
    std::size_t capacity_ = 0;  // a power of two
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace esl::broker
