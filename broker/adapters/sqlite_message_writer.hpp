// Writes to messages.db, one transaction after the other. Not thread-safe: the store's thread owns it.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <utility>
#include <vector>

#include "broker/adapters/sqlite.hpp"
#include "broker/adapters/sqlite_message_file.hpp"
#include "broker/adapters/sqlite_message_rows.hpp"

namespace esl::broker::sqlite {

class MessageWriter {
public:
    explicit MessageWriter(Database& database);

    // What is on disk now; before the first begin().
    void start_from(const StoredState& state, const std::vector<MarkRow>& marks);
    // begin(), apply() any number of times, commit(). What `operation` points to must live until commit() or undo().
    // Each throws Failure; undo() then brings everything back to where begin() found it.
    void begin();
    void apply(const StoreOperation& operation);
    void commit();
    void undo();
    // Rows kept.
    [[nodiscard]] std::size_t messages() const { return left_.size(); }

private:
    struct PendingPut {
        const PutMessage* operation;
        bool needed;
    };

    void acknowledge(const AckMessage& op);
    void add_mark(MessageId message, SessionNumber session, Mark mark);
    void insert_messages();
    void write_marks();
    void reclaim();

    Database& db_;
    Statement begin_, commit_, rollback_, put_session_, remove_session_, remove_session_subscriptions_,
        remove_session_received_, put_subscription_, remove_subscription_, put_message_, remove_message_, put_marks_,
        remove_marks_, put_received_, remove_received_, put_retained_, remove_retained_, put_will_, remove_will_,
        put_connection_, remove_connection_, oldest_message_;

    // Recipients that have not acknowledged; below 0: acks ahead of the message.
    boost::unordered_flat_map<MessageId, std::int32_t> left_;
    std::vector<std::pair<MessageId, std::int32_t>> undo_;  // what the open transaction added to left_
    std::vector<PendingPut> puts_;
    boost::unordered_flat_map<MessageId, std::size_t> put_at_;
    Bytes marks_;
    MessageId marks_highest_ = 0;
    std::deque<MarkRow> mark_rows_;
    std::size_t mark_rows_before_ = 0;  // at begin()
    std::vector<MarkRow> reclaimed_;    // by the open transaction
    std::int64_t mark_seq_ = 0;
    Bytes scratch_;
    unsigned since_reclaim_ = 0;
};

}  // namespace esl::broker::sqlite
