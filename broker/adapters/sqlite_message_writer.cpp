#include "broker/adapters/sqlite_message_writer.hpp"

#include <algorithm>

namespace esl::broker::sqlite {
namespace {

constexpr unsigned kReclaimEvery = 64;  // commits

}  // namespace

MessageWriter::MessageWriter(Database& database) : db_(database) {
    begin_ = {db_, "BEGIN IMMEDIATE"};
    commit_ = {db_, "COMMIT"};
    rollback_ = {db_, "ROLLBACK"};
    put_session_ = {db_, "INSERT OR REPLACE INTO sessions VALUES(?,?,?,?)"};
    remove_session_ = {db_, "DELETE FROM sessions WHERE number=?"};
    remove_session_subscriptions_ = {db_, "DELETE FROM subscriptions WHERE session=?"};
    remove_session_received_ = {db_, "DELETE FROM received WHERE session=?"};
    put_subscription_ = {db_, "INSERT OR REPLACE INTO subscriptions VALUES(?,?,?,?)"};
    remove_subscription_ = {db_, "DELETE FROM subscriptions WHERE session=? AND filter=?"};
    put_message_ = {db_, "INSERT OR REPLACE INTO messages VALUES(?,?,?,?,?,?,?,?,?)"};
    remove_message_ = {db_, "DELETE FROM messages WHERE id=?"};
    put_marks_ = {db_, "INSERT INTO acks VALUES(?,?,?)"};
    remove_marks_ = {db_, "DELETE FROM acks WHERE seq=?"};
    put_received_ = {db_, "INSERT OR IGNORE INTO received VALUES(?,?)"};
    remove_received_ = {db_, "DELETE FROM received WHERE session=? AND packet_id=?"};
    put_retained_ = {db_,
                     "INSERT INTO retained VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(topic) DO UPDATE SET ordering=?2, "
                     "flags=?3, expires=?4, "
                     "properties=?5, payload=?6 WHERE ordering < ?2"};
    remove_retained_ = {db_, "DELETE FROM retained WHERE topic=? AND ordering<?"};
    put_will_ = {db_, "INSERT OR REPLACE INTO wills VALUES(?,?,?,?,?,?,?,?)"};
    remove_will_ = {db_, "DELETE FROM wills WHERE session=?"};
    put_connection_ = {db_, "INSERT OR REPLACE INTO connections VALUES(?,?,?,?)"};
    remove_connection_ = {db_, "DELETE FROM connections WHERE session=?"};
    oldest_message_ = {db_, "SELECT id FROM messages ORDER BY id LIMIT 1"};
}

void MessageWriter::start_from(const StoredState& state, const std::vector<MarkRow>& marks) {
    left_.reserve(state.messages.size());
    for (const auto& owed : state.messages) left_[owed.message->id] = static_cast<std::int32_t>(owed.recipients.size());
    mark_rows_.assign(marks.begin(), marks.end());
    if (!marks.empty()) mark_seq_ = marks.back().seq;
}

void MessageWriter::begin() {
    mark_rows_before_ = mark_rows_.size();
    begin_.start().run();
}

void MessageWriter::commit() {
    insert_messages();
    write_marks();
    if (++since_reclaim_ >= kReclaimEvery) reclaim();
    commit_.start().run();
    undo_.clear();
    reclaimed_.clear();
}

void MessageWriter::undo() {
    if (sqlite3_get_autocommit(db_.handle()) == 0) {
        try {
            rollback_.start().run();
        } catch (const Failure&) {  // it has been rolled back already
        }
    }
    for (const auto& [id, delta] : undo_) {
        auto& left = left_[id];
        left -= delta;
        if (left == 0) left_.erase(id);
    }
    undo_.clear();
    puts_.clear();
    put_at_.clear();
    marks_.clear();
    marks_highest_ = 0;
    mark_rows_.resize(std::min(mark_rows_.size(), mark_rows_before_ - reclaimed_.size()));
    mark_rows_.insert(mark_rows_.begin(), reclaimed_.begin(), reclaimed_.end());
    reclaimed_.clear();
}

void MessageWriter::apply(const StoreOperation& operation) {
    struct Visitor {
        MessageWriter& s;
        void operator()(const PutSession& op) const {
            const auto& r = op.session;
            s.put_session_.start()
                .integer(r.number)
                .text(r.client_id)
                .integer(r.expiry_seconds)
                .integer(r.offline_since)
                .run();
        }
        void operator()(const RemoveSession& op) const {
            s.remove_session_.start().integer(op.session).run();
            s.remove_session_subscriptions_.start().integer(op.session).run();
            s.remove_session_received_.start().integer(op.session).run();
        }
        void operator()(const PutSubscription& op) const {
            s.put_subscription_.start()
                .integer(op.session)
                .text(op.filter)
                .integer(options_bits(op.options))
                .integer(op.options.identifier)
                .run();
        }
        void operator()(const RemoveSubscription& op) const {
            s.remove_subscription_.start().integer(op.session).text(op.filter).run();
        }
        void operator()(const PutMessage& op) const {
            const auto id = op.message->id;
            const auto count = static_cast<std::int32_t>(op.recipients.size());
            s.undo_.emplace_back(id, count);
            const auto left = (s.left_[id] += count);
            if (left == 0) s.left_.erase(id);
            s.put_at_[id] = s.puts_.size();
            s.puts_.push_back({&op, left != 0});
        }
        void operator()(const AckMessage& op) const { s.acknowledge(op); }
        void operator()(const ReleaseMessage& op) const { s.add_mark(op.message, op.session, Mark::released); }
        void operator()(const PutReceived& op) const {
            s.put_received_.start().integer(op.session).integer(op.packet_id).run();
        }
        void operator()(const RemoveReceived& op) const {
            s.remove_received_.start().integer(op.session).integer(op.packet_id).run();
        }
        void operator()(const PutRetained& op) const {
            const Message& m = *op.message;
            s.put_retained_.start()
                .text(m.topic)
                .integer(static_cast<std::int64_t>(op.order))
                .integer(flags_of(m))
                .integer(to_millis(m.expires))
                .blob(m.properties)
                .blob(m.payload)
                .run();
        }
        void operator()(const PutWill& op) const {
            const Message& m = *op.will.message;
            s.put_will_.start()
                .integer(op.will.session)
                .text(op.will.client_id)
                .integer(op.will.delay_seconds)
                .integer(flags_of(m))
                .integer(to_millis(m.expires))
                .text(m.topic)
                .blob(m.properties)
                .blob(m.payload)
                .run();
        }
        void operator()(const RemoveWill& op) const { s.remove_will_.start().integer(op.session).run(); }
        void operator()(const PutConnection& op) const {
            const auto& c = op.connection;
            s.put_connection_.start().integer(c.session).text(c.client_id).text(c.channel_id).text(c.peer).run();
        }
        void operator()(const RemoveConnection& op) const { s.remove_connection_.start().integer(op.session).run(); }
        void operator()(const RemoveRetained& op) const {
            s.remove_retained_.start().text(op.topic).integer(static_cast<std::int64_t>(op.order)).run();
        }
    };
    std::visit(Visitor{*this}, operation);
}

void MessageWriter::acknowledge(const AckMessage& op) {
    undo_.emplace_back(op.message, -1);
    const auto left = --left_[op.message];
    if (left != 0) return add_mark(op.message, op.session, Mark::acknowledged);
    left_.erase(op.message);
    // Acknowledged by all before it was ever written: then it need not be.
    if (const auto at = put_at_.find(op.message); at != put_at_.end()) {
        puts_[at->second].needed = false;
    } else {
        remove_message_.start().integer(static_cast<std::int64_t>(op.message)).run();
    }
}

void MessageWriter::add_mark(MessageId message, SessionNumber session, Mark mark) {
    ByteWriter(marks_).u64le(message).u32le(session).u8(static_cast<std::uint8_t>(mark));
    marks_highest_ = std::max(marks_highest_, message);
}

void MessageWriter::insert_messages() {
    for (const auto& put : puts_) {
        if (!put.needed) continue;
        const Message& m = *put.operation->message;
        write_recipients(put.operation->recipients, scratch_);
        put_message_.start()
            .integer(static_cast<std::int64_t>(m.id))
            .blob(scratch_)
            .integer(flags_of(m))
            .integer(to_millis(m.expires))
            .integer(m.publisher)
            .text(m.topic)
            .blob(m.properties)
            .blob(m.payload)
            .integer(to_millis(m.born))
            .run();
    }
    puts_.clear();
    put_at_.clear();
}

void MessageWriter::write_marks() {
    if (marks_.empty()) return;
    put_marks_.start().integer(++mark_seq_).integer(static_cast<std::int64_t>(marks_highest_)).blob(marks_).run();
    mark_rows_.push_back({mark_seq_, marks_highest_});
    marks_.clear();
    marks_highest_ = 0;
}

// Marks go once every message they could speak of has gone.
void MessageWriter::reclaim() {
    since_reclaim_ = 0;
    MessageId oldest = ~MessageId{0};
    oldest_message_.start();
    if (oldest_message_.step()) oldest = static_cast<MessageId>(oldest_message_.integer_at(0));
    oldest_message_.start();
    // An acknowledgement may be ahead of its message for some commits, so the newest rows stay.
    while (mark_rows_.size() > kReclaimEvery && mark_rows_.front().highest < oldest) {
        remove_marks_.start().integer(mark_rows_.front().seq).run();
        reclaimed_.push_back(mark_rows_.front());
        mark_rows_.pop_front();
    }
}

}  // namespace esl::broker::sqlite
