#include "broker/adapters/sqlite_message_store.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "broker/adapters/sqlite.hpp"

namespace esl::broker {
namespace {

using sqlite::Database;
using sqlite::Failure;
using sqlite::Statement;

constexpr std::int64_t kForm = 2;
constexpr std::size_t kEnoughForACommit = 512;  // operations; more gain nothing, measured
constexpr unsigned kReclaimEvery = 64;          // commits

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions(number INTEGER PRIMARY KEY, client_id TEXT NOT NULL, expiry INTEGER NOT NULL,
    offline_since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions(session INTEGER NOT NULL, filter TEXT NOT NULL, options INTEGER NOT NULL,
    identifier INTEGER NOT NULL, PRIMARY KEY(session, filter)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS received(session INTEGER NOT NULL, packet_id INTEGER NOT NULL,
    PRIMARY KEY(session, packet_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages(id INTEGER PRIMARY KEY, recipients BLOB NOT NULL, flags INTEGER NOT NULL,
    expires INTEGER NOT NULL, publisher INTEGER NOT NULL, topic TEXT NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL,
    born INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS acks(seq INTEGER PRIMARY KEY, highest INTEGER NOT NULL, records BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS retained(topic TEXT PRIMARY KEY, ordering INTEGER NOT NULL, flags INTEGER NOT NULL,
    expires INTEGER NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL);
)sql";

enum class Mark : std::uint8_t { acknowledged = 1, released = 2 };

std::int64_t flags_of(const Message& m) {
    return static_cast<std::int64_t>(m.qos) | (m.retain ? 4 : 0) | (m.point_to_point ? 8 : 0);
}

void set_flags(Message& m, std::int64_t flags) {
    m.qos = static_cast<mqtt::QoS>(flags & 3);
    m.retain = (flags & 4) != 0;
    m.point_to_point = (flags & 8) != 0;
}

std::int64_t options_bits(const SubscriptionOptions& o) {
    return o.qos | (o.no_local ? 4 : 0) | (o.retain_as_published ? 8 : 0) | (o.retain_handling << 4);
}

SubscriptionOptions options_of(std::int64_t bits, std::int64_t identifier) {
    return {.qos = static_cast<std::uint8_t>(bits & 3),
            .no_local = (bits & 4) != 0,
            .retain_as_published = (bits & 8) != 0,
            .retain_handling = static_cast<std::uint8_t>((bits >> 4) & 3),
            .identifier = static_cast<std::uint32_t>(identifier)};
}

// A recipient: session u32, sequence u32, flags u8 (QoS, 4 retain, 8 identifier follows), identifier u32;
// little-endian.
void write_recipients(const std::vector<Recipient>& recipients, Bytes& out) {
    out.clear();
    ByteWriter writer(out);
    for (const auto& r : recipients) {
        const bool identified = r.subscription_id != 0;
        writer.u32le(r.session).u32le(r.sequence);
        writer.u8(static_cast<std::uint8_t>(static_cast<unsigned>(r.qos) | (r.retain ? 4U : 0U) |
                                            (identified ? 8U : 0U) | (r.released ? 16U : 0U)));
        if (identified) writer.u32le(r.subscription_id);
    }
}

std::vector<Recipient> read_recipients(BytesView in, MessageId message) {
    std::vector<Recipient> out;
    ByteReader reader(in);
    while (reader.left() > 0 && !reader.failed()) {
        Recipient r;
        r.session = reader.u32le();
        r.sequence = reader.u32le();
        const auto flags = reader.u8();
        r.qos = static_cast<mqtt::QoS>(flags & 3);
        r.retain = (flags & 4) != 0;
        r.released = (flags & 16) != 0;
        if ((flags & 8) != 0) r.subscription_id = reader.u32le();
        out.push_back(r);
    }
    if (reader.failed())
        throw Failure(StoreError::damaged, "messages: recipients of " + std::to_string(message) + " end early");
    return out;
}

// The median of a few 4 KB flushes, as a commit does them.
std::chrono::microseconds flush_time(const std::filesystem::path& beside, const Clock& clock) {
    const auto file = beside.string() + ".flush-test";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return std::chrono::microseconds{500};
    std::vector<std::chrono::microseconds> times;
    const Bytes page(4'096, 0x5A);
    for (int i = 0; i < 9; ++i) {
        const auto from = clock.steady();
        if (::pwrite(fd, page.data(), page.size(), 0) < 0 || ::fdatasync(fd) != 0) break;
        times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(clock.steady() - from));
    }
    ::close(fd);
    std::filesystem::remove(file);
    if (times.empty()) return std::chrono::microseconds{500};
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
    return times[times.size() / 2];
}

class SqliteMessageStore final : public MessageStore {
public:
    SqliteMessageStore(const SqliteStoreOptions& options, const Clock& clock);
    ~SqliteMessageStore() override { close(); }
    [[nodiscard]] Result<StoredState> load() override;
    void post(std::vector<StoreOperation> batch, Done done) override;
    void close() override;
    [[nodiscard]] Figures figures() const override;

private:
    struct Batch {
        std::vector<StoreOperation> operations;
        Done done;
    };
    struct PendingPut {
        const PutMessage* operation;
        bool needed;
    };
    struct AckRow {
        std::int64_t seq;
        MessageId highest;
    };

    void run();
    Result<> commit(std::vector<Batch>& batches);
    void apply(const StoreOperation& operation);
    void acknowledge(const AckMessage& op);
    void add_mark(MessageId message, SessionNumber session, Mark mark);
    void insert_messages();
    void write_marks();
    void undo();
    void reclaim();
    void bring_up_to_date();
    void load_sessions(StoredState& state);
    void load_messages(StoredState& state);
    void load_retained(StoredState& state);

    const Clock& clock_;
    std::chrono::milliseconds gather_;
    Database db_;
    Statement begin_, commit_, rollback_, put_session_, remove_session_, remove_session_subscriptions_,
        remove_session_received_, put_subscription_, remove_subscription_, put_message_, remove_message_, put_marks_,
        remove_marks_, put_received_, remove_received_, put_retained_, remove_retained_;

    // Writer thread only, after load().
    boost::unordered_flat_map<MessageId, std::int32_t>
        left_;  // recipients that have not acknowledged; below 0: acks ahead of the message
    std::vector<std::pair<MessageId, std::int32_t>> undo_;  // what the open transaction added to left_
    std::vector<PendingPut> puts_;
    boost::unordered_flat_map<MessageId, std::size_t> put_at_;
    Bytes marks_;
    MessageId marks_highest_ = 0;
    std::deque<AckRow> mark_rows_;
    std::int64_t mark_seq_ = 0;
    Bytes scratch_;
    unsigned since_reclaim_ = 0;

    std::mutex lock_;
    std::condition_variable more_;
    std::vector<Batch> queue_;
    std::size_t queued_ = 0;
    bool closing_ = false;
    std::thread thread_;

    std::atomic<std::uint64_t> commits_{0}, operations_{0}, failures_{0}, waiting_{0}, messages_{0}, commit_us_{0};
};

SqliteMessageStore::SqliteMessageStore(const SqliteStoreOptions& options, const Clock& clock)
    : clock_(clock), gather_(options.gather), db_(options.file) {
    unsigned pages = options.checkpoint_pages;
    if (pages == 0) {
        const auto flush = flush_time(options.file, clock);
        pages = flush < std::chrono::microseconds{300} ? 250 : flush > std::chrono::microseconds{1'000} ? 4'000 : 1'000;
        spdlog::info("message store: a flush takes {} µs, checkpoint every {} pages", flush.count(), pages);
    }
    db_.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=" + std::to_string(pages));
    db_.execute(kSchema);
    bring_up_to_date();
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
}

void SqliteMessageStore::bring_up_to_date() {
    std::int64_t form = 0;
    {
        Statement ask(db_, "SELECT value FROM meta WHERE key='form'");
        if (ask.step()) form = ask.integer_at(0);
    }
    if (form == kForm) return;
    if (form == 0) {
        db_.execute("INSERT INTO meta VALUES('form', " + std::to_string(kForm) + ")");
    } else if (form == 1) {
        // Form 1 did not say when a message was taken.
        db_.execute(
            "BEGIN; ALTER TABLE messages ADD COLUMN born INTEGER NOT NULL DEFAULT 0; "
            "UPDATE meta SET value=2 WHERE key='form'; COMMIT");
    } else {
        throw Failure(StoreError::damaged,
                      "form " + std::to_string(form) + ", this broker knows " + std::to_string(kForm));
    }
}

void SqliteMessageStore::load_sessions(StoredState& state) {
    boost::unordered_flat_map<SessionNumber, std::size_t> at;
    Statement sessions(db_, "SELECT number, client_id, expiry, offline_since FROM sessions ORDER BY number");
    while (sessions.step()) {
        StoredState::Session s;
        s.record = {.number = static_cast<SessionNumber>(sessions.integer_at(0)),
                    .client_id = std::string(sessions.text_at(1)),
                    .expiry_seconds = static_cast<std::uint32_t>(sessions.integer_at(2)),
                    .offline_since = sessions.integer_at(3)};
        at[s.record.number] = state.sessions.size();
        state.highest_session = std::max(state.highest_session, s.record.number);
        state.sessions.push_back(std::move(s));
    }
    Statement filters(db_, "SELECT session, filter, options, identifier FROM subscriptions ORDER BY session, filter");
    while (filters.step()) {
        const auto who = at.find(static_cast<SessionNumber>(filters.integer_at(0)));
        if (who == at.end()) continue;
        state.sessions[who->second].subscriptions.emplace_back(
            filters.text_at(1), options_of(filters.integer_at(2), filters.integer_at(3)));
    }
    Statement received(db_, "SELECT session, packet_id FROM received ORDER BY session, packet_id");
    while (received.step()) {
        const auto who = at.find(static_cast<SessionNumber>(received.integer_at(0)));
        if (who != at.end())
            state.sessions[who->second].received.push_back(static_cast<mqtt::PacketId>(received.integer_at(1)));
    }
}

void SqliteMessageStore::load_messages(StoredState& state) {
    // How often each (message, session) was acknowledged, and released.
    using Key = std::pair<MessageId, SessionNumber>;
    boost::unordered_flat_map<Key, std::pair<unsigned, unsigned>> marks;
    Statement rows(db_, "SELECT seq, records FROM acks ORDER BY seq");
    while (rows.step()) {
        ByteReader reader(rows.blob_at(1));
        while (reader.left() > 0 && !reader.failed()) {
            const auto message = reader.u64le();
            const auto session = reader.u32le();
            const auto mark = static_cast<Mark>(reader.u8());
            auto& counts = marks[{message, session}];
            ++(mark == Mark::acknowledged ? counts.first : counts.second);
        }
        if (reader.failed())
            throw Failure(StoreError::damaged, "acks: row " + std::to_string(rows.integer_at(0)) + " ends early");
    }
    boost::unordered_flat_map<SessionNumber, bool> known;
    for (const auto& s : state.sessions) known[s.record.number] = true;
    std::vector<MessageId> dead;
    std::vector<std::size_t> changed;
    Statement messages(
        db_,
        "SELECT id, recipients, flags, expires, publisher, topic, properties, payload, born FROM messages ORDER BY id");
    while (messages.step()) {
        const auto id = static_cast<MessageId>(messages.integer_at(0));
        state.highest_message = std::max(state.highest_message, id);
        auto recipients = read_recipients(messages.blob_at(1), id);
        const auto before = recipients;
        for (const auto& r : before) state.highest_session = std::max(state.highest_session, r.session);
        std::erase_if(recipients, [&](const Recipient& r) {
            if (!known.contains(r.session)) return true;
            const auto mark = marks.find({id, r.session});
            if (mark == marks.end() || mark->second.first == 0) return false;
            --mark->second.first;
            return true;
        });
        for (auto& r : recipients) {
            const auto mark = marks.find({id, r.session});
            if (mark == marks.end() || mark->second.second == 0) continue;
            --mark->second.second;
            r.released = true;
        }
        if (recipients.empty()) {
            dead.push_back(id);
            continue;
        }
        auto message = std::make_shared<Message>();
        message->id = id;
        set_flags(*message, messages.integer_at(2));
        message->expires = from_millis(messages.integer_at(3));
        message->publisher = static_cast<SessionNumber>(messages.integer_at(4));
        message->topic = messages.text_at(5);
        message->born = from_millis(messages.integer_at(8));
        const auto properties = messages.blob_at(6);
        const auto payload = messages.blob_at(7);
        message->properties.assign(properties.begin(), properties.end());
        message->payload.assign(payload.begin(), payload.end());
        if (recipients != before) changed.push_back(state.messages.size());
        left_[id] = static_cast<std::int32_t>(recipients.size());
        state.messages.push_back({std::move(message), std::move(recipients)});
    }
    // Starting is when there is time: what the marks say goes into the rows, and the marks go.
    begin_.start().run();
    for (const auto id : dead) remove_message_.start().integer(static_cast<std::int64_t>(id)).run();
    Statement update(db_, "UPDATE messages SET recipients=? WHERE id=?");
    for (const auto i : changed) {
        write_recipients(state.messages[i].recipients, scratch_);
        update.start().blob(scratch_).integer(static_cast<std::int64_t>(state.messages[i].message->id)).run();
    }
    db_.execute("DELETE FROM acks");
    commit_.start().run();
    messages_ = state.messages.size();
}

void SqliteMessageStore::load_retained(StoredState& state) {
    Statement rows(db_, "SELECT topic, ordering, flags, expires, properties, payload FROM retained ORDER BY topic");
    while (rows.step()) {
        auto message = std::make_shared<Message>();
        message->topic = rows.text_at(0);
        set_flags(*message, rows.integer_at(2));
        message->expires = from_millis(rows.integer_at(3));
        const auto properties = rows.blob_at(4);
        const auto payload = rows.blob_at(5);
        message->properties.assign(properties.begin(), properties.end());
        message->payload.assign(payload.begin(), payload.end());
        const auto order = static_cast<std::uint64_t>(rows.integer_at(1));
        state.highest_order = std::max(state.highest_order, order);
        state.retained.push_back({std::move(message), order});
    }
}

Result<StoredState> SqliteMessageStore::load() {
    StoredState state;
    try {
        load_sessions(state);
        load_messages(state);
        load_retained(state);
    } catch (const Failure& failure) {
        return fail(failure.reason, failure.what());
    }
    thread_ = std::thread([this] { run(); });
    return state;
}

void SqliteMessageStore::post(std::vector<StoreOperation> batch, Done done) {
    {
        const std::lock_guard guard(lock_);
        queued_ += batch.size();
        waiting_ += batch.size();
        queue_.push_back({std::move(batch), std::move(done)});
        // The writer sleeps only with an empty queue, or while it gathers.
        if (queue_.size() > 1 && queued_ < kEnoughForACommit) return;
    }
    more_.notify_one();
}

void SqliteMessageStore::run() {
    std::unique_lock guard(lock_);
    for (;;) {
        more_.wait(guard, [this] { return closing_ || !queue_.empty(); });
        if (queue_.empty()) return;
        if (gather_.count() > 0)
            more_.wait_for(guard, gather_, [this] { return closing_ || queued_ >= kEnoughForACommit; });
        std::vector<Batch> batches;
        batches.swap(queue_);
        const auto operations = queued_;
        queued_ = 0;
        guard.unlock();
        const auto from = clock_.steady();
        const auto result = commit(batches);
        commit_us_ += static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - from).count());
        ++commits_;
        operations_ += operations;
        waiting_ -= operations;
        if (!result) {
            ++failures_;
            spdlog::error("message store: {}", result.error().message());
        }
        for (auto& batch : batches) {
            if (batch.done) batch.done(result);
        }
        guard.lock();
    }
}

Result<> SqliteMessageStore::commit(std::vector<Batch>& batches) {
    try {
        begin_.start().run();
        for (const auto& batch : batches) {
            for (const auto& operation : batch.operations) apply(operation);
        }
        insert_messages();
        write_marks();
        if (++since_reclaim_ >= kReclaimEvery) reclaim();
        commit_.start().run();
    } catch (const Failure& failure) {
        undo();
        return fail(failure.reason, failure.what());
    }
    undo_.clear();
    messages_ = left_.size();
    return {};
}

void SqliteMessageStore::undo() {
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
}

void SqliteMessageStore::apply(const StoreOperation& operation) {
    struct Visitor {
        SqliteMessageStore& s;
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
        void operator()(const RemoveRetained& op) const {
            s.remove_retained_.start().text(op.topic).integer(static_cast<std::int64_t>(op.order)).run();
        }
    };
    std::visit(Visitor{*this}, operation);
}

void SqliteMessageStore::acknowledge(const AckMessage& op) {
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

void SqliteMessageStore::add_mark(MessageId message, SessionNumber session, Mark mark) {
    ByteWriter(marks_).u64le(message).u32le(session).u8(static_cast<std::uint8_t>(mark));
    marks_highest_ = std::max(marks_highest_, message);
}

void SqliteMessageStore::insert_messages() {
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

void SqliteMessageStore::write_marks() {
    if (marks_.empty()) return;
    put_marks_.start().integer(++mark_seq_).integer(static_cast<std::int64_t>(marks_highest_)).blob(marks_).run();
    mark_rows_.push_back({mark_seq_, marks_highest_});
    marks_.clear();
    marks_highest_ = 0;
}

// Marks go once every message they could speak of has gone.
void SqliteMessageStore::reclaim() {
    since_reclaim_ = 0;
    MessageId oldest = ~MessageId{0};
    Statement first(db_, "SELECT id FROM messages ORDER BY id LIMIT 1");
    if (first.step()) oldest = static_cast<MessageId>(first.integer_at(0));
    // An acknowledgement may be ahead of its message for some commits, so the newest rows stay.
    while (mark_rows_.size() > kReclaimEvery && mark_rows_.front().highest < oldest) {
        remove_marks_.start().integer(mark_rows_.front().seq).run();
        mark_rows_.pop_front();
    }
}

void SqliteMessageStore::close() {
    {
        const std::lock_guard guard(lock_);
        if (closing_) return;
        closing_ = true;
    }
    more_.notify_one();
    if (thread_.joinable()) thread_.join();
}

MessageStore::Figures SqliteMessageStore::figures() const {
    return {.commits = commits_,
            .operations = operations_,
            .failures = failures_,
            .waiting = waiting_,
            .messages = messages_,
            .commit_microseconds = commit_us_};
}

}  // namespace

std::unique_ptr<MessageStore> open_sqlite_message_store(const SqliteStoreOptions& options, const Clock& clock) {
    try {
        return std::make_unique<SqliteMessageStore>(options, clock);
    } catch (const Failure& failure) {
        throw std::runtime_error(options.file.string() + ": " + std::string(describe(failure.reason)) + ": " +
                                 failure.what());
    }
}

}  // namespace esl::broker
