// The power is cut at every single write of the agent's store, and a new life goes on with what is on disk.
#include <gtest/gtest.h>

#include <algorithm>

#include "ap-agent/tests/fakes.hpp"

namespace esl::ap::testing {
namespace {

using namespace std::chrono_literals;
using contract::TaskState;

constexpr unsigned kTags = 6;
TagId tag(unsigned i) {
    return TagId::eui48(0xFFFF00000100 + i);
}

// What the service of this story wants, in order; it sends again what it has no final word of, as the reconciler does.
struct Service {
    std::vector<contract::Task> wanted;
    std::map<std::pair<TagId, std::uint64_t>, TaskState> known;

    Service() {
        for (unsigned i = 0; i < kTags; ++i) wanted.push_back(task(tag(i), 1, i + 1));
        wanted.push_back(task(tag(1), 2, 40));
        wanted.push_back(task(tag(2), 2, 3));  // the same picture again
        wanted.push_back(task(tag(3), 2, 50));
        wanted.push_back(task(tag(3), 3, 4));
    }
    void hear(Life& life, const Shelf& shelf) {
        for (const auto& r : life.uplink.results) {
            const auto key = std::pair(r.tag, r.version);
            if (r.state == TaskState::displayed) {
                // Never told without evidence: at some time, under this or an earlier life, the tag did show it.
                const auto history = shelf.history.find(r.tag);
                EXPECT_TRUE(history != shelf.history.end() &&
                            std::ranges::find(history->second, r.image_id) != history->second.end());
            }
            auto& state = known[key];
            if (state == TaskState::displayed || state == TaskState::superseded) continue;
            state = r.state;
        }
        life.uplink.results.clear();
    }
    [[nodiscard]] bool final(const contract::Task& t) const {
        const auto found = known.find({t.tag, t.version});
        return found != known.end() &&
               (found->second == TaskState::displayed || found->second == TaskState::superseded);
    }
    [[nodiscard]] std::vector<contract::Task> open() const {
        std::vector<contract::Task> out;
        for (const auto& t : wanted) {
            if (!final(t)) out.push_back(t);
        }
        return out;
    }
};

// One turn: the service sends what is open, the radio does one thing per tag. False when the power went.
void turn(Life& life, Service& service, const Shelf& shelf, unsigned round) {
    auto open = service.open();
    if (!open.empty()) life.give({open.front()});
    if (open.size() > 1 && round % 2 == 1) life.give({open[1]});
    unsigned i = round;
    while (!life.radio.updates.empty() && !life.store.cut) {
        const auto id = life.radio.updates.begin()->first;
        switch (i++ % 4) {
            case 0:
                life.radio.begin_bytes(id);
                life.radio.display(id);
                break;
            case 1:
                life.radio.fail(id, RadioError::timeout, true);
                break;
            case 2:
                life.radio.display(id);
                break;
            default:
                life.radio.fail(id, RadioError::unreachable);
        }
        life.settle();
        life.pass(5s);
    }
    service.hear(life, shelf);
}

std::size_t story(std::size_t cut_after) {
    esl::testing::ManualClock clock;
    esl::testing::TempDir dir;
    Shelf shelf;
    Service service;
    AgentOptions options;
    options.retry.rounds = 50;
    std::size_t written = 0;
    unsigned round = 0;
    {
        Life first(clock, dir.path(), shelf, options, cut_after);
        while (!first.store.cut && !service.open().empty() && round < 40) turn(first, service, shelf, round++);
        written = first.store.written;
        // What the radio was doing goes on without the agent: tags may show what nobody has reported.
        while (!first.radio.updates.empty()) first.radio.display_unheard(first.radio.updates.begin()->first);
    }
    Life second(clock, dir.path(), shelf, options);
    for (unsigned n = 0; n < 60 && !service.open().empty(); ++n) turn(second, service, shelf, round++);
    service.hear(second, shelf);

    EXPECT_TRUE(service.open().empty()) << "power cut after write " << cut_after;
    EXPECT_EQ(shelf.shown[tag(0)], picture(1).crc());
    EXPECT_EQ(shelf.shown[tag(1)], picture(40).crc());
    EXPECT_EQ(shelf.shown[tag(2)], picture(3).crc());
    EXPECT_EQ(shelf.shown[tag(3)], picture(4).crc());
    EXPECT_EQ(second.agent.queued(), 0u);
    EXPECT_TRUE(second.agent.told_everything());
    return written;
}

TEST(PowerCut, AtAnyWriteNothingIsLostAndNothingIsCalledDisplayedThatIsNot) {
    const auto writes = story(1'000'000);
    ASSERT_GT(writes, 20u);
    for (std::size_t n = 0; n <= writes; ++n) story(n);
}

}  // namespace
}  // namespace esl::ap::testing
