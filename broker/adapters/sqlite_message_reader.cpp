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
        "SELECT session, client_id, delay, flags, expires, topic, properties, payload FROM wills ORDER BY session");
    while (wills.step()) {
        Message message;
        set_flags(message, wills.integer_at(3));
        message.expires = from_millis(wills.integer_at(4));
        message.topic = wills.text_at(5);
        message.properties = wills.blob_at(6);
        message.payload = wills.blob_at(7);
        const auto session = static_cast<SessionNumber>(wills.integer_at(0));
        state.highest_session = std::max(state.highest_session, session);
        state.wills.push_back({.session = session,
                               .client_id = std::string(wills.text_at(1)),
                               .delay_seconds = static_cast<std::uint32_t>(wills.integer_at(2)),
                               .message = make_message(message)});
    }
    Statement connections(database, "SELECT session, client_id, channel_id, peer FROM connections ORDER BY session");
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
    bool work_into(std::vector<Recipient>& recipients, MessageId message) {
        if (counts_.empty()) return false;
        bool changed = false;
        std::erase_if(recipients, [&](const Recipient& r) {
            const auto mark = counts_.find({message, r.session});
            if (mark == counts_.end() || mark->second.acknowledged == 0) return false;
            --mark->second.acknowledged;
            return changed = true;
        });
        for (auto& r : recipients) {
            const auto mark = counts_.find({message, r.session});
            if (mark == counts_.end() || mark->second.released == 0) continue;
            --mark->second.released;
            changed |= !r.released;
            r.released = true;
        }
        return changed;
    }

    [[nodiscard]] std::vector<MarkRow>& rows() { return rows_; }

private:
    struct Counts {
        unsigned acknowledged = 0;
        unsigned released = 0;
    };
    boost::unordered_flat_map<std::pair<MessageId, SessionNumber>, Counts> counts_;
    std::vector<MarkRow> rows_;
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

// Which rows the marks have changed.
struct Changes {
    std::vector<MessageId> dead{};
    std::vector<std::size_t> changed{};  // places among the messages
};

using Sessions = boost::unordered_flat_set<SessionNumber>;

// Messages of neighbouring ids.
struct Part {
    std::vector<StoredState::Owed> messages;
    Changes changes;  // places in `messages`
    MessageId highest_message = 0;
    SessionNumber highest_session = 0;
};

Part read_part(Database& database, const Sessions& known, Marks& marks, std::int64_t first, std::int64_t last) {
    Part part;
    Statement messages(
        database,
        "SELECT id, recipients, flags, expires, publisher, topic, properties, payload, born FROM messages "
        "WHERE id BETWEEN ? AND ? ORDER BY id");
    messages.start().integer(first).integer(last);
    while (messages.step()) {
        const auto id = static_cast<MessageId>(messages.integer_at(0));
        part.highest_message = id;
        auto recipients = read_recipients(messages.blob_at(1), id);
        for (const auto& r : recipients) part.highest_session = std::max(part.highest_session, r.session);
        const bool marked = marks.work_into(recipients, id);
        const auto orphans = std::erase_if(recipients, [&](const Recipient& r) { return !known.contains(r.session); });
        if (recipients.empty()) {
            part.changes.dead.push_back(id);
            continue;
        }
        if (marked || orphans != 0) part.changes.changed.push_back(part.messages.size());
        part.messages.push_back({read_message(messages, id), std::move(recipients)});
    }
    return part;
}

// Several readers, each with a connection of its own and a share of the ids; nothing is written meanwhile. A mark is of
// one message, so no two readers touch the same.
std::vector<Part> read_parts(Database& database, const Sessions& known, Marks& marks) {
    constexpr std::uint64_t kWorthAReader = 10'000;
    constexpr std::uint64_t kReaders = 4;
    Statement ends(database, "SELECT (SELECT min(id) FROM messages), (SELECT max(id) FROM messages)");
    ends.step();
    const auto first = ends.integer_at(0);
    const auto last = ends.integer_at(1);
    const auto span = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
    const auto readers = std::clamp<std::uint64_t>(span / kWorthAReader, 1, kReaders);
    const auto start_of = [&](std::uint64_t reader) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + span / readers * reader);
    };
    const auto end_of = [&](std::uint64_t reader) { return reader + 1 == readers ? last : start_of(reader + 1) - 1; };
    const std::string file = sqlite3_db_filename(database.handle(), "main");
    std::vector<std::future<Part>> others;
    for (std::uint64_t i = 1; i < readers; ++i) {
        others.push_back(std::async(std::launch::async, [&, i] {
            Database own(file);
            return read_part(own, known, marks, start_of(i), end_of(i));
        }));
    }
    std::vector<Part> parts;
    parts.push_back(read_part(database, known, marks, first, end_of(0)));
    for (auto& other : others) parts.push_back(other.get());
    return parts;
}

Changes read_messages(Database& database, StoredState& state, Marks& marks) {
    Sessions known;
    known.reserve(state.sessions.size());
    for (const auto& s : state.sessions) known.insert(s.record.number);
    auto parts = read_parts(database, known, marks);
    std::size_t total = 0;
    for (const auto& part : parts) total += part.messages.size();
    state.messages.reserve(total);
    Changes changes;
    for (auto& part : parts) {
        for (const auto place : part.changes.changed) changes.changed.push_back(state.messages.size() + place);
        changes.dead.insert(changes.dead.end(), part.changes.dead.begin(), part.changes.dead.end());
        std::ranges::move(part.messages, std::back_inserter(state.messages));
        part.messages = {};
        state.highest_message = std::max(state.highest_message, part.highest_message);
        state.highest_session = std::max(state.highest_session, part.highest_session);
    }
    return changes;
}

// Starting is when there is time: what the marks say goes into the rows, and the marks go. False when the disk is
// full or cannot be written: they stay then, and mean the same at the next start.
bool write_back(Database& database, const StoredState& state, const Changes& changes) {
    try {
        database.execute("BEGIN IMMEDIATE");
        Statement remove(database, "DELETE FROM messages WHERE id=?");
        for (const auto id : changes.dead) remove.start().integer(static_cast<std::int64_t>(id)).run();
        Statement update(database, "UPDATE messages SET recipients=? WHERE id=?");
        Bytes scratch;
        for (const auto i : changes.changed) {
            const auto& owed = state.messages[i];
            write_recipients(owed.recipients, scratch);
            update.start().blob(scratch).integer(static_cast<std::int64_t>(owed.message->id)).run();
        }
        database.execute("DELETE FROM acks");
        database.execute("COMMIT");
        return true;
    } catch (const Failure& failure) {
        if (failure.reason != StoreError::unavailable) throw;
        spdlog::warn("message store: cannot tidy up: {}; it starts with what it could read", failure.what());
        if (sqlite3_get_autocommit(database.handle()) == 0) database.execute("ROLLBACK");
        return false;
    }
}

}  // namespace

std::pair<StoredState, std::vector<MarkRow>> read_message_file(Database& database) {
    StoredState state;
    read_sessions(database, state);
    Marks marks(database);
    const auto changes = read_messages(database, state, marks);
    read_retained(database, state);
    read_left_behind(database, state);
    const bool clean = changes.dead.empty() && changes.changed.empty() && marks.rows().empty();
    if (clean || write_back(database, state, changes)) marks.rows().clear();
    return {std::move(state), std::move(marks.rows())};
}

}  // namespace esl::broker::sqlite
