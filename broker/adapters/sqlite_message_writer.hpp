// Writes to messages.db, one transaction after the other. Not thread-safe: the store's thread owns it.
#pragma once

#include <vector>

#include "broker/adapters/parted_map.hpp"
#include "broker/adapters/sqlite.hpp"
#include "broker/adapters/sqlite_ack_rows.hpp"
#include "broker/adapters/sqlite_bundles.hpp"
#include "broker/adapters/sqlite_message_file.hpp"
#include "broker/adapters/sqlite_message_rows.hpp"

namespace esl::broker::sqlite {

class MessageWriter {
public:
    explicit MessageWriter(Database& database);

    // What is on disk now; before the first begin().
    void start_from(const KeptFile& file);
    // begin(), apply() any number of times, commit(). What `operation` points to must live until commit() or undo().
    // Each throws Failure; undo() then brings everything back to where begin() found it.
    void begin();
    void apply(const StoreOperation& operation);
    void commit();
    void undo();
    // Messages kept.
    [[nodiscard]] std::size_t messages() const { return owed_.size(); }

private:
    struct Owed {
        BundleNumber bundle = 0;  // that the message is in; 0: a row of its own, or not on disk
        std::int32_t left = 0;    // recipients that have not acknowledged; below 0: acks ahead of the message
    };
    struct Undo {
        MessageId message;
        Owed before;
    };
    struct PendingMark {
        MessageId message;
        SessionNumber session;
        Mark mark;
    };

    void acknowledge(const AckMessage& op);
    void insert_messages();
    void insert_row(const PutMessage& put);
    void tidy_bundles();
    void write_marks();
    void reclaim();

    Database& db_;
    Statement begin_, commit_, rollback_, put_session_, remove_session_, remove_session_subscriptions_,
        remove_session_received_, put_subscription_, remove_subscription_, put_message_, remove_message_, put_received_,
        remove_received_, put_retained_, remove_retained_, put_will_, remove_will_, put_connection_, remove_connection_,
        oldest_message_;

    PartedMap<Owed> owed_;
    std::vector<Undo> undo_;               // what the open transaction changed in owed_
    std::vector<const PutMessage*> puts_;  // of the open transaction
    std::vector<PendingMark> marks_;       // likewise
    AckRows acks_;
    Bundles bundles_;
    Bytes scratch_;
    unsigned since_reclaim_ = 0;
};

}  // namespace esl::broker::sqlite
