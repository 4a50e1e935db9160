// The BlueZ radio against the real simulator on a private system bus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "ap-agent/adapters/bluez/bluez_radio.hpp"
#include "ap-agent/tests/process.hpp"

namespace esl::ap::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::shared_ptr<const image::TagImage> drawing(unsigned width, unsigned height, image::Palette palette, unsigned seed) {
    auto out = std::make_shared<image::TagImage>(width, height);
    std::uint32_t x = seed * 2654435761U + 1;
    for (unsigned y = 0; y < height; ++y) {
        for (unsigned column = 0; column < width; ++column) {
            x = x * 1664525U + 1013904223U;
            auto colour = static_cast<image::Colour>(x >> 30);
            if (!image::allows(palette, colour)) colour = image::Colour::black;
            if ((column / 8 + y / 8) % 3 == 0) out->set(column, y, colour);
        }
    }
    return out;
}

struct BluezTest : ::testing::Test, RadioListener {
    BusDaemon bus;
    SystemClock clock;
    boost::asio::io_context io;
    std::unique_ptr<bluez::BluezRadio> radio;
    std::map<TagId, TagSighting> heard;
    std::vector<std::pair<RadioState, std::string>> states;

    BluezTest() { ::setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address().c_str(), 1); }
    ~BluezTest() override {
        if (!radio) return;
        bool stopped = false;
        radio->stop([&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
    }
    void on_sighting(TagRadio&, const TagSighting& s) override { heard[s.tag] = s; }
    void on_radio_state(TagRadio&, RadioState state, const std::string& why) override {
        states.emplace_back(state, why);
    }

    bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 60s) {
        return esl::testing::wait_until(
            [&] {
                io.restart();
                io.run_for(5ms);
                return condition();
            },
            limit);
    }
    void start(bluez::BluezOptions options = {}) {
        radio = std::make_unique<bluez::BluezRadio>(boost::asio::any_io_executor(io.get_executor()), clock, options);
        radio->start(*this);
    }
    bool hear(std::size_t tags) {
        return until([&] { return heard.size() >= tags; });
    }
    using Outcomes = std::shared_ptr<std::map<TagId, UpdateOutcome>>;  // callbacks may outlive a test that failed
    static Outcomes none() { return std::make_shared<std::map<TagId, UpdateOutcome>>(); }
    void send(TagId tag, std::shared_ptr<const image::TagImage> image, const Outcomes& outcomes) {
        UpdateRequest request;
        request.tag = tag;
        request.image_id = image->crc();
        request.image = std::move(image);
        radio->update(std::move(request), [outcomes, tag](const UpdateOutcome& o) { (*outcomes)[tag] = o; });
    }
    std::map<TagId, std::uint32_t> send_to_all(unsigned seed, const Outcomes& outcomes) {
        std::map<TagId, std::uint32_t> wanted;
        for (const auto& [tag, s] : heard) {
            auto image = drawing(s.width, s.height, s.palette, ++seed);
            wanted[tag] = image->crc();
            send(tag, std::move(image), outcomes);
        }
        return wanted;
    }
    static std::map<TagId, std::uint32_t> shown(const BluezSim& sim) {
        std::map<TagId, std::uint32_t> out;
        for (const auto& tag : sim.tags()) out[TagId::parse(tag.id).value()] = tag.shown;
        return out;
    }
};

TEST_F(BluezTest, HearsTagsWithTheirModelSizeColoursAndBattery) {
    BluezSim sim(bus, 12);
    start();
    ASSERT_TRUE(hear(12));
    EXPECT_EQ(radio->state(), RadioState::up);
    EXPECT_EQ(radio->tags_heard(), 12u);
    for (const auto& tag : sim.tags()) {
        const auto& s = heard.at(TagId::parse(tag.id).value());
        EXPECT_EQ(s.model, tag.model);
        EXPECT_EQ(s.width, tag.width);
        EXPECT_EQ(s.height, tag.height);
        EXPECT_EQ(image::name(s.palette), tag.palette);
        EXPECT_GT(s.battery_mv.value_or(0), 2000u);
        EXPECT_LT(s.rssi, -20);
        EXPECT_EQ(s.firmware.size(), 4u);
    }
}

TEST_F(BluezTest, EveryTagShowsExactlyItsImageWhenItIsCalledDisplayed) {
    BluezSim sim(bus, 24);
    start();
    ASSERT_TRUE(hear(24));
    for (unsigned round = 0; round < 2; ++round) {
        const auto outcomes = none();
        const auto wanted = send_to_all(1000 * round, outcomes);
        ASSERT_TRUE(until([&] { return outcomes->size() == 24; }));
        for (const auto& [tag, outcome] : *outcomes) {
            EXPECT_TRUE(outcome.displayed()) << tag.text() << " " << outcome.failure->detail;
            EXPECT_EQ(outcome.attempts, 1u);
            EXPECT_TRUE(outcome.started.has_value());
        }
        EXPECT_EQ(shown(sim), wanted);
    }
}

TEST_F(BluezTest, DropsAndCountsWhatBluezNeverSaysAndServesTheTagsAllTheSame) {
    std::ostringstream lines;
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("odd", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)));
    esl::testing::TempDir dir;
    std::ofstream(dir / "faults.toml") << "[all]\nodd_property = 100\n";
    BluezSim sim(bus, 8, {"--models", "0033,000B", "--faults", (dir / "faults.toml").string()});
    start();
    ASSERT_TRUE(hear(8));
    // Every kind of nonsense of every tag, and updates all the while.
    unsigned rounds = 0;
    while (radio->refused() < 8 * 16) {
        const auto outcomes = none();
        const auto wanted = send_to_all(1000 * ++rounds, outcomes);
        ASSERT_TRUE(until([&] { return outcomes->size() == 8; }));
        for (const auto& [tag, outcome] : *outcomes) {
            EXPECT_TRUE(outcome.displayed()) << tag.text() << " " << outcome.failure->detail;
        }
        EXPECT_EQ(shown(sim), wanted);
    }
    spdlog::set_default_logger(before);
    EXPECT_EQ(radio->state(), RadioState::up);
    EXPECT_EQ(radio->tags_heard(), 8U);
    EXPECT_EQ(heard.size(), 8U);  // nothing of what was told in between became a tag
    const auto log = lines.str();
    for (const auto* line : {
             "org.bluez.Device1.RSSI of /org/bluez/hci0/dev_",
             "expected n, got s",
             "expected ay, got s",
             "expected a{qv}, got s",
             "expected b, got i",
             "expected XX:XX:XX:XX:XX:XX",
             "org.freedesktop.DBus.Properties.PropertiesChanged",
             "org.freedesktop.DBus.ObjectManager.InterfacesRemoved",
             "expected a path of at most 255 bytes",
         }) {
        EXPECT_THAT(log, HasSubstr(line));
    }
    EXPECT_LT(std::ranges::count(log, '\n'), 200);  // a line a minute of each kind
}

TEST_F(BluezTest, LostNoticesWrongPartsAndLostLinksOnlyCostTime) {
    esl::testing::TempDir dir;
    std::ofstream(dir / "faults.toml")
        << "[all]\nnotify_lost = 20\nwrong_part = 5\ndisconnect = 0.1\nconnect_failed = 5\n";
    BluezSim sim(bus, 16,
                 {"--models", "0033,000B,002E,004B", "--faults", (dir / "faults.toml").string(), "--seed", "7"});
    bluez::BluezOptions options;
    options.links = 8;
    start(options);
    ASSERT_TRUE(hear(16));
    std::map<TagId, std::uint32_t> wanted;
    const auto outcomes = none();
    std::map<TagId, std::shared_ptr<const image::TagImage>> images;
    unsigned seed = 0;
    for (const auto& [tag, s] : heard) {
        images[tag] = drawing(s.width, s.height, s.palette, ++seed);
        wanted[tag] = images[tag]->crc();
        send(tag, images[tag], outcomes);
    }
    // As the agent does: what failed is sent again.
    ASSERT_TRUE(until(
        [&] {
            bool all = outcomes->size() == wanted.size();
            for (auto it = outcomes->begin(); it != outcomes->end();) {
                const auto tag = it->first;
                if (it->second.displayed()) {
                    ++it;
                    continue;
                }
                all = false;
                it = outcomes->erase(it);
                send(tag, images[tag], outcomes);
            }
            return all;
        },
        100s));
    EXPECT_EQ(shown(sim), wanted);
}

TEST_F(BluezTest, SaysWhyATagCannotBeServed) {
    BluezSim sim(bus, 4);
    start();
    ASSERT_TRUE(hear(4));
    const auto outcomes = none();
    const auto never = TagId::eui48(0xFFFFAABBCCDD);
    send(never, drawing(16, 16, image::Palette::bw, 1), outcomes);
    const auto tag = heard.begin()->first;
    send(tag, drawing(16, 16, image::Palette::bw, 1), outcomes);
    ASSERT_TRUE(until([&] { return outcomes->size() == 2; }));
    EXPECT_EQ((*outcomes)[never].failure->error, RadioError::unreachable);
    EXPECT_EQ((*outcomes)[tag].failure->error, RadioError::image);
    EXPECT_THAT((*outcomes)[tag].failure->detail, HasSubstr("16x16"));
}

TEST_F(BluezTest, OneUpdateOfATagAtATimeAndACancelledOneNeverArrives) {
    BluezSim sim(bus, 4, {}, 5);
    bluez::BluezOptions options;
    options.links = 1;
    start(options);
    ASSERT_TRUE(hear(4));
    const auto outcomes = none(), second = none();
    const auto wanted = send_to_all(5, outcomes);
    const auto last = heard.rbegin()->first;
    const auto& s = heard.at(last);
    send(last, drawing(s.width, s.height, s.palette, 99), second);
    ASSERT_TRUE(until([&] { return second->contains(last); }));
    EXPECT_EQ((*second)[last].failure->error, RadioError::busy);
    for (const auto& [tag, id] : wanted) {
        if (tag != heard.begin()->first) radio->cancel(tag);
    }
    ASSERT_TRUE(until([&] { return outcomes->size() == 4; }));
    int displayed = 0;
    for (const auto& [tag, outcome] : *outcomes) {
        if (outcome.displayed()) {
            ++displayed;
            EXPECT_EQ(shown(sim)[tag], wanted.at(tag));
        } else {
            EXPECT_EQ(outcome.failure->error, RadioError::cancelled);
            EXPECT_EQ(shown(sim)[tag], 0u);
        }
    }
    EXPECT_GE(displayed, 1);
}

TEST_F(BluezTest, SurvivesBluezLeavingInTheMiddleAndGoesOnWhenItIsBack) {
    auto sim = std::make_unique<BluezSim>(bus, 8, std::vector<std::string>{}, 5U);
    start();
    ASSERT_TRUE(hear(8));
    const auto outcomes = none();
    send_to_all(1, outcomes);
    ASSERT_TRUE(until([&] { return std::ranges::any_of(sim->tags(), [](const auto& t) { return t.refreshes > 0; }); }));
    sim->kill();
    ASSERT_TRUE(until([&] { return outcomes->size() == 8 && radio->state() != RadioState::up; }));
    int gone = 0;
    for (const auto& [tag, outcome] : *outcomes)
        gone += outcome.failure && outcome.failure->error == RadioError::gone ? 1 : 0;
    EXPECT_GE(gone, 1);
    EXPECT_EQ(std::ranges::count_if(states, [](const auto& s) { return s.first == RadioState::gone; }), 1);

    heard.clear();
    sim = std::make_unique<BluezSim>(bus, 8);
    ASSERT_TRUE(hear(8));
    outcomes->clear();
    const auto wanted = send_to_all(50, outcomes);
    ASSERT_TRUE(until([&] { return outcomes->size() == 8; }));
    EXPECT_EQ(shown(*sim), wanted);
}

TEST_F(BluezTest, RunsOnWithoutAnAdapterAndEvenWithoutABus) {
    start();
    ASSERT_TRUE(until([&] { return !states.empty() && states.back().first == RadioState::gone; }));
    EXPECT_FALSE(states.back().second.empty());
    const auto outcomes = none();
    send(TagId::eui48(1), drawing(16, 16, image::Palette::bw, 1), outcomes);
    ASSERT_TRUE(until([&] { return outcomes->size() == 1; }));
    EXPECT_EQ(outcomes->begin()->second.failure->error, RadioError::gone);
    BluezSim sim(bus, 2);
    ASSERT_TRUE(until([&] { return radio->state() == RadioState::up; }));
    bus.kill();
    ASSERT_TRUE(until([&] { return radio->state() != RadioState::up; }));
}

TEST_F(BluezTest, ADeadTagIsUnreachableAndTheOthersAreServed) {
    esl::testing::TempDir dir;
    std::ofstream(dir / "faults.toml")
        << "[all]\nconnect_failed = 0\n[[tag]]\nid = \"FFFF92100001\"\nconnect_failed = 100\n";
    BluezSim sim(bus, 6, {"--faults", (dir / "faults.toml").string()});
    start();
    ASSERT_TRUE(hear(6));
    const auto outcomes = none();
    const auto wanted = send_to_all(1, outcomes);
    ASSERT_TRUE(until([&] { return outcomes->size() == 6; }));
    for (const auto& [tag, outcome] : *outcomes) {
        if (tag.text() == "FFFF92100001") {
            ASSERT_FALSE(outcome.displayed());
            EXPECT_EQ(outcome.failure->error, RadioError::unreachable);
            EXPECT_EQ(outcome.attempts, 2u);
        } else {
            EXPECT_TRUE(outcome.displayed());
        }
    }
}

}  // namespace
}  // namespace esl::ap::testing
