// What every message store does, tried on both: the one in memory and the one in an SQLite file.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>

#include "broker/adapters/memory_message_store.hpp"
#include "broker/adapters/sqlite_message_store.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

using Operations = std::vector<StoreOperation>;

// One store that can be closed and opened again on what it kept.
class Kept {
public:
    virtual ~Kept() = default;
    virtual std::unique_ptr<MessageStore> open() = 0;
};

class KeptInMemory final : public Kept {
public:
    std::unique_ptr<MessageStore> open() override { return std::make_unique<MemoryMessageStore>(disk_); }

private:
    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

class KeptInSqlite final : public Kept {
public:
    std::unique_ptr<MessageStore> open() override {
        return open_sqlite_message_store(
            {.file = folder_ / "messages.db", .gather = std::chrono::milliseconds{0}, .checkpoint_pages = 250}, clock_);
    }

private:
    SystemClock clock_;
    testing::TempDir folder_;
};

struct Maker {
    const char* name;
    std::function<std::unique_ptr<Kept>()> make;
};

class MessageStoreContract : public ::testing::TestWithParam<Maker> {
protected:
    void SetUp() override {
        kept_ = GetParam().make();
        reopen();
    }
    // As after a restart: a new store on what the old one kept.
    void reopen() {
        if (store_) store_->close();
        store_ = kept_->open();
        auto state = store_->load();
        ASSERT_TRUE(state) << state.error().message();
        state_ = std::move(*state);
    }
    void commit(Operations operations) {
        std::atomic<bool> done{false};
        store_->post(std::move(operations), [&](const Result<>& result) {
            EXPECT_TRUE(result);
            done = true;
        });
        ASSERT_TRUE(testing::wait_until([&] { return done.load(); }));
    }
    static MessagePtr message(MessageId id, std::string_view topic = "t", std::string_view payload = "p") {
        const Bytes properties{0x01, 0x01};
        return make_message({.id = id,
                             .topic = topic,
                             .payload = as_bytes(payload),
                             .properties = properties,
                             .qos = mqtt::QoS::at_least_once,
                             .point_to_point = true,
                             .expires = from_millis(77),
                             .born = from_millis(66),
                             .publisher = 5});
    }
    static PutSession session(SessionNumber number, std::string id) {
        return {{.number = number, .client_id = std::move(id), .expiry_seconds = kForever, .offline_since = 0}};
    }
    static constexpr std::uint32_t kForever = 0xFFFF'FFFF;

    std::unique_ptr<Kept> kept_;
    std::unique_ptr<MessageStore> store_;
    StoredState state_;
};

TEST_P(MessageStoreContract, AnEmptyStoreHasNothing) {
    EXPECT_TRUE(state_.sessions.empty());
    EXPECT_TRUE(state_.messages.empty());
    EXPECT_TRUE(state_.retained.empty());
}

TEST_P(MessageStoreContract, SessionsComeBackWithFiltersAndPacketIds) {
    const SubscriptionOptions options{
        .qos = 2, .no_local = true, .retain_as_published = true, .retain_handling = 2, .identifier = 268'435'455};
    commit({session(1, "a"), PutSubscription{1, "x/+", options}, PutSubscription{1, "y", {}}, PutReceived{1, 7},
            PutReceived{1, 9}, session(2, "b")});
    commit({RemoveSubscription{1, "y"}, RemoveReceived{1, 7}});
    reopen();
    ASSERT_EQ(state_.sessions.size(), 2U);
    EXPECT_EQ(state_.sessions[0].record.client_id, "a");
    ASSERT_EQ(state_.sessions[0].subscriptions.size(), 1U);
    EXPECT_EQ(state_.sessions[0].subscriptions[0].first, "x/+");
    EXPECT_EQ(state_.sessions[0].subscriptions[0].second, options);
    EXPECT_EQ(state_.sessions[0].received, std::vector<mqtt::PacketId>{9});
    EXPECT_EQ(state_.highest_session, 2U);
}

TEST_P(MessageStoreContract, ARemovedSessionTakesAllThatIsItsOwn) {
    commit({session(1, "a"), PutSubscription{1, "x", {}}, PutReceived{1, 7}});
    commit({RemoveSession{1}});
    commit({session(1, "a")});
    reopen();
    ASSERT_EQ(state_.sessions.size(), 1U);
    EXPECT_TRUE(state_.sessions[0].subscriptions.empty());
    EXPECT_TRUE(state_.sessions[0].received.empty());
}

TEST_P(MessageStoreContract, AnOwedMessageComesBackWhole) {
    const Recipient to{.session = 1,
                       .sequence = 12,
                       .subscription_id = 4,
                       .qos = mqtt::QoS::exactly_once,
                       .retain = true,
                       .released = false};
    commit({session(1, "a"), PutMessage{message(100, "topic", "payload"), {to}}});
    reopen();
    ASSERT_EQ(state_.messages.size(), 1U);
    const auto& m = *state_.messages[0].message;
    EXPECT_EQ(m.id, 100U);
    EXPECT_EQ(m.topic, "topic");
    EXPECT_EQ(as_text(m.payload), "payload");
    EXPECT_EQ(Bytes(m.properties.begin(), m.properties.end()), (Bytes{0x01, 0x01}));
    EXPECT_EQ(m.qos, mqtt::QoS::at_least_once);
    EXPECT_TRUE(m.point_to_point);
    EXPECT_EQ(to_millis(m.expires), 77);
    EXPECT_EQ(to_millis(m.born), 66);
    EXPECT_EQ(m.publisher, 5U);
    EXPECT_EQ(state_.messages[0].recipients, Recipients{to});
    EXPECT_EQ(state_.highest_message, 100U);
}

TEST_P(MessageStoreContract, AnAcknowledgedMessageIsNeverHandedOutAgain) {
    commit({session(1, "a"), session(2, "b"),
            PutMessage{message(1), {{.session = 1, .sequence = 1}, {.session = 2, .sequence = 1}}}});
    commit({AckMessage{1, 1}});
    reopen();
    ASSERT_EQ(state_.messages.size(), 1U);
    ASSERT_EQ(state_.messages[0].recipients.size(), 1U);
    EXPECT_EQ(state_.messages[0].recipients[0].session, 2U);
    commit({AckMessage{1, 2}});
    reopen();
    EXPECT_TRUE(state_.messages.empty());
}

// Messages of one commit, each for one session, may lie together.
TEST_P(MessageStoreContract, OfMessagesThatCameTogetherEachGoesAlone) {
    Operations operations{session(1, "a")};
    for (std::uint32_t id = 1; id <= 40; ++id)
        operations.push_back(PutMessage{message(id, "t", std::string(id * 10, 'x')), {{.session = 1, .sequence = id}}});
    commit(std::move(operations));
    std::vector<MessageId> left;
    for (MessageId id = 1; id <= 40; ++id) left.push_back(id);
    const auto ids = [&] {
        std::vector<MessageId> out;
        for (const auto& owed : state_.messages) {
            out.push_back(owed.message->id);
            EXPECT_EQ(owed.message->payload.size(), owed.message->id * 10);
            EXPECT_EQ(owed.recipients.size(), 1U);
        }
        return out;
    };
    for (const std::vector<MessageId>& acknowledged :
         {std::vector<MessageId>{7, 2, 40},
          {},
          {1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}}) {
        for (const auto id : acknowledged) {
            commit({AckMessage{id, 1}});
            std::erase(left, id);
        }
        reopen();
        EXPECT_EQ(ids(), left);
    }
}

TEST_P(MessageStoreContract, AnAcknowledgementMayOvertakeItsMessage) {
    commit({session(1, "a"), session(2, "b")});
    commit({AckMessage{5, 1}});
    commit({PutMessage{message(5), {{.session = 1, .sequence = 1}, {.session = 2, .sequence = 1}}}});
    reopen();
    ASSERT_EQ(state_.messages.size(), 1U);
    ASSERT_EQ(state_.messages[0].recipients.size(), 1U);
    EXPECT_EQ(state_.messages[0].recipients[0].session, 2U);
}

TEST_P(MessageStoreContract, AMessageAcknowledgedInTheBatchThatBringsItLeavesNothing) {
    commit({session(1, "a"), PutMessage{message(1), {{.session = 1, .sequence = 1}}}, AckMessage{1, 1}});
    reopen();
    EXPECT_TRUE(state_.messages.empty());
}

TEST_P(MessageStoreContract, AReleasedMessageComesBackAsReleased) {
    commit({session(1, "a"), PutMessage{message(1), {{.session = 1, .sequence = 1, .qos = mqtt::QoS::exactly_once}}}});
    commit({ReleaseMessage{1, 1}});
    reopen();
    ASSERT_EQ(state_.messages.size(), 1U);
    EXPECT_TRUE(state_.messages[0].recipients[0].released);
    reopen();  // and after a second restart
    ASSERT_EQ(state_.messages.size(), 1U);
    EXPECT_TRUE(state_.messages[0].recipients[0].released);
    commit({AckMessage{1, 1}});
    reopen();
    EXPECT_TRUE(state_.messages.empty());
}

TEST_P(MessageStoreContract, MessagesComeInTheOrderOfTheirIds) {
    Operations operations{session(1, "a")};
    for (const MessageId id : {9U, 3U, 7U})
        operations.push_back(PutMessage{message(id), {{.session = 1, .sequence = static_cast<std::uint32_t>(id)}}});
    commit(std::move(operations));
    reopen();
    ASSERT_EQ(state_.messages.size(), 3U);
    EXPECT_EQ(state_.messages[0].message->id, 3U);
    EXPECT_EQ(state_.messages[2].message->id, 9U);
}

// So many that they are read in parts, with a hole in which a part may end.
TEST_P(MessageStoreContract, SoManyMessagesComeBackEachOnceAndInTheOrderOfTheirIds) {
    constexpr MessageId kMessages = 60'001;
    const auto hole = [](MessageId id) { return id > 20'000 && id <= 40'000; };
    Operations operations{PutSession{session(1, "client")}};
    std::vector<MessageId> expected;
    for (MessageId id = 1; id <= kMessages; ++id) {
        if (hole(id)) continue;
        operations.emplace_back(PutMessage{message(id), {{.session = 1, .sequence = static_cast<std::uint32_t>(id)}}});
        if (id % 3 == 0) {
            operations.emplace_back(AckMessage{id, 1});
        } else {
            expected.push_back(id);
        }
        if (operations.size() >= 1'000) commit(std::exchange(operations, {}));
    }
    commit(std::move(operations));
    for (int start = 0; start < 2; ++start) {  // the second finds what the first has tidied up
        reopen();
        std::vector<MessageId> found;
        for (const auto& owed : state_.messages) {
            found.push_back(owed.message->id);
            ASSERT_EQ(owed.recipients.size(), 1U);
            ASSERT_EQ(owed.recipients[0].sequence, owed.message->id);
        }
        EXPECT_EQ(found, expected);
        EXPECT_EQ(state_.highest_message, expected.back());
    }
}

TEST_P(MessageStoreContract, OfTwoRetainedMessagesTheHigherOrderStays) {
    commit({PutRetained{message(1, "a", "new"), 5}, PutRetained{message(2, "a", "old"), 4},
            PutRetained{message(3, "b", "x"), 6}});
    commit({RemoveRetained{"b", 5}});
    reopen();
    ASSERT_EQ(state_.retained.size(), 2U);
    EXPECT_EQ(as_text(state_.retained[0].message->payload), "new");
    EXPECT_EQ(state_.retained[0].order, 5U);
    EXPECT_EQ(state_.highest_order, 6U);
    commit({RemoveRetained{"b", 7}});
    reopen();
    EXPECT_EQ(state_.retained.size(), 1U);
}

TEST_P(MessageStoreContract, WillsAndConnectionsComeBackUntilTheyAreOver) {
    commit({PutWill{{.session = 4, .client_id = "a", .delay_seconds = 60, .message = message(71, "w/a", "gone")}},
            PutWill{{.session = 4, .client_id = "a", .delay_seconds = 0, .message = message(72)}},
            PutConnection{{.session = 4, .client_id = "a", .channel_id = "c0ffee", .peer = "192.0.2.1:5"}},
            PutConnection{{.session = 4, .client_id = "a", .channel_id = "cafe", .peer = "192.0.2.1:6"}}});
    commit({RemoveWill{72}, RemoveConnection{"cafe"}, RemoveWill{77}, RemoveConnection{"decade"}});
    reopen();
    ASSERT_EQ(state_.wills.size(), 1U);
    EXPECT_EQ(state_.wills[0].session, 4U);
    EXPECT_EQ(state_.wills[0].client_id, "a");
    EXPECT_EQ(state_.wills[0].delay_seconds, 60U);
    const auto& will = *state_.wills[0].message;
    EXPECT_EQ(will.id, 71U);
    EXPECT_GE(state_.highest_message, 71U);
    EXPECT_EQ(will.topic, "w/a");
    EXPECT_EQ(as_text(will.payload), "gone");
    EXPECT_EQ(will.qos, mqtt::QoS::at_least_once);
    EXPECT_EQ(to_millis(will.expires), 77);
    EXPECT_EQ(Bytes(will.properties.begin(), will.properties.end()), (Bytes{0x01, 0x01}));
    ASSERT_EQ(state_.connections.size(), 1U);
    const StoredConnection kept{.session = 4, .client_id = "a", .channel_id = "c0ffee", .peer = "192.0.2.1:5"};
    EXPECT_EQ(state_.connections[0], kept);
    EXPECT_GE(state_.highest_session, 4U);
}

TEST_P(MessageStoreContract, ManyMessagesWithManyAcknowledgementsEndAsTheyShould) {
    commit({session(1, "a"), session(2, "b")});
    for (MessageId id = 1; id <= 2'000; id += 10) {
        Operations operations;
        for (MessageId i = id; i < id + 10; ++i) {
            operations.push_back(PutMessage{message(i),
                                            {{.session = 1, .sequence = static_cast<std::uint32_t>(i)},
                                             {.session = 2, .sequence = static_cast<std::uint32_t>(i)}}});
            if (i % 3 != 0) operations.push_back(AckMessage{i, 1});
            if (i > 500 && i % 5 != 0) operations.push_back(AckMessage{i - 500, 2});
        }
        commit(std::move(operations));
    }
    reopen();
    std::size_t first = 0;
    std::size_t second = 0;
    for (const auto& owed : state_.messages) {
        for (const auto& to : owed.recipients) ++(to.session == 1 ? first : second);
    }
    EXPECT_EQ(first, 2'000U / 3);
    EXPECT_EQ(second, 500U + 300U);
}

INSTANTIATE_TEST_SUITE_P(Stores, MessageStoreContract,
                         ::testing::Values(Maker{"Memory", [] { return std::make_unique<KeptInMemory>(); }},
                                           Maker{"Sqlite", [] { return std::make_unique<KeptInSqlite>(); }}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace esl::broker
