#include "mgmt-service/http/event_hub.hpp"

#include <gtest/gtest.h>

#include "common/testing/testing.hpp"

namespace esl::mgmt::rest {
namespace {

using namespace std::chrono_literals;

class EventHubTest : public ::testing::Test {
protected:
    void open(HubSettings settings = {.heartbeat = 1h}) {
        hub = std::make_unique<EventHub>(
            clock,
            [](const Event& e) -> std::optional<EventHub::Encoded> {
                return EventHub::Encoded{"change", std::get<Change>(e.what).id};
            },
            settings);
    }
    void post(std::string id, std::string store = "a") {
        Change change;
        change.id = std::move(id);
        Event event;
        event.store = std::move(store);
        event.what = std::move(change);
        hub->post(std::make_shared<const std::vector<Event>>(1, std::move(event)));
    }
    // All that has come until `text` is in it.
    static std::string read_until(http::PushStream& stream, std::string_view text) {
        std::string got;
        EXPECT_TRUE(testing::wait_until([&] {
            got += stream.take().bytes;
            return got.find(text) != std::string::npos;
        })) << got;
        return got;
    }
    static std::uint64_t last_id_in(const std::string& got) { return std::stoull(got.substr(got.rfind("id: ") + 4)); }
    static bool everything(const std::string&) { return true; }
    testing::ManualClock clock;
    std::unique_ptr<EventHub> hub;
};

TEST_F(EventHubTest, ReachesEveryListenerThatMaySeeIt) {
    open();
    const auto all = hub->listen({}, everything);
    const auto only_b = hub->listen({}, [](const std::string& store) { return store == "b"; });
    post("one", "a");
    post("two", "b");
    const auto got = read_until(*all, "two");
    EXPECT_LT(got.find("data: one"), got.find("data: two"));
    EXPECT_EQ(read_until(*only_b, "two").find("one"), std::string::npos);
}

TEST_F(EventHubTest, AReconnectingListenerGetsWhatItMissed) {
    open();
    const auto first = hub->listen({}, everything);
    post("one");
    const auto id = last_id_in(read_until(*first, "one"));
    post("two");
    post("three");
    read_until(*first, "three");
    const auto again = hub->listen(id, everything)->take().bytes;
    EXPECT_EQ(again.find("one"), std::string::npos);
    EXPECT_LT(again.find("two"), again.find("three"));
    EXPECT_EQ(hub->listen(last_id_in(again), everything)->take().bytes, "");
}

TEST_F(EventHubTest, AListenerWhoseLastEventIsForgottenIsTold) {
    open({.memory = 2, .heartbeat = 1h});
    const auto first = hub->listen({}, everything);
    post("one");
    const auto id = last_id_in(read_until(*first, "one"));
    for (const auto* text : {"two", "three", "four"}) post(text);
    read_until(*first, "four");
    EXPECT_TRUE(testing::wait_until(
        [&] { return hub->listen(id, everything)->take().bytes.find("event: reset") != std::string::npos; }));
    EXPECT_NE(hub->listen(7, everything)->take().bytes.find("event: reset"), std::string::npos)
        << "of an earlier process";
    EXPECT_NE(hub->listen(id + 1000, everything)->take().bytes.find("event: reset"), std::string::npos)
        << "never given";
}

TEST_F(EventHubTest, ASlowListenerIsDroppedAndTheOthersGoOn) {
    open({.max_pending = 200, .heartbeat = 1h});
    const auto slow = hub->listen({}, everything);
    const auto fast = hub->listen({}, everything);
    for (int i = 0; i < 50; ++i) {
        const auto id = "event-" + std::to_string(i) + ".";
        post(id);
        read_until(*fast, id);
    }
    EXPECT_TRUE(slow->was_slow());
    EXPECT_TRUE(testing::wait_until([&] { return hub->dropped() == 1 && hub->listeners() == 1; }));
}

TEST_F(EventHubTest, BoundsItsListeners) {
    open({.max_listeners = 2, .heartbeat = 1h});
    const auto a = hub->listen({}, everything), b = hub->listen({}, everything);
    EXPECT_EQ(hub->listen({}, everything), nullptr);
    a->detach();
    EXPECT_NE(hub->listen({}, everything), nullptr);
}

TEST_F(EventHubTest, AsksItsTailWithoutBeingTold) {
    std::atomic<int> asked{0};
    hub = std::make_unique<EventHub>(
        clock, [](const Event&) -> std::optional<EventHub::Encoded> { return std::nullopt; },
        HubSettings{.heartbeat = 1h, .tail_every = 1ms},
        [&]() -> std::vector<EventHub::Tailed> {
            if (++asked != 3) return {};
            return {{.store = "a", .event = {"audit", "entry 7"}}};
        });
    const auto stream = hub->listen({}, everything);
    const auto other = hub->listen({}, [](const std::string& store) { return store == "b"; });
    EXPECT_NE(read_until(*stream, "entry 7").find("event: audit"), std::string::npos);
    EXPECT_TRUE(testing::wait_until([&] { return asked > 5; }));
    EXPECT_EQ(other->take().bytes, "");
}

TEST_F(EventHubTest, KeepsQuietStreamsAwakeAndEndsThemWhenItStops) {
    open({.heartbeat = 5ms});
    const auto stream = hub->listen({}, everything);
    read_until(*stream, ":\n\n:\n\n");
    hub->stop();
    EXPECT_EQ(stream->take().end, http::PushStream::End::finished);
    EXPECT_EQ(hub->listen({}, everything), nullptr);
}

}  // namespace
}  // namespace esl::mgmt::rest
