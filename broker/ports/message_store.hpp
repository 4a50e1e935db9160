// What the broker keeps on disk: sessions with their subscriptions, messages owed to them, QoS 2 states, retained
// messages.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "broker/core/message.hpp"
#include "broker/core/subscription_tree.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

enum class StoreError { unavailable, damaged };

constexpr std::string_view describe(StoreError e) {
    switch (e) {
        case StoreError::unavailable:
            return "the message store cannot write";
        case StoreError::damaged:
            return "the message store is damaged";
    }
    return "store error";
}

// One session a message is owed to. `sequence` orders the messages of one lane of that session and gives each its
// packet id, so that a message which may have been sent before a crash is sent again under the same id.
struct Recipient {
    SessionNumber session = 0;
    std::uint32_t sequence = 0;
    std::uint32_t subscription_id = 0;  // 0: none
    mqtt::QoS qos = mqtt::QoS::at_least_once;
    bool retain = false;    // as the receiver is to see it
    bool released = false;  // QoS 2: PUBREC has come, only PUBREL is still to be answered

    bool operator==(const Recipient&) const = default;
};
// Mostly one, which needs no block of its own.
using Recipients = boost::container::small_vector<Recipient, 1>;

struct StoredSession {
    SessionNumber number = 0;
    std::string client_id;
    std::uint32_t expiry_seconds = 0;  // 0xFFFFFFFF: never
    std::int64_t offline_since = 0;    // Unix ms; 0 while connected

    bool operator==(const StoredSession&) const = default;
};

// A will that is to be published unless its client says goodbye. A session may have several: those of its earlier
// connections stand until what they are owed to is on disk.
struct StoredWill {
    SessionNumber session = 0;
    std::string client_id;
    std::uint32_t delay_seconds = 0;
    MessagePtr message;  // `id`: this will's own; `expires`: for how long, counted from publication

    bool operator==(const StoredWill& other) const {
        return session == other.session && client_id == other.client_id && delay_seconds == other.delay_seconds &&
               message->id == other.message->id;
    }
};

// A connection that somebody is told of, and will be told the end of.
struct StoredConnection {
    SessionNumber session = 0;
    std::string client_id;
    std::string channel_id;  // no two connections have the same
    std::string peer;

    bool operator==(const StoredConnection&) const = default;
};

// Operations, in the order in which they are handed over. Those that name a message or a session the store does not
// have do nothing, with one exception: an AckMessage that overtakes its PutMessage counts when that comes.
struct PutSession {
    StoredSession session;  // replaces the one with this number
};
struct RemoveSession {
    SessionNumber session;  // with its subscriptions and packet ids; what is owed to it is acknowledged by its owner
};
struct PutSubscription {
    SessionNumber session;
    std::string filter;
    SubscriptionOptions options;
};
struct RemoveSubscription {
    SessionNumber session;
    std::string filter;
};
struct PutMessage {
    MessagePtr message;
    Recipients recipients;  // at least one; a session may stand in it several times with other sequences
};
struct AckMessage {
    MessageId message;
    SessionNumber session;
};
struct ReleaseMessage {
    MessageId message;
    SessionNumber session;
};
struct PutReceived {
    SessionNumber session;
    mqtt::PacketId packet_id;
};
struct RemoveReceived {
    SessionNumber session;
    mqtt::PacketId packet_id;
};
struct PutRetained {
    MessagePtr message;
    std::uint64_t order;  // of two for one topic the higher stays
};
struct RemoveRetained {
    std::string topic;
    std::uint64_t order;
};
struct PutWill {
    StoredWill will;  // replaces the one with this id
};
struct RemoveWill {
    MessageId will;
};
struct PutConnection {
    StoredConnection connection;  // replaces the one with this channel id
};
struct RemoveConnection {
    std::string channel_id;
};
using StoreOperation = std::variant<PutWill, RemoveWill, PutConnection, RemoveConnection, PutSession, RemoveSession,
                                    PutSubscription, RemoveSubscription, PutMessage, AckMessage, ReleaseMessage,
                                    PutReceived, RemoveReceived, PutRetained, RemoveRetained>;

// Everything that is kept, as it stands after the last commit.
struct StoredState {
    struct Session {
        StoredSession record;
        std::vector<std::pair<std::string, SubscriptionOptions>> subscriptions;
        std::vector<mqtt::PacketId> received;
    };
    struct Owed {
        MessagePtr message;
        Recipients recipients;  // those that have not acknowledged
    };
    struct Retained {
        MessagePtr message;
        std::uint64_t order = 0;
    };
    std::vector<Session> sessions;              // by number
    std::vector<Owed> messages;                 // by message id
    std::vector<Retained> retained;             // by topic
    std::vector<StoredWill> wills;              // by id
    std::vector<StoredConnection> connections;  // by channel id
    SessionNumber highest_session = 0;          // of all that is kept
    MessageId highest_message = 0;
    std::uint64_t highest_order = 0;
};

// Threads: load() before the first post(); post() from any thread; `done` is called on a thread of the store's own (or,
// in memory, before post() returns) and must only hand the news on.
// Order: what one thread posts is applied in that order; batches of several threads may share a commit. A batch is
// committed as a whole or not at all, and `done` follows the commit, never precedes it.
// When a commit fails (a full disk, an I/O error), `done` hears why, and the batch is kept and written by the first
// commit that succeeds, before anything newer. So a batch that is answered well means that all that was posted before
// it is on disk. Whoever gives a message up posts its acknowledgements. An empty batch asks for a try; while commits
// fail there is one at most every 100 ms and at least every second, and between them batches are answered and kept at
// once.
class MessageStore {
public:
    using Done = std::function<void(const Result<>&)>;

    virtual ~MessageStore() = default;
    [[nodiscard]] virtual Result<StoredState> load() = 0;
    virtual void post(std::vector<StoreOperation> batch, Done done) = 0;
    // Returns when everything posted so far has been answered. Nothing may be posted afterwards.
    virtual void close() = 0;

    // Thread-safe, for metrics.
    struct Figures {
        std::uint64_t commits = 0;
        std::uint64_t operations = 0;
        std::uint64_t failures = 0;
        std::uint64_t waiting = 0;              // operations handed over and not looked at
        std::uint64_t kept = 0;                 // operations of failed commits, to be written when that is possible
        std::uint64_t messages = 0;             // rows kept
        std::uint64_t commit_microseconds = 0;  // sum
    };
    [[nodiscard]] virtual Figures figures() const = 0;
};

}  // namespace esl::broker
