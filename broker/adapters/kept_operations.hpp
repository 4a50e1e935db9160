// What a failed commit leaves to be written later, in order. Not thread-safe.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <deque>
#include <vector>

#include "broker/ports/message_store.hpp"

namespace esl::broker {

class KeptOperations {
public:
    // Takes all but what was refusable and what acknowledges it. A later change of the same session, filter, packet id
    // or topic replaces the earlier one, so that a disk that stays full costs what there is, not what has happened.
    void keep(std::vector<StoreOperation> batch);
    // Of a batch that comes after: acknowledgements of refused messages are nothing any more.
    void leave_out_refused(std::vector<StoreOperation>& batch) const;

    [[nodiscard]] bool empty() const { return batches_.empty(); }
    [[nodiscard]] std::size_t size() const { return size_; }  // operations
    // The oldest; never cut apart, since what was posted together is to be committed together.
    [[nodiscard]] const std::deque<std::vector<StoreOperation>>& batches() const { return batches_; }
    void pop_front(std::size_t batches);

private:
    void compact();

    std::deque<std::vector<StoreOperation>> batches_;
    std::size_t size_ = 0;
    std::size_t compact_at_ = 50'000;
    boost::unordered_flat_set<MessageId> refused_;
    std::deque<MessageId> refused_order_;
};

}  // namespace esl::broker
