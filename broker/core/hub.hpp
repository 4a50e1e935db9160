// The session core of one shard: sessions, subscriptions, routing, acknowledgements, wills, offline queues. No I/O and
// no clock of its own: packets come in by packet(), news of other shards by peer(), of the store by stored(), time by
// tick(); bytes go out through Link::output(). Shard-bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "broker/core/counters.hpp"
#include "broker/core/expiry_watch.hpp"
#include "broker/core/export_table.hpp"
#include "broker/core/peers.hpp"
#include "broker/core/retained.hpp"
#include "broker/core/session.hpp"
#include "broker/core/settings.hpp"
#include "broker/core/shared_groups.hpp"
#include "broker/core/system_topics.hpp"
#include "broker/core/trace.hpp"
#include "common/mqtt/packet/any.hpp"

namespace esl::broker {

class Authenticator;

// Numbers that all shards draw from. Thread-safe.
struct SharedIds {
    std::atomic<SessionNumber> session{1};
    std::atomic<MessageId> message{1};
    std::atomic<std::uint64_t> order{1};
    std::atomic<ChannelNumber> channel{1};
    ChannelKey channel_key;      // set before the first connection
    std::uint64_t instance = 0;  // first half of every message id's public form; set before the first message
};

// A message being routed: views at first; a shared copy is made when a queue or another shard needs one.
class Parcel {
public:
    explicit Parcel(const MessagePtr& message);
    Parcel(std::string_view topic, BytesView payload) : topic(topic), payload(payload) {}
    const MessagePtr& share();
    // The same message once more, owed apart from the first.
    void renew(MessageId new_id) {
        id = new_id;
        original_ = std::move(shared_);
    }

    std::string_view topic;
    BytesView payload;
    BytesView properties;
    MessageId id = 0;
    mqtt::QoS qos = mqtt::QoS::at_most_once;
    bool retain = false;
    bool point_to_point = false;
    bool ordered = false;
    bool online_only = false;
    UnixMillis expires{};
    UnixMillis born{};
    SessionNumber publisher = 0;

private:
    MessagePtr shared_;
    MessagePtr original_;  // that the views point into
};

class Hub {
public:
    struct Ports {
        const Settings& settings;
        const Clock& clock;
        Peers& peers;
        MessageStore* store;  // null: nothing outlives the process
        SharedIds& ids;
        // Called on the store's thread; must hand (batch, result) to stored() on this shard.
        std::function<void(std::uint64_t, const Result<>&)> on_stored;
        Authenticator* authenticator = nullptr;  // for tokens that come later; null: they are ignored
        Tracer tracer{};
        Exporter* exporter = nullptr;  // null: no rules
        // Called on the exporter's thread, once for each batch in order; must hand the news to exported() on this
        // shard.
        std::function<void(bool)> on_exported{};
    };

    Hub(Ports ports, std::shared_ptr<const Registry> registry);
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    // Takes what was kept, as far as this shard is its home. Before the first connection, on any thread; all shards may
    // do so at the same time.
    void restore(const StoredState& state);
    // What the connections of before the restart leave: wills, and the end of those that somebody was told of. After
    // every shard knows the others' subscriptions, before the first connection.
    void publish_left_behind();

    // Answers CONNECT with CONNACK. Null when refused: CONNACK is in the link's output then, and the link is closed.
    // `grant`: what the connection may do; null: everything.
    Session* connect(Link& link, const mqtt::ConnectView& packet, GrantPtr grant = {});
    // CONNACK with a refusal, close, log.
    void refuse(Link& link, const mqtt::ConnectView& packet, mqtt::ReasonCode reason, CloseCause cause,
                std::string_view why);
    // Any packet after CONNECT. False when the connection has been closed.
    bool packet(Session& session, const mqtt::Frame& frame);
    // Bytes that are no packet: counted, logged with what and where, closed.
    void reject(Session& session, const Error& error);
    // The connection is gone without the core having closed it.
    void lost(Session& session, CloseCause cause);
    // The client has taken its backlog: go on sending.
    void writable(Session& session);

    void peer(ShardId from, PeerMessage&& message);
    // Thread-safe: where the other shards say what they hold.
    [[nodiscard]] InterestNews& interest_news() { return interest_news_; }
    void stored(std::uint64_t batch, const Result<>& result);
    // The exporter has answered the oldest batch that somebody waits for.
    void exported(bool stored);
    // Once a second.
    void tick();
    // Hands the turn's changes to the store.
    void end_turn();
    [[nodiscard]] bool store_idle() const {
        return batches_.empty() && batch_.empty() && exports_posted_.empty() && export_batch_.empty();
    }

    // Administration.
    // Null: no rule wants anything.
    void set_exports(std::shared_ptr<const ExportTable> exports) { exports_ = std::move(exports); }
    void set_registry(std::shared_ptr<const Registry> registry) { registry_ = std::move(registry); }
    // True when the client was connected here.
    bool kick(std::string_view client_id);
    // What stands on $SYS/broker/...; one shard says it for all, every `system_interval`.
    void say_system_topics(const SystemTotals& totals);
    // A message of administration or a rule; views are needed during the call only.
    struct SystemMessage {
        std::string_view topic;
        BytesView payload;
        BytesView properties{};  // MQTT 5, without alias and expiry
        mqtt::QoS qos = mqtt::QoS::at_least_once;
        bool retain = false;
        bool online_only = false;
        UnixMillis expires{};
    };
    // `told` (it may be empty) hears once whether it was taken: QoS 1 and 2 after the commit, when one is needed.
    MessageId publish_system(const SystemMessage& message, std::function<void(bool, MessageId)> told);
    MessageId publish_system(std::string_view topic, BytesView payload, mqtt::QoS qos, bool retain) {
        return publish_system({.topic = topic, .payload = payload, .qos = qos, .retain = retain}, {});
    }
    void close_all(CloseCause cause);
    // Closes connected ones as not authorized; how many there were.
    std::size_t close_sessions(const std::function<bool(const Session&)>& which, std::string_view why);
    // Closes those that hold this token, after a notice that it was revoked.
    void token_revoked(std::string_view token_id);
    // The configuration does not let them in any more: closes those whose grant has ended, and after a notice those
    // that hold a token of one of these access keys.
    void logins_gone(const std::vector<std::string>& access_keys);
    // Its list has been replaced: its sessions lose the filters that they may no longer hold.
    void grant_changed(const Grant& grant);
    template <class Visit>
    void for_each_session(Visit visit) const {
        for (const auto& [id, session] : sessions_) visit(*session);
    }

    [[nodiscard]] Counters& counters() { return counters_; }
    [[nodiscard]] Tracer& tracer() { return ports_.tracer; }
    [[nodiscard]] const Settings& settings() const { return ports_.settings; }
    [[nodiscard]] const Registry& registry() const { return *registry_; }

private:
    struct PendingPublish {
        // What messages of clients do not have; a move of many empty members costs too.
        struct Rare {
            std::function<void(bool)> told;
            std::vector<StoreOperation> also;         // in the same commit
            std::shared_ptr<SessionNumber> farewell;  // the last to let go removes that session from the store
        };
        Rare& rare_part() {
            if (!rare) rare = std::make_unique<Rare>();
            return *rare;
        }

        SessionNumber publisher = 0;
        std::uint32_t epoch = 0;
        std::uint64_t ack = 0;  // its number in Incoming::acks
        mqtt::PacketId packet_id = 0;
        mqtt::QoS qos = mqtt::QoS::at_most_once;
        bool matched = false;
        bool remember_id = false;  // QoS 2 of a persistent publisher
        bool export_failed = false;
        std::uint32_t waiting = 0;
        std::uint8_t share_tries = 0;
        std::uint64_t retain_order = 0;
        MessagePtr message;
        std::unique_ptr<Rare> rare;
        Recipients owed;
        // Shard, how many of `owed` are its.
        boost::container::small_vector<std::pair<ShardId, std::size_t>, 1> owed_there;
    };
    struct PendingSubscribe {
        SessionNumber session = 0;
        std::uint32_t epoch = 0;
        std::uint32_t waiting = 0;
        Bytes answer;
        std::vector<HeldFilter> retained_for;
    };
    // What follows a commit.
    struct AfterCommit {
        enum class What : std::uint8_t { publish, subscribe, pubrel, pubcomp, presence, connack } what;
        std::uint32_t slot = kNoSlot;
        SessionNumber session = 0;
        mqtt::PacketId packet_id = 0;
        std::uint32_t sequence = 0;                           // of the lane entry, for pubrel
        std::uint32_t epoch = 0;                              // of the session, for pubcomp and connack
        mqtt::ReasonCode reason = mqtt::ReasonCode::success;  // of PUBCOMP
    };
    struct Timer {
        std::uint64_t at;  // now_millis()
        SessionNumber session;
        std::uint32_t epoch;
        enum class What : std::uint8_t { expire_session, publish_will } what;
        bool operator>(const Timer& other) const { return at > other.at; }
    };
    struct News {
        StoredConnection of;
        std::string_view event;  // connect, disconnect, tcpclean
        UnixMillis at{};
        bool waits = false;  // for its record to be on disk
    };
    struct Encoded {
        Bytes bytes;
        std::size_t packet_id_at = 0;
        std::uint64_t stamp = 0;
        std::uint32_t subscription_id = 0;
        mqtt::QoS qos{};
        bool v5 = false;
        bool retain = false;
    };

    // hub_connect.cpp
    Session* refused(Link& link, const mqtt::ConnectView& p, mqtt::ReasonCode reason, CloseCause cause,
                     std::string_view why);
    [[nodiscard]] std::optional<std::pair<mqtt::ReasonCode, std::string>> check_connect(const mqtt::ConnectView& p,
                                                                                        const Grant* grant) const;
    bool make_room_for(Link& link, const mqtt::ConnectView& packet, Session& holder);
    Session& new_session(std::string client_id);
    void take_will(Session& session, const mqtt::ConnectView& packet);
    void let_connack_go(const AfterCommit& what);
    void send_connack(Session& session, const mqtt::ConnectView& packet, bool present, bool assigned,
                      std::chrono::seconds keep_alive);
    void end_connection(Session& session, CloseCause cause);
    [[nodiscard]] std::uint32_t bounded_expiry(std::uint32_t wanted) const;
    [[nodiscard]] seconds bounded_keep_alive(const mqtt::ConnectView& packet) const;
    void say_disconnect(Session& session, mqtt::ReasonCode reason, std::string_view why);
    // A packet that is larger than the client takes is discarded [MQTT-3.1.2-25].
    bool send_answer(Session& session, BytesView packet);
    void close(Session& session, CloseCause cause, mqtt::ReasonCode reason, std::string_view why);
    void remove_session(Session& session);
    void put_session(Session& session);
    void trace_refusal(std::string_view client_id, CloseCause cause, mqtt::ReasonCode reason);
    void trace_end(const Session& session, CloseCause cause);

    // hub_left_behind.cpp
    void store_will(const Session& session);
    void forget_will(Session& session);
    void publish_will(Session& session);
    void publish_will_of(SessionNumber number, std::string_view client_id, const Message& message);
    void restore_left_behind(const StoredState& state);

    // hub_publish.cpp
    bool on_publish(Session& session, const mqtt::Frame& frame);
    bool check_publish(Session& session, mqtt::PublishView& packet, std::optional<mqtt::ReasonCode>& refusal);
    bool resolve_alias(Session& session, mqtt::PublishView& packet);
    bool on_pubrel(Session& session, const mqtt::Frame& frame);
    // Starts routing; returns the slot that will be settled, or kNoSlot when all is done already.
    std::uint32_t route(Parcel& parcel, PendingPublish&& pending);
    std::uint32_t take_publish_slot();
    // It is over only when the store has it.
    [[nodiscard]] bool keeps(const PendingPublish& pending) const;
    void settle(std::uint32_t slot);
    void complete(std::uint32_t slot, bool stored);
    void conclude(PendingPublish& pending, bool stored);
    // False: there is no room for it.
    bool room_for(Session& session, const mqtt::PublishView& packet, std::optional<mqtt::ReasonCode>& refusal);
    void let_slowed_go_on();
    void acknowledge(Session& session, std::uint64_t ack, mqtt::ReasonCode reason);
    void flush_acks(Session& session);
    bool keep_retained(const MessagePtr& message, std::uint64_t order);

    // hub_auth.cpp
    void notify(Session& session, std::string_view topic, const std::string& body);
    void notify_invalid(Session& session, TokenFault fault, std::string_view type);
    void close_holders(const std::function<bool(const HeldToken&)>& which, TokenFault fault);
    void close_unauthorized(Session& session, std::string_view topic, Access wanted, AccessList::Verdict verdict,
                            std::string_view what);
    bool authorize_publish(Session& session, std::string_view topic, std::optional<mqtt::ReasonCode>& refusal);
    [[nodiscard]] bool authorize_will(const Grant& grant, std::string_view topic) const;
    [[nodiscard]] bool may_hold(const Grant& grant, std::string_view filter) const;
    bool authorize_subscribe(Session& session, std::string_view filter, bool& close_it);
    bool on_upload_token(Session& session, BytesView body);
    bool watch_tokens(Session& session, UnixMillis since);
    void watch_expiries();
    void drop_refused_filters(Session& session);
    [[nodiscard]] bool filters_follow(const Session& session) const;

    // hub_export.cpp
    bool export_publish(std::string_view client_id, bool clean_session, const Parcel& parcel);
    void post_exports();

    // hub_presence.cpp
    void tell_presence(const Session& session, std::string_view event, const std::string& peer);
    void presence_stored();
    void say_presence(const News& news);
    [[nodiscard]] bool tells_of(std::string_view client_id) const;
    [[nodiscard]] bool exports_presence_of(std::string_view client_id) const;
    bool export_presence(const News& news, const std::string& json);

    // hub_deliver.cpp
    bool deliver_here(Parcel& parcel, Recipients& owed);
    void deliver_to(Session& session, Parcel& parcel, mqtt::QoS qos, bool retain, std::uint32_t subscription_id,
                    Recipients* owed, std::uint32_t share = 0);
    void enqueue(Session& session, Parcel& parcel, mqtt::QoS qos, bool retain, std::uint32_t subscription_id,
                 Recipients* owed, std::uint32_t share);
    // False when it is larger than the client takes.
    [[nodiscard]] mqtt::Properties added_properties(std::uint32_t subscription_id, UnixMillis expires,
                                                    MessageId message) const;
    bool write_publish(Session& session, mqtt::PublishView view, const mqtt::Properties& extra);
    bool write_now(Session& session, Parcel& parcel, bool retain, std::uint32_t subscription_id);
    void pump(Session& session);
    void pump_lane(Session& session, Lane& lane);
    [[nodiscard]] std::uint16_t window(const Session& session, LaneKind kind) const;
    bool write_entry(Session& session, LaneEntry& entry, LaneKind kind);
    void drop(Session& session, Lane& lane, LaneEntry& entry);
    bool drop_oldest(Session& session, Lane& lane);
    void released(const AfterCommit& what);
    // By its publisher's wish, or because it has waited longer than anything may.
    [[nodiscard]] bool too_old(const Message& message, UnixMillis now) const;
    void drop_too_old();
    void release_committed(const Recipients& recipients, bool point_to_point);
    void withdraw(const Recipients& recipients, bool point_to_point);
    bool on_puback(Session& session, const mqtt::Frame& frame);
    void resend_overdue();

    // hub_share.cpp
    void place_member(Session& session, const HeldFilter& filter, bool leaves, std::uint32_t slot,
                      PendingSubscribe* pending);
    void place_in_groups(Session& session);
    void leave_if_empty(SharedGroup& group);
    void peer_counts(ShardId from, const ShareChange& m);
    bool deliver_share(const SharedGroup& group, std::uint32_t rank, bool connected, Parcel& parcel, Recipients& owed);
    void deliver_shares(const RouteMessage& m, Parcel& parcel, RouteReply& reply);
    void give_to_group(std::uint32_t slot, SharedGroup& group);
    void choose_again(std::uint32_t slot, const std::vector<std::string>& keys);
    [[nodiscard]] std::uint32_t share_of(const Session& session, const Message& message);
    void pass_on(const LaneEntry& entry, SessionNumber ended, const std::shared_ptr<SessionNumber>& farewell);

    // hub_drain.cpp
    [[nodiscard]] std::uint64_t next_batch_at() const;
    void set_aside(Session& session, seconds keep_alive);
    void put_back(Session& session);
    LaneEntry& back_into_lane(Outgoing& out, LaneEntry entry);
    void send_batch(Session& session, std::size_t most, bool newest);
    void drain();
    mqtt::ReasonCode on_enable_order(Session& session, BytesView payload);
    mqtt::ReasonCode on_get_offline(Session& session, BytesView payload);

    // hub_subscribe.cpp
    [[nodiscard]] bool can_match(std::string_view plain_filter) const;
    bool on_subscribe(Session& session, const mqtt::Frame& frame);
    bool on_unsubscribe(Session& session, const mqtt::Frame& frame);
    mqtt::ReasonCode subscribe(Session& session, const mqtt::SubscriptionView& wanted, std::uint32_t identifier,
                               std::uint32_t slot, PendingSubscribe& pending, bool& close_it);
    void hold(Session& session, HeldFilter filter, std::uint32_t slot, PendingSubscribe& pending);
    bool drop_filter(Session& session, std::string_view filter);
    void send_retained(Session& session, const HeldFilter& filter);
    void finish_subscribe(std::uint32_t slot);
    void release_subscribe(std::uint32_t slot);
    void count_wildcard(std::string_view filter, bool add);
    void tell_interest(std::string_view filter, bool add);
    void hear_interest();

    // From a block of this shard's own, so that shards do not meet at every message; a block lasts a second at most.
    [[nodiscard]] MessageId new_message_id();
    Session* find(SessionNumber number);
    Session* find(std::string_view client_id);
    void store_op(StoreOperation operation);
    void follow(const AfterCommit& next);
    [[nodiscard]] bool can_be_refused(const PendingPublish& pending);
    // Since the start. What lasts a while lasts no shorter than it should: it is counted in milliseconds and looked at
    // once a second.
    [[nodiscard]] std::uint64_t now_millis() const;
    [[nodiscard]] std::uint32_t now_seconds() const;
    void schedule(Timer::What what, const Session& session, seconds delay);

    Ports ports_;
    std::shared_ptr<const Registry> registry_;
    Counters counters_;
    TextMap<std::unique_ptr<Session>> sessions_;
    boost::unordered_flat_map<SessionNumber, Session*> by_number_;
    SubscriptionTree tree_;
    SubscriptionTree interest_;  // of the other shards, as far as heard
    InterestNews interest_news_;
    ExpiryWatch expiries_;
    SharedGroups shares_;
    TextMap<std::size_t> wildcards_;  // by parent topic
    Retained retained_;

    std::deque<PendingPublish> publishes_;
    std::vector<std::uint32_t> free_publishes_;
    std::deque<PendingSubscribe> subscribes_;
    std::vector<std::uint32_t> free_subscribes_;

    struct LeftBehind {
        std::vector<StoredWill> wills;
        std::vector<StoredConnection> connections;
    } left_behind_;
    std::deque<News> news_;  // behind a `connect` that waits
    std::vector<StoreOperation> batch_;
    std::vector<AfterCommit> after_;
    Ring<std::vector<AfterCommit>> batches_;  // posted, not answered
    std::uint64_t batches_posted_ = 0;
    std::uint64_t batches_answered_ = 0;
    std::vector<AfterCommit> late_;      // the store could not write what they follow, and keeps it
    std::vector<SessionNumber> slowed_;  // read from again at the next tick
    std::uint32_t told_of_drops_ = 0;    // second
    std::uint32_t told_of_retained_ = 0;
    bool store_behind_ = false;
    bool ask_again_ = false;  // for the sake of late_

    std::vector<SubscriptionTree::Match> matches_;  // scratch
    std::vector<SubscriptionTree::Match> merged_;
    std::vector<InterestChange> heard_;
    std::vector<SharedGroups::Choice> chosen_;
    std::uint64_t stamp_ = 0;
    Encoded encoded_;
    Bytes properties_scratch_;
    std::string close_reason_;  // of a refused filter
    std::vector<SessionNumber> awaiting_acks_;
    std::vector<SessionNumber> draining_;
    SystemTopics system_topics_;
    std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
    std::uint64_t swept_order_ = 0;
    std::shared_ptr<const ExportTable> exports_;
    std::vector<ExportItem> export_batch_;                   // of this turn
    std::vector<std::uint32_t> export_slots_;                // publishes of this turn that wait for it
    std::deque<std::vector<std::uint32_t>> exports_posted_;  // handed over and not answered
    MessageId next_id_ = 0;
    MessageId end_id_ = 0;
    SteadyTime started_;
};

}  // namespace esl::broker
