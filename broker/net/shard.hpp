// One thread with its poller, its connections and its session core. The turn: one batch of ready descriptors is read
// and decoded, which appends to output buffers; then the shards exchange what they have for each other; the end of the
// turn alone writes to clients and to the store.
//
// Back-pressure: a shard that has more waiting than `limits.inbox` is not given more. The others read nothing until it
// has caught up; each sleeps on its own inbox, which it goes on emptying, so two shards that are both full never wait
// for each other. Who has caught up wakes them at the end of its turn; nobody misses that (see Inbox).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "broker/core/hub.hpp"
#include "broker/net/address_guard.hpp"
#include "broker/net/endpoint.hpp"
#include "broker/net/inbox.hpp"
#include "broker/net/poller.hpp"
#include "broker/net/turn_clock.hpp"
#include "broker/ports/authenticator.hpp"

namespace esl::broker {

class Connection;

constexpr std::size_t kReadBuffer = 64 * 1024;  // of a shard; the most that one read takes

// Everything but post() and start()/stop() is shard-bound.
class Shard final : public Peers {
public:
    struct Shared {
        const Settings& settings;
        const Clock& clock;
        MessageStore* store;
        Authenticator& authenticator;
        SharedIds& ids;
        AddressCounts& addresses;
        AddressGuard& guard;
        const Endpoints& endpoints;
        TraceSink* traces = nullptr;  // null: none
        TraceMode trace_mode = TraceMode::off;
        Exporter* exporter = nullptr;  // null: no rules
    };

    Shard(ShardId id, ShardId count, Shared shared, std::shared_ptr<const Registry> registry);
    ~Shard() override;
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    // Before start(). `all` outlives this shard.
    void set_peers(const std::vector<std::unique_ptr<Shard>>& all) { all_ = &all; }
    void start();
    // On the shard's thread, or before start(). A bound, listening, non-blocking socket is taken over; it accepts once
    // the doors are open.
    void listen_on(std::uint16_t endpoint, int fd);
    // On the shard's thread: begins to accept.
    void open_doors();
    // On the shard's thread: whom `from` would have accepted comes in by `to` from now on.
    void hand_over(std::uint16_t from, std::uint16_t to);
    // On the shard's thread: closes the socket of a retired endpoint, and its clients are told and closed.
    void retire(std::uint16_t endpoint);
    // Thread-safe: asks the shard to say goodbye to its clients and end; join() waits for it.
    void post_stop();
    // On the shard's thread, after post_stop(): without waiting for clients that have not taken all.
    void end_now() { ended_ = true; }
    void join();
    // Thread-safe.
    void post(InboxItem item);
    [[nodiscard]] Hub& hub() { return hub_; }
    [[nodiscard]] Counters& counters() { return hub_.counters(); }

    // Peers
    [[nodiscard]] ShardId self() const override { return id_; }
    [[nodiscard]] ShardId count() const override { return count_; }
    [[nodiscard]] ShardId home_of(std::string_view client_id) const override;
    void post(ShardId to, PeerMessage&& message) override;
    void tell(ShardId to, InterestChange change) override;

private:
    friend class Connection;
    struct Slot {
        std::unique_ptr<Connection> connection;
        std::uint32_t generation = 0;
    };

    void run();
    void turn();
    void wait_and_serve();
    void wait_for_room();
    void wake_who_waits_for_room();
    [[nodiscard]] bool others_keep_up() const;
    [[nodiscard]] bool has_too_much();  // any thread
    void exchange();
    void end_turn();
    void post_outgoing();
    void on_ready(const epoll_event& event);
    void take_inbox();
    void handle(InboxItem& item);
    void accept_from(std::size_t listener);
    void listen_to(std::size_t listener, bool listen);
    void drop_listener(std::size_t listener);
    void accept_one(int fd, std::uint16_t endpoint, std::string peer);
    [[nodiscard]] bool count_in(const Endpoint& endpoint, const std::string& peer);
    void add_connection(AdoptConnection&& connection);
    void uncount(std::uint16_t endpoint, const std::string& peer);
    void tick();
    void stop_here();

    // For connections.
    void mark_dirty(Connection& connection) { dirty_.push_back(&connection); }
    void bury(Connection& connection) { graveyard_.push_back(&connection); }
    // False: enough was computed in this turn.
    [[nodiscard]] bool may_compute();
    void watch(Connection& connection, std::uint32_t at);
    [[nodiscard]] Bytes take_buffer();
    void give_back(Bytes buffer);
    void migrate(ShardId to, AdoptConnection connection);
    Connection* find(std::uint64_t id);

    const ShardId id_;
    const ShardId count_;
    Shared shared_;
    Poller poller_;
    SecondTicker ticker_;
    TurnClock clock_;
    Hub hub_;
    Inbox inbox_;
    const std::vector<std::unique_ptr<Shard>>* all_ = nullptr;
    std::array<int, Endpoints::kMost> listeners_;  // by endpoint; -1: none here
    bool doors_open_ = false;
    std::vector<std::size_t> resting_;  // listeners out of file descriptors: until the next second
    bool second_passed_ = false;
    std::vector<InboxItem> taken_;
    std::vector<std::vector<InboxItem>> outgoing_;  // by shard
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<Connection*> dirty_;
    std::vector<Connection*> graveyard_;
    std::vector<Bytes> buffers_;
    // Keep-alive wheel: a slot a second.
    struct Watched {
        std::uint64_t connection;
        std::uint32_t at;
    };
    std::vector<std::vector<Watched>> wheel_;
    std::uint32_t now_ = 1;  // seconds since the start
    Bytes read_buffer_;      // shared by all connections of the shard
    Bytes plain_;            // and what a layer makes of it
    unsigned computed_ = 0;  // reads of unfinished TLS handshakes in this turn
    bool stopping_ = false;
    bool ended_ = false;
    std::uint32_t stop_at_ = 0;
    std::thread thread_;
};

}  // namespace esl::broker
