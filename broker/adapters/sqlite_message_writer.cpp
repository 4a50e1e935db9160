#include "broker/adapters/sqlite_message_writer.hpp"

#include <algorithm>

namespace esl::broker::sqlite {
namespace {

constexpr unsigned kReclaimEvery = 64;  // commits
constexpr int kTidiedACommit = 4;       // rows of bundles

}  // namespace

MessageWriter::MessageWriter(Database& database) : db_(database), acks_(database, "acks"), bundles_(database) {
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
    put_received_ = {db_, "INSERT OR IGNORE INTO received VALUES(?,?)"};
    remove_received_ = {db_, "DELETE FROM received WHERE session=? AND packet_id=?"};
    put_retained_ = {db_,
                     "INSERT INTO retained VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(topic) DO UPDATE SET ordering=?2, "
                     "flags=?3, expires=?4, "
                     "properties=?5, payload=?6 WHERE ordering < ?2"};
    remove_retained_ = {db_, "DELETE FROM retained WHERE topic=? AND ordering<?"};
    put_will_ = {db_, "INSERT OR REPLACE INTO wills VALUES(?,?,?,?,?,?,?,?,?)"};
    remove_will_ = {db_, "DELETE FROM wills WHERE id=?"};
    put_connection_ = {db_, "INSERT OR REPLACE INTO connections VALUES(?,?,?,?)"};
    remove_connection_ = {db_, "DELETE FROM connections WHERE channel_id=?"};
    oldest_message_ = {db_, "SELECT id FROM messages ORDER BY id LIMIT 1"};
}

void MessageWriter::start_from(const KeptFile& file) {
    std::vector<std::pair<BundleNumber, std::uint32_t>> bundles;
    for (std::size_t i = 0; i < file.state.messages.size(); ++i) {
        const auto& owed = file.state.messages[i];
        const auto bundle = file.bundle[i];
        owed_[owed.message->id] = {bundle, static_cast<std::int32_t>(owed.recipients.size())};
        if (bundle == 0) continue;
        if (bundles.empty() || bundles.back().first != bundle) bundles.emplace_back(bundle, 0);
        ++bundles.back().second;
    }
    acks_.start_from(file.acks);
    bundles_.start_from(bundles, file.gone, file.highest_bundle);
}

void MessageWriter::begin() {
    acks_.begin();
    bundles_.begin();
    begin_.start().run();
}

void MessageWriter::commit() {
    insert_messages();
    tidy_bundles();
    bundles_.flush();
    write_marks();
    if (++since_reclaim_ >= kReclaimEvery || bundles_.crowded()) reclaim();
    commit_.start().run();
    undo_.clear();
    acks_.committed();
    bundles_.committed();
}

void MessageWriter::undo() {
    if (sqlite3_get_autocommit(db_.handle()) == 0) {
        try {
            rollback_.start().run();
        } catch (const Failure&) {  // it has been rolled back already
        }
    }
    for (auto change = undo_.rbegin(); change != undo_.rend(); ++change) {
        if (change->before.left == 0) {
            owed_.erase(change->message);
        } else {
            owed_[change->message] = change->before;
        }
    }
    undo_.clear();
    puts_.clear();
    marks_.clear();
    acks_.undo();
    bundles_.undo();
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
        void operator()(const PutMessage& op) const { s.puts_.push_back(&op); }
        void operator()(const AckMessage& op) const { s.acknowledge(op); }
        void operator()(const ReleaseMessage& op) const {
            s.marks_.push_back({op.message, op.session, Mark::released});
        }
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
                .integer(static_cast<std::int64_t>(m.id))
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
        void operator()(const RemoveWill& op) const {
            s.remove_will_.start().integer(static_cast<std::int64_t>(op.will)).run();
        }
        void operator()(const PutConnection& op) const {
            const auto& c = op.connection;
            s.put_connection_.start().text(c.channel_id).integer(c.session).text(c.client_id).text(c.peer).run();
        }
        void operator()(const RemoveConnection& op) const { s.remove_connection_.start().text(op.channel_id).run(); }
        void operator()(const RemoveRetained& op) const {
            s.remove_retained_.start().text(op.topic).integer(static_cast<std::int64_t>(op.order)).run();
        }
    };
    std::visit(Visitor{*this}, operation);
}

void MessageWriter::acknowledge(const AckMessage& op) {
    auto& owed = owed_[op.message];
    undo_.push_back({op.message, owed});
    if (--owed.left != 0) return marks_.push_back({op.message, op.session, Mark::acknowledged});
    const auto bundle = owed.bundle;
    owed_.erase(op.message);
    if (bundle != 0) {
        bundles_.remove(bundle, op.message);
    } else {
        remove_message_.start().integer(static_cast<std::int64_t>(op.message)).run();
    }
}

// Those that everybody has acknowledged before they were ever written need not be.
void MessageWriter::insert_messages() {
    for (const auto* put : puts_) {
        const auto id = put->message->id;
        auto& owed = owed_[id];
        undo_.push_back({id, owed});
        owed.left += static_cast<std::int32_t>(put->recipients.size());
        if (owed.left == 0) {
            owed_.erase(id);
        } else if (fits_a_bundle(put->recipients)) {
            owed.bundle = bundles_.add(*put);
        } else {
            insert_row(*put);
        }
    }
    puts_.clear();
}

void MessageWriter::insert_row(const PutMessage& put) {
    const Message& m = *put.message;
    scratch_.clear();
    write_recipients(put.recipients, scratch_);
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

void MessageWriter::tidy_bundles() {
    for (int i = 0; i < kTidiedACommit && bundles_.crowded(); ++i) {
        const auto row = bundles_.take_oldest(scratch_);
        if (row == 0) return;
        for_each_record(scratch_, row, [&](const Record& record) {
            const auto id = record.message.id;
            auto* owed = owed_.find(id);
            if (owed == nullptr || owed->bundle != row) return;
            undo_.push_back({id, *owed});
            owed->bundle = bundles_.add(record.whole);
        });
    }
}

// What is said of a message that is over by now, or never was, need not be kept.
void MessageWriter::write_marks() {
    MessageId highest = 0;
    scratch_.clear();
    for (const auto& [message, session, mark] : marks_) {
        if (owed_.find(message) == nullptr) continue;
        ByteWriter(scratch_).u64le(message).u32le(session).u8(static_cast<std::uint8_t>(mark));
        highest = std::max(highest, message);
    }
    marks_.clear();
    if (!scratch_.empty()) acks_.add(highest, scratch_);
}

// Marks go once every message they could speak of has gone.
void MessageWriter::reclaim() {
    since_reclaim_ = 0;
    MessageId oldest = ~MessageId{0};
    oldest_message_.start();
    if (oldest_message_.step()) oldest = static_cast<MessageId>(oldest_message_.integer_at(0));
    oldest_message_.start();
    // An acknowledgement may be ahead of its message for some commits, so the newest rows stay.
    acks_.reclaim(oldest, kReclaimEvery);
    bundles_.reclaim();
}

}  // namespace esl::broker::sqlite
