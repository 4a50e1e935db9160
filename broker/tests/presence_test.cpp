// The news of clients with durable rules, and what a kill between the outbox's commit and the store's leaves of them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "broker/tests/fake_client.hpp"
#include "broker/tests/manual_exporter.hpp"

namespace esl::broker {
namespace {

using namespace testing;  // NOLINT: the rig
using nlohmann::json;

class Presence : public ::testing::Test {
protected:
    Presence() {
        auto table = std::make_shared<ExportTable>();
        table->notification["GID_one"] = kNews;
        table->outbound.add("wills/#", kWills, {});
        table->durable = {kNews, kWills};
        rig_.set_exports(table);
    }
    struct News {
        std::string event;
        std::string channel;
        bool operator==(const News&) const = default;
    };
    // What the exporter was handed since the last look.
    std::vector<News> news() {
        std::vector<News> out;
        for (const auto& item : exporter_.items) {
            const auto body = json::parse(as_text(item.what->payload));
            out.push_back({body["eventType"], body["channelId"]});
        }
        exporter_.items.clear();
        return out;
    }
    // The exporter's disk and the store's have all that was handed over.
    void commit_all() {
        exporter_.answer(true);
        rig_.settle();
    }
    void kill_and_restart() {
        exporter_.items.clear();
        exporter_.waiting.clear();
        rig_.restart();
        rig_.settle();
    }
    std::vector<std::string> wills() {
        std::vector<std::string> out;
        for (const auto& item : exporter_.items) out.emplace_back(as_text(item.what->payload));
        exporter_.items.clear();
        return out;
    }
    Session* connect_with_will(FakeLink& link, const std::string& id, const std::string& will) {
        mqtt::ConnectView connect;
        connect.version = link.version;
        connect.client_id = id;
        connect.clean_start = false;
        connect.will = mqtt::WillView{.topic = "wills/x",
                                      .payload = as_bytes(will),
                                      .qos = QoS::at_least_once,
                                      .retain = false,
                                      .properties = {}};
        return rig_.hub(id).connect(link, connect);
    }

    // A client with a will is lost while its watcher, 1watcher, is away.
    void die_watched() {
        FakeClient(rig_, "1watcher", false).subscribe_and_lose("wills/#", QoS::at_least_once);
        FakeLink link;
        Session* session = connect_with_will(link, "0dying", "gone");
        rig_.settle();
        rig_.hub("0dying").lost(*session, CloseCause::socket_error);
        rig_.settle();
    }

    static constexpr RuleNumber kNews = 1, kWills = 2;
    ManualExporter exporter_;
    Rig rig_{standard(), 2, true, &exporter_};
};

TEST_F(Presence, AnEndIsToldAgainUnlessTheOutboxHadItBeforeTheKill) {
    FakeClient client(rig_, "GID_one@@@x", false);
    const auto channel = news().at(0).channel;
    client.lose();  // the store has committed all that it was given, the outbox nothing
    kill_and_restart();
    EXPECT_EQ(news(), (std::vector<News>{{"tcpclean", channel}}));
    commit_all();
    kill_and_restart();
    EXPECT_TRUE(news().empty());
}

TEST_F(Presence, AReturnBeforeTheOutboxHasTheEndTakesNeitherRecordAway) {
    FakeClient first(rig_, "GID_one@@@x", false);
    first.lose();
    FakeClient second(rig_, "GID_one@@@x", false);  // the same session
    const auto said = news();
    ASSERT_EQ(said.size(), 3U);
    const auto before = said[0].channel;
    const auto after = said[2].channel;
    kill_and_restart();
    auto again = news();
    std::ranges::sort(again, {}, &News::channel);
    std::vector<News> both{{"tcpclean", before}, {"tcpclean", after}};
    std::ranges::sort(both, {}, &News::channel);
    EXPECT_EQ(again, both);
}

TEST_F(Presence, AnEndThatTheOutboxHasTakesOnlyItsOwnRecordAway) {
    FakeClient first(rig_, "GID_one@@@x", false);
    first.lose();
    FakeClient second(rig_, "GID_one@@@x", false);
    const auto now = news().at(2).channel;
    commit_all();
    kill_and_restart();
    EXPECT_EQ(news(), (std::vector<News>{{"tcpclean", now}}));
}

TEST_F(Presence, AnEndThatTheOutboxRefusedIsToldAtTheNextStart) {
    FakeClient client(rig_, "GID_one@@@x", false);
    const auto channel = news().at(0).channel;
    client.lose();
    exporter_.answer(false);
    rig_.settle();
    kill_and_restart();
    EXPECT_EQ(news(), (std::vector<News>{{"tcpclean", channel}}));
}

TEST_F(Presence, NobodyIsToldOfAConnectionBeforeItsRecordIsOnDisk) {
    rig_.store.hangs = true;
    FakeClient one(rig_, "GID_one@@@x");
    EXPECT_TRUE(news().empty());
    kill_and_restart();
    EXPECT_TRUE(news().empty());  // nor of its end
    FakeClient two(rig_, "GID_one@@@y");
    two.lose();
    EXPECT_TRUE(news().empty());
    rig_.store.hangs = false;
    rig_.settle();
    const auto said = news();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].event, "connect");
    EXPECT_EQ(said[1], (News{"tcpclean", said[0].channel}));
}

TEST_F(Presence, AStoreThatCannotWriteKeepsNoNewsBack) {
    rig_.store.hangs = true;
    FakeClient client(rig_, "GID_one@@@x");
    EXPECT_TRUE(news().empty());
    rig_.store.commit(false);
    rig_.turn();
    EXPECT_EQ(news().size(), 1U);
}

TEST_F(Presence, AWillIsExportedAgainUnlessTheOutboxHadItBeforeTheKill) {
    die_watched();
    EXPECT_EQ(wills(), std::vector<std::string>{"gone"});
    kill_and_restart();
    EXPECT_EQ(wills(), std::vector<std::string>{"gone"});
    commit_all();
    kill_and_restart();
    EXPECT_TRUE(wills().empty());
    EXPECT_EQ(FakeClient(rig_, "1watcher", false).early.size(), 1U);
}

TEST_F(Presence, TheWillOfTheNextConnectionStaysWhenTheLastOnesIsOut) {
    FakeLink first;
    Session* session = connect_with_will(first, "0dying", "first");
    rig_.settle();
    rig_.hub("0dying").lost(*session, CloseCause::socket_error);
    FakeLink second;
    connect_with_will(second, "0dying", "second");
    rig_.settle();
    commit_all();
    EXPECT_EQ(wills(), std::vector<std::string>{"first"});
    kill_and_restart();
    EXPECT_EQ(wills(), std::vector<std::string>{"second"});
}

TEST_F(Presence, AWillThatTheOutboxRefusedReachesItsSubscribersOnce) {
    die_watched();
    exporter_.answer(false);
    rig_.settle();
    kill_and_restart();
    EXPECT_TRUE(wills().empty());
    EXPECT_EQ(FakeClient(rig_, "1watcher", false).early.size(), 1U);
}

}  // namespace
}  // namespace esl::broker
