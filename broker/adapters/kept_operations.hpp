// What a failed commit leaves to be written later, in order. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "broker/ports/message_store.hpp"

namespace esl::broker {

class KeptOperations {
public:
    // A later change of the same session, filter, packet id or topic replaces the earlier one, and a message that all
    // have acknowledged goes, so that a disk that stays full costs what there is, not what has happened.
    void keep(std::vector<StoreOperation> batch);

    [[nodiscard]] bool empty() const { return batches_.empty(); }
    [[nodiscard]] std::size_t size() const { return size_; }  // operations
    // Oldest first; never cut apart, since what was posted together is to be committed together.
    [[nodiscard]] const std::deque<std::vector<StoreOperation>>& batches() const { return batches_; }
    void pop_front(std::size_t batches);

private:
    void compact();

    std::deque<std::vector<StoreOperation>> batches_;
    std::size_t size_ = 0;
    std::size_t compact_at_ = 50'000;
};

}  // namespace esl::broker
