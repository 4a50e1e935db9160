// What is in messages.db, read at start.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <future>
#include <iterator>
#include <string>
#include <vector>

#include "broker/adapters/sqlite_message_file.hpp"
#include "broker/adapters/sqlite_message_rows.hpp"

namespace esl::broker::sqlite {
namespace {

void read_sessions(Database& database, StoredState& state) {
    boost::unordered_flat_map<SessionNumber, std::size_t> at;
    Statement sessions(database, "SELECT number, client_id, expiry, offline_since FROM sessions ORDER BY number");
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
    Statement filters(database,
                      "SELECT session, filter, options, identifier FROM subscriptions ORDER BY session, filter");
    while (filters.step()) {
        const auto who = at.find(static_cast<SessionNumber>(filters.integer_at(0)));
        if (who == at.end()) continue;
        state.sessions[who->second].subscriptions.emplace_back(
            filters.text_at(1), options_of(filters.integer_at(2), filters.integer_at(3)));
    }
    Statement received(database, "SELECT session, packet_id FROM received ORDER BY session, packet_id");
    while (received.step()) {
        const auto who = at.find(static_cast<SessionNumber>(received.integer_at(0)));
        if (who != at.end())
            state.sessions[who->second].received.push_back(static_cast<mqtt::PacketId>(received.integer_at(1)));
    }
}

void read_left_behind(Database& database, StoredState& state) {
    Statement wills(
        database,
        "SELECT session, client_id, delay, flags, expires, topic, properties, payload, id FROM wills ORDER BY id");
    while (wills.step()) {
        Message message;
        set_flags(message, wills.integer_at(3));
        message.expires = from_millis(wills.integer_at(4));
        message.topic = wills.text_at(5);
        message.properties = wills.blob_at(6);
        message.payload = wills.blob_at(7);
        message.id = static_cast<MessageId>(wills.integer_at(8));
        state.highest_message = std::max(state.highest_message, message.id);
        const auto session = static_cast<SessionNumber>(wills.integer_at(0));
        state.highest_session = std::max(state.highest_session, session);
        state.wills.push_back({.session = session,
                               .client_id = std::string(wills.text_at(1)),
                               .delay_seconds = static_cast<std::uint32_t>(wills.integer_at(2)),
                               .message = make_message(message)});
    }
    Statement connections(database, "SELECT session, client_id, channel_id, peer FROM connections ORDER BY channel_id");
    while (connections.step()) {
        const auto session = static_cast<SessionNumber>(connections.integer_at(0));
        state.highest_session = std::max(state.highest_session, session);
        state.connections.push_back({.session = session,
                                     .client_id = std::string(connections.text_at(1)),
                                     .channel_id = std::string(connections.text_at(2)),
                                     .peer = std::string(connections.text_at(3))});
    }
}

void read_retained(Database& database, StoredState& state) {
    Statement rows(database,
                   "SELECT topic, ordering, flags, expires, properties, payload FROM retained ORDER BY topic");
    while (rows.step()) {
        Message message;
        message.topic = rows.text_at(0);
        set_flags(message, rows.integer_at(2));
        message.expires = from_millis(rows.integer_at(3));
        message.properties = rows.blob_at(4);
        message.payload = rows.blob_at(5);
        const auto order = static_cast<std::uint64_t>(rows.integer_at(1));
        state.highest_order = std::max(state.highest_order, order);
        message.id = order;  // its own was not kept; orders are far below the ids of messages taken since
        state.retained.push_back({make_message(message), order});
    }
}

// What the rows of `acks` say: how often each (message, session) was acknowledged, and released.
class Marks {
public:
    explicit Marks(Database& database) {
        Statement rows(database, "SELECT seq, highest, records FROM acks ORDER BY seq");
        while (rows.step()) {
            rows_.push_back({rows.integer_at(0), static_cast<MessageId>(rows.integer_at(1))});
            ByteReader reader(rows.blob_at(2));
            while (reader.left() > 0 && !reader.failed()) {
                const auto message = reader.u64le();
                const auto session = reader.u32le();
                auto& counts = counts_[{message, session}];
                ++(static_cast<Mark>(reader.u8()) == Mark::acknowledged ? counts.acknowledged : counts.released);
            }
            if (reader.failed())
                throw Failure(StoreError::damaged, "acks: row " + std::to_string(rows.integer_at(0)) + " ends early");
        }
    }

    // Threads: any, for different messages at the same time.
    // Takes away who has acknowledged, marks who has released. True when that changed anything.
    bool work_into(Recipients& recipients, MessageId message) {
        if (counts_.empty()) return false;
        bool changed = false;
        const auto gone = std::ranges::remove_if(recipients, [&](const Recipient& r) {
            const auto mark = counts_.find({message, r.session});
            if (mark == counts_.end() || mark->second.acknowledged == 0) return false;
            --mark->second.acknowledged;
            return changed = true;
        });
        recipients.erase(gone.begin(), gone.end());
        for (auto& r : recipients) {
            const auto mark = counts_.find({message, r.session});
            if (mark == counts_.end() || mark->second.released == 0) continue;
            --mark->second.released;
            changed |= !r.released;
            r.released = true;
        }
        return changed;
    }

    [[nodiscard]] std::vector<AckRow>& rows() { return rows_; }

private:
    struct Counts {
        unsigned acknowledged = 0;
        unsigned released = 0;
    };
    boost::unordered_flat_map<std::pair<MessageId, SessionNumber>, Counts> counts_;
    std::vector<AckRow> rows_;
};

MessagePtr read_message(const Statement& row, MessageId id) {
    Message message;
    message.id = id;
    set_flags(message, row.integer_at(2));
    message.expires = from_millis(row.integer_at(3));
    message.publisher = static_cast<SessionNumber>(row.integer_at(4));
    message.topic = row.text_at(5);
    message.born = from_millis(row.integer_at(8));
    message.properties = row.blob_at(6);
    message.payload = row.blob_at(7);
    return make_message(message);
}

// What the rows of `gone` say: messages of bundles that have been acknowledged.
class Gone {
public:
    explicit Gone(Database& database) {
        Statement rows(database, "SELECT seq, highest, messages FROM gone ORDER BY seq");
        while (rows.step()) {
            rows_.push_back({rows.integer_at(0), static_cast<std::uint64_t>(rows.integer_at(1))});
            ByteReader reader(rows.blob_at(2));
            while (reader.left() > 0 && !reader.failed()) messages_.insert(reader.u64le());
            if (reader.failed())
                throw Failure(StoreError::damaged, "gone: row " + std::to_string(rows.integer_at(0)) + " ends early");
        }
    }
    [[nodiscard]] bool contains(MessageId message) const { return messages_.contains(message); }
    [[nodiscard]] std::vector<AckRow>& rows() { return rows_; }

private:
    boost::unordered_flat_set<MessageId> messages_;
    std::vector<AckRow> rows_;
};

using Sessions = boost::unordered_flat_set<SessionNumber>;

// Which rows are not as they would be written now.
struct Changes {
    std::vector<MessageId> dead{};
    std::vector<std::size_t> changed{};  // places among the messages
    struct Bundle {
        BundleNumber row;
        std::size_t first;  // place among the messages
        std::size_t count;  // 0: nothing of it is left
    };
    std::vector<Bundle> bundles{};

    [[nodiscard]] bool none() const { return dead.empty() && changed.empty() && bundles.empty(); }
    void add(const Changes& others, std::size_t places) {
        dead.insert(dead.end(), others.dead.begin(), others.dead.end());
        for (const auto place : others.changed) changed.push_back(places + place);
        for (const auto& b : others.bundles) bundles.push_back({b.row, places + b.first, b.count});
    }
};

// Of rows that follow one another.
struct Part {
    std::vector<StoredState::Owed> messages{};
    std::vector<BundleNumber> bundle{};
    Changes changes{};  // places in `messages`
    MessageId highest_message = 0;
    SessionNumber highest_session = 0;

    void hears_of(MessageId id, const Recipients& recipients) {
        highest_message = std::max(highest_message, id);
        for (const auto& r : recipients) highest_session = std::max(highest_session, r.session);
    }
};

// What readers share; a mark is of one message, so no two touch the same.
struct Known {
    Sessions sessions;
    Marks marks;
    Gone gone;
};

std::size_t remove_orphans(Recipients& recipients, const Sessions& known) {
    const auto orphans =
        std::ranges::remove_if(recipients, [&](const Recipient& r) { return !known.contains(r.session); });
    const auto count = orphans.size();
    recipients.erase(orphans.begin(), orphans.end());
    return count;
}

Part read_messages(Database& database, Known& known, std::int64_t first, std::int64_t last) {
    Part part;
    Statement messages(
        database,
        "SELECT id, recipients, flags, expires, publisher, topic, properties, payload, born FROM messages "
        "WHERE id BETWEEN ? AND ? ORDER BY id");
    messages.start().integer(first).integer(last);
    while (messages.step()) {
        const auto id = static_cast<MessageId>(messages.integer_at(0));
        auto recipients = read_recipients(messages.blob_at(1), id);
        part.hears_of(id, recipients);
        const bool marked = known.marks.work_into(recipients, id);
        const auto orphans = remove_orphans(recipients, known.sessions);
        if (recipients.empty()) {
            part.changes.dead.push_back(id);
            continue;
        }
        if (marked || orphans != 0) part.changes.changed.push_back(part.messages.size());
        part.messages.push_back({read_message(messages, id), std::move(recipients)});
        part.bundle.push_back(0);
    }
    return part;
}

Part read_bundles(Database& database, Known& known, std::int64_t first, std::int64_t last) {
    Part part;
    Statement rows(database, "SELECT row, records FROM bundles WHERE row BETWEEN ? AND ? ORDER BY row");
    rows.start().integer(first).integer(last);
    while (rows.step()) {
        const auto row = rows.integer_at(0);
        const auto from = part.messages.size();
        bool changed = false;
        for_each_record(rows.blob_at(1), row, [&](const Record& record) {
            const auto id = record.message.id;
            auto recipients = read_recipients(record.recipients, id);
            part.hears_of(id, recipients);
            changed |= remove_orphans(recipients, known.sessions) != 0;
            if (known.gone.contains(id) || recipients.empty()) {
                changed = true;
                return;
            }
            part.messages.push_back({make_message(record.message), std::move(recipients)});
            part.bundle.push_back(row);
        });
        const auto count = part.messages.size() - from;
        if (changed || count == 0) part.changes.bundles.push_back({row, from, count});
    }
    return part;
}

// Several readers, each with a connection of its own and a share of the rows; nothing is written meanwhile.
template <class Read>
void read_parts(Database& database, const std::string& ends, std::uint64_t worth_a_reader, Read read,
                std::vector<Part>& parts) {
    constexpr std::uint64_t kReaders = 4;
    Statement ask(database, ends);
    ask.step();
    const auto first = ask.integer_at(0);
    const auto last = ask.integer_at(1);
    const auto span = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
    const auto readers = std::clamp<std::uint64_t>(span / worth_a_reader, 1, kReaders);
    const auto start_of = [&](std::uint64_t reader) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + span / readers * reader);
    };
    const auto end_of = [&](std::uint64_t reader) { return reader + 1 == readers ? last : start_of(reader + 1) - 1; };
    const std::string file = sqlite3_db_filename(database.handle(), "main");
    std::vector<std::future<Part>> others;
    for (std::uint64_t i = 1; i < readers; ++i) {
        others.push_back(std::async(std::launch::async, [&, i] {
            Database own(file);
            return read(own, start_of(i), end_of(i));
        }));
    }
    parts.push_back(read(database, first, end_of(0)));
    for (auto& other : others) parts.push_back(other.get());
}

Changes read_owed(Database& database, KeptFile& file, Known& known) {
    std::vector<Part> parts;
    read_parts(
        database, "SELECT (SELECT min(id) FROM messages), (SELECT max(id) FROM messages)", 10'000,
        [&](Database& own, std::int64_t first, std::int64_t last) { return read_messages(own, known, first, last); },
        parts);
    read_parts(
        database, "SELECT (SELECT min(row) FROM bundles), (SELECT max(row) FROM bundles)", 1'000,
        [&](Database& own, std::int64_t first, std::int64_t last) { return read_bundles(own, known, first, last); },
        parts);
    auto& state = file.state;
    std::size_t total = 0;
    for (const auto& part : parts) total += part.messages.size();
    state.messages.reserve(total);
    file.bundle.reserve(total);
    Changes changes;
    for (auto& part : parts) {
        changes.add(part.changes, state.messages.size());
        std::ranges::move(part.messages, std::back_inserter(state.messages));
        file.bundle.insert(file.bundle.end(), part.bundle.begin(), part.bundle.end());
        state.highest_message = std::max(state.highest_message, part.highest_message);
        state.highest_session = std::max(state.highest_session, part.highest_session);
        part = {};
    }
    return changes;
}

void write_back_bundles(Database& database, const StoredState& state, const Changes& changes) {
    Statement remove(database, "DELETE FROM bundles WHERE row=?");
    Statement update(database, "UPDATE bundles SET records=? WHERE row=?");
    Bytes records;
    for (const auto& [row, first, count] : changes.bundles) {
        if (count == 0) {
            remove.start().integer(row).run();
            continue;
        }
        records.clear();
        for (std::size_t i = first; i < first + count; ++i)
            write_record(*state.messages[i].message, state.messages[i].recipients, records);
        update.start().blob(records).integer(row).run();
    }
}

// Starting is when there is time: what was acknowledged goes into the rows, and the acknowledgements go. False when the
// disk is full or cannot be written: they stay then, and mean the same at the next start.
bool write_back(Database& database, const StoredState& state, const Changes& changes) {
    try {
        database.execute("BEGIN IMMEDIATE");
        Statement remove(database, "DELETE FROM messages WHERE id=?");
        for (const auto id : changes.dead) remove.start().integer(static_cast<std::int64_t>(id)).run();
        Statement update(database, "UPDATE messages SET recipients=? WHERE id=?");
        Bytes scratch;
        for (const auto i : changes.changed) {
            const auto& owed = state.messages[i];
            scratch.clear();
            write_recipients(owed.recipients, scratch);
            update.start().blob(scratch).integer(static_cast<std::int64_t>(owed.message->id)).run();
        }
        write_back_bundles(database, state, changes);
        database.execute("DELETE FROM acks; DELETE FROM gone");
        database.execute("COMMIT");
        return true;
    } catch (const Failure& failure) {
        if (failure.reason != StoreError::unavailable) throw;
        spdlog::warn("message store: cannot tidy up: {}; it starts with what it could read", failure.what());
        if (sqlite3_get_autocommit(database.handle()) == 0) database.execute("ROLLBACK");
        return false;
    }
}

BundleNumber highest_bundle(Database& database) {
    Statement ask(database, "SELECT max(row) FROM bundles");
    return ask.step() ? ask.integer_at(0) : 0;
}

}  // namespace

KeptFile read_message_file(Database& database) {
    KeptFile file;
    auto& state = file.state;
    read_sessions(database, state);
    Known known{.sessions = {}, .marks = Marks(database), .gone = Gone(database)};
    known.sessions.reserve(state.sessions.size());
    for (const auto& s : state.sessions) known.sessions.insert(s.record.number);
    const auto changes = read_owed(database, file, known);
    read_retained(database, state);
    read_left_behind(database, state);
    const bool clean = changes.none() && known.marks.rows().empty() && known.gone.rows().empty();
    if (!clean && !write_back(database, state, changes)) {
        file.acks = std::move(known.marks.rows());
        file.gone = std::move(known.gone.rows());
    }
    file.highest_bundle = highest_bundle(database);
    return file;
}

}  // namespace esl::broker::sqlite
