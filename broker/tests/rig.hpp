// Shards, connections, a store and a clock for tests of the session core: nothing moves unless the test moves it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/adapters/kept_operations.hpp"
#include "broker/adapters/memory_message_store.hpp"
#include "broker/core/hub.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {

using esl::testing::ManualClock;
using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

struct Packet {
    PacketType type{};
    mqtt::PacketId id = 0;
    ReasonCode reason{};
    std::string topic;
    std::string payload;
    QoS qos{};
    bool dup = false;
};

class FakeLink final : public Link {
public:
    Bytes& output() override { return out; }
    [[nodiscard]] std::size_t backlog() const override { return stuck ? std::size_t{1} << 30 : out.size(); }
    void close(CloseCause why) override { closed = why; }
    void set_keep_alive(std::chrono::seconds interval) override { keep_alive = interval; }
    void take_what_came() override {}
    [[nodiscard]] bool dead_or_silent() const override { return dead; }
    [[nodiscard]] std::string peer() const override { return "192.0.2.1:1"; }
    void hold_reading(bool hold) override { held = hold; }
    void hold_output(bool hold) override { output_held = hold; }

    // Takes what was written since the last look.
    std::vector<Packet> look() {
        std::vector<Packet> packets;
        if (output_held && !closed) return packets;
        std::size_t at = 0;
        while (at < out.size()) {
            const auto unframed = mqtt::unframe(BytesView(out).subspan(at), 1UL << 24);
            EXPECT_TRUE(unframed && unframed->complete());
            if (!unframed || !unframed->complete()) break;
            Packet p;
            p.type = unframed->frame.type;
            const auto any = mqtt::decode_any(unframed->frame, version);
            EXPECT_TRUE(any);
            if (any) fill(*any, p);
            packets.push_back(p);
            at += unframed->frame.size;
        }
        out.clear();
        return packets;
    }
    static void fill(const mqtt::AnyPacket& any, Packet& p) {
        if (const auto* pub = std::get_if<mqtt::PublishView>(&any.packet)) {
            p.id = pub->packet_id;
            p.topic = pub->topic;
            p.payload = as_text(pub->payload);
            p.qos = pub->qos;
            p.dup = pub->dup;
        } else if (const auto* ack = std::get_if<mqtt::AckView>(&any.packet)) {
            p.id = ack->packet_id;
            p.reason = ack->reason;
        } else if (const auto* connack = std::get_if<mqtt::ConnackView>(&any.packet)) {
            p.reason = connack->reason;
        } else if (const auto* gone = std::get_if<mqtt::DisconnectView>(&any.packet)) {
            p.reason = gone->reason;
        }
    }

    Bytes out;
    ProtocolVersion version = ProtocolVersion::v311;
    std::optional<CloseCause> closed;
    std::chrono::seconds keep_alive{};
    bool dead = false;
    bool held = false;
    bool output_held = false;
    bool stuck = false;
};

class ManualStore final : public MessageStore {
public:
    Result<StoredState> load() override { return StoredState{}; }
    void post(std::vector<StoreOperation> batch, Done done) override {
        waiting.push_back({std::move(batch), std::move(done)});
    }
    void close() override {}
    [[nodiscard]] Figures figures() const override { return {.waiting = waiting.size()}; }
    // Answers everything that waits.
    void commit(bool good = true) {
        const auto apply = [this](const StoreOperation& operation) { disk.apply(operation); };
        auto now = std::move(waiting);
        waiting.clear();
        for (auto& [operations, done] : now) {
            for (const auto& operation : operations) committed.push_back(operation);
            if (good) {
                for (const auto& batch : kept.batches()) std::ranges::for_each(batch, apply);
                kept.pop_front(kept.batches().size());
                std::ranges::for_each(operations, apply);
            } else {
                kept.keep(std::move(operations));
            }
            done(good ? Result<>{} : Result<>(fail(StoreError::unavailable, "disk full")));
        }
    }
    template <class Operation>
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(committed, [](const auto& op) { return std::holds_alternative<Operation>(op); }));
    }

    std::deque<std::pair<std::vector<StoreOperation>, Done>> waiting;
    std::vector<StoreOperation> committed;
    MemoryDisk disk;  // what a restart would find
    KeptOperations kept;
    bool hangs = false;  // a disk that takes its time
};

// `shards` hubs. A client id that starts with a digit lives on that shard.
class Rig {
public:
    explicit Rig(Settings s, ShardId shards = 1, bool with_store = true, Exporter* rules = nullptr)
        : settings(std::move(s)), count(shards), exporter(rules) {
        make_shards(with_store);
    }
    // In force also after a restart.
    void set_exports(std::shared_ptr<const ExportTable> table) {
        exports_ = std::move(table);
        for (auto& shard : shards_) shard.hub->set_exports(exports_);
    }
    // As kill -9 and a new start: links, queues, messages under way and what is not committed are gone. Links of before
    // must not be touched again.
    void restart() {
        shards_.clear();
        store.waiting.clear();
        store.committed.clear();
        store.kept = {};
        const auto state = store.disk.state();
        ids.session = state.highest_session + 1;
        ids.message = state.highest_message + 1;
        ids.order = state.highest_order + 1;
        make_shards(true);
        for (auto& shard : shards_) shard.hub->restore(state);
        turn();
        for (auto& shard : shards_) shard.hub->publish_left_behind();
    }
    void make_shards(bool with_store) {
        auto registry = std::make_shared<Registry>();
        const auto shards = count;
        for (ShardId i = 0; i < shards; ++i) {
            auto& shard = shards_.emplace_back();
            shard.peers.rig = this;
            shard.peers.id = i;
            shard.hub = std::make_unique<Hub>(
                Hub::Ports{.settings = settings,
                           .clock = clock,
                           .peers = shard.peers,
                           .store = with_store ? &store : nullptr,
                           .ids = ids,
                           .on_stored = [&shard](std::uint64_t batch,
                                                 const Result<>& result) { shard.hub->stored(batch, result); },
                           .authenticator = authenticator,
                           .exporter = exporter,
                           .on_exported = [&shard](bool ok) { shard.hub->exported(ok); }},
                registry);
            shard.hub->set_exports(exports_);
        }
    }
    // Without any state, as at first.
    void remake_shards() {
        shards_.clear();
        make_shards(true);
    }
    Hub& hub(std::string_view client) { return *shards_[home(client)].hub; }
    [[nodiscard]] ShardId home(std::string_view client) const {
        return !client.empty() && client[0] >= '0' && client[0] <= '9' ? static_cast<ShardId>(client[0] - '0') % count
                                                                       : 0;
    }
    // Ends the turn on every shard until no message is under way between them. Commits nothing.
    void turn() {
        for (bool more = true; more;) {
            more = false;
            for (auto& shard : shards_) {
                while (!shard.inbox.empty()) {
                    auto [from, message] = std::move(shard.inbox.front());
                    shard.inbox.pop_front();
                    shard.hub->peer(from, std::move(message));
                    more = true;
                }
                shard.hub->end_turn();
            }
        }
    }
    // Everything settles: messages pass, commits are made.
    void settle(bool good = true) {
        turn();
        while (!store.waiting.empty() && !store.hangs) {
            store.commit(good);
            turn();
        }
    }
    void tick() {
        for (auto& shard : shards_) shard.hub->tick();
        turn();
    }
    std::uint64_t counter(Counter Counters::* which) {
        std::uint64_t total = 0;
        for (auto& shard : shards_) total += (shard.hub->counters().*which).get();
        return total;
    }

    Settings settings;
    ShardId count;
    ManualClock clock;
    SharedIds ids;
    ManualStore store;
    Authenticator* authenticator = nullptr;  // before the shards are made
    Exporter* exporter = nullptr;

private:
    struct FakePeers final : Peers {
        Rig* rig = nullptr;
        ShardId id = 0;
        [[nodiscard]] ShardId self() const override { return id; }
        [[nodiscard]] ShardId count() const override { return rig->count; }
        [[nodiscard]] ShardId home_of(std::string_view client) const override { return rig->home(client); }
        void post(ShardId to, PeerMessage&& message) override {
            rig->shards_[to].inbox.emplace_back(id, std::move(message));
        }
        void tell(ShardId to, InterestChange change) override {
            rig->shards_[to].hub->interest_news().post(std::move(change));
        }
    };
    struct Shard {
        FakePeers peers;
        std::unique_ptr<Hub> hub;
        std::deque<std::pair<ShardId, PeerMessage>> inbox;
    };
    std::deque<Shard> shards_;
    std::shared_ptr<const ExportTable> exports_;
};

}  // namespace esl::broker::testing
