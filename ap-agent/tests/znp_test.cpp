// The ZNP radio against the real simulator: a coordinator and sleeping tags in another process, over TCP and a
// pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <map>
#include <optional>
#include <utility>

#include "ap-agent/adapters/znp/radio.hpp"
#include "ap-agent/tests/process.hpp"

namespace esl::ap::testing {
namespace {

using namespace std::chrono_literals;

// `tag-sim znp` on a port of its own choice, a port that it had before, or a pseudo-terminal.
class Stick : public Simulator {
public:
    explicit Stick(unsigned tags, const std::vector<std::string>& more = {},
                   const std::string& at = "tcp://127.0.0.1:0")
        : Simulator("znp", tags, with(more, at), 100), at_(at) {
        if (at.starts_with("tcp://"))
            at_ = "tcp://127.0.0.1:" + std::to_string(sim_->number_after("ZNP on 127.0.0.1:"));
    }
    // What a radio opens.
    [[nodiscard]] const std::string& port() const { return at_; }

private:
    static std::vector<std::string> with(std::vector<std::string> more, const std::string& at) {
        const bool tcp = at.starts_with("tcp://");
        more.push_back(tcp ? "--listen" : "--pty");
        more.push_back(tcp ? at.substr(6) : at);
        return more;
    }
    std::string at_;
};

struct ZnpTest : ::testing::Test, RadioListener {
    esl::testing::TempDir dir;
    SystemClock clock;
    boost::asio::io_context io;
    std::unique_ptr<TagRadio> radio;
    std::map<TagId, TagSighting> heard;
    std::vector<std::pair<RadioState, std::string>> states;
    int restarted = 0;

    ~ZnpTest() override { stop(); }
    void stop() {
        if (!radio) return;
        bool stopped = false;
        radio->stop([&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
        radio.reset();
    }
    void on_sighting(TagRadio&, const TagSighting& s) override {
        heard[s.tag] = s;
        restarted += s.restarted ? 1 : 0;
    }
    void on_radio_state(TagRadio&, RadioState state, const std::string& why) override {
        states.emplace_back(state, why);
    }

    bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 120s) {
        return esl::testing::wait_until(
            [&] {
                io.restart();
                io.run_for(5ms);
                return condition();
            },
            limit);
    }
    bool up(const Stick& sim) {
        radio = znp::make_radio(io.get_executor(), {.port = sim.port(), .data_dir = dir / "znp"}, clock);
        radio->start(*this);
        return until([&] { return radio->state() == RadioState::up; });
    }
    bool join(std::size_t tags) {
        std::optional<bool> open;
        radio->permit_join(120s, [&](const Result<>& result) { open = result.has_value(); });
        return until([&] { return open.has_value() && heard.size() >= tags; }) && *open;
    }
    static std::shared_ptr<const image::TagImage> drawing(const TagSighting& s, unsigned seed) {
        auto out = std::make_shared<image::TagImage>(s.width, s.height);
        std::uint32_t x = seed * 2654435761U + 1;
        for (unsigned i = 0; i < 600; ++i) {
            x = x * 1664525U + 1013904223U;
            const auto colour = (x >> 31) != 0 && image::allows(s.palette, image::Colour::red) ? image::Colour::red
                                                                                               : image::Colour::black;
            out->set((x >> 8) % s.width, (x >> 20) % s.height, colour);
        }
        return out;
    }
    using Outcomes = std::shared_ptr<std::map<TagId, UpdateOutcome>>;  // callbacks may outlive a test that failed
    static Outcomes none() { return std::make_shared<std::map<TagId, UpdateOutcome>>(); }
    std::map<TagId, std::uint32_t> send_to_all(unsigned seed, const Outcomes& outcomes) {
        std::map<TagId, std::uint32_t> wanted;
        for (const auto& [tag, s] : heard) {
            UpdateRequest request;
            request.tag = tag;
            request.image = drawing(s, ++seed);
            request.image_id = wanted[tag] = request.image->crc();
            radio->update(std::move(request), [outcomes, id = tag](const UpdateOutcome& o) { (*outcomes)[id] = o; });
        }
        return wanted;
    }
    static std::map<TagId, std::uint32_t> shown(const Stick& sim) {
        std::map<TagId, std::uint32_t> out;
        for (const auto& tag : sim.tags()) out[TagId::parse(tag.id).value()] = tag.shown;
        return out;
    }
    void expect_all_displayed(const Stick& sim, unsigned seed, std::chrono::milliseconds limit = 120s) {
        const auto outcomes = none();
        const auto wanted = send_to_all(seed, outcomes);
        ASSERT_TRUE(until([&] { return outcomes->size() == wanted.size(); }, limit)) << outcomes->size();
        for (const auto& [tag, outcome] : *outcomes) {
            EXPECT_TRUE(outcome.displayed()) << tag.text() << " " << outcome.failure->detail;
        }
        EXPECT_EQ(shown(sim), wanted);
    }
};

TEST_F(ZnpTest, FormsANetworkLetsTagsJoinAndShowsTheirImages) {
    const Stick sim(24);
    ASSERT_TRUE(up(sim));
    EXPECT_TRUE(heard.empty());  // nobody joins by itself
    ASSERT_TRUE(join(24));
    for (const auto& tag : sim.tags()) {
        const auto& s = heard.at(TagId::parse(tag.id).value());
        EXPECT_EQ(s.model, tag.model);
        EXPECT_EQ(s.width, tag.width);
        EXPECT_EQ(s.height, tag.height);
        EXPECT_EQ(image::name(s.palette), tag.palette);
        EXPECT_GT(s.battery_mv.value_or(0), 2000U);
        EXPECT_EQ(s.shown_image_id, tag.shown);
    }
    for (unsigned round = 0; round < 2; ++round) expect_all_displayed(sim, 1'000 * round);
    EXPECT_EQ(restarted, 0);
}

TEST_F(ZnpTest, DoesTheSameOnASerialPort) {
    const Stick sim(4, {}, (dir / "stick").string());
    ASSERT_TRUE(up(sim));
    ASSERT_TRUE(join(4));
    expect_all_displayed(sim, 1);
}

TEST_F(ZnpTest, RestartedItServesTheTagsItKnowsWithoutANewJoin) {
    const Stick sim(6);
    ASSERT_TRUE(up(sim));
    ASSERT_TRUE(join(6));
    const auto known = heard;
    stop();
    heard.clear();
    ASSERT_TRUE(up(sim));
    heard = known;
    expect_all_displayed(sim, 7);
}

TEST_F(ZnpTest, ACoordinatorThatComesBackIsResumed) {
    const std::vector<std::string> memory{"--state", (dir / "state").string()};
    std::optional<Stick> sim(std::in_place, 6, memory);
    ASSERT_TRUE(up(*sim));
    ASSERT_TRUE(join(6));
    expect_all_displayed(*sim, 3);
    const auto port = sim->port();
    sim.reset();
    ASSERT_TRUE(until([&] { return states.back().first == RadioState::gone; }));
    sim.emplace(6, memory, port);
    ASSERT_TRUE(until([&] { return states.back().first == RadioState::up; }));
    expect_all_displayed(*sim, 30);
}

TEST_F(ZnpTest, AReplacedCoordinatorGetsTheSameNetwork) {
    {
        const Stick first(2);
        ASSERT_TRUE(up(first));
        ASSERT_TRUE(join(2));
        stop();
    }
    const auto before = esl::testing::read_file(dir / "znp/network.json");
    const Stick second(2);
    heard.clear();
    ASSERT_TRUE(up(second));
    EXPECT_EQ(esl::testing::read_file(dir / "znp/network.json"), before);
    ASSERT_TRUE(join(2));
    expect_all_displayed(second, 5);
}

TEST_F(ZnpTest, LostFramesWrongPartsAndBadConfirmationsOnlyCostTime) {
    std::ofstream(dir / "faults.toml") << "[all]\nnotify_lost = 20\nwrong_part = 5\nframe_lost = 1\n"
                                          "transaction_expired = 2\nchannel_access_failure = 1\nno_ack = 2\n";
    const Stick sim(16,
                    {"--faults", (dir / "faults.toml").string(), "--seed", "7", "--panels", "296x128-bwr,250x122-bwr"});
    ASSERT_TRUE(up(sim));
    ASSERT_TRUE(join(16));
    const auto outcomes = none();
    const auto wanted = send_to_all(50, outcomes);
    ASSERT_TRUE(until([&] { return outcomes->size() == 16; }, 200s)) << outcomes->size();
    // Whoever is called displayed is; whoever is not said so within its budget, and another round gets there.
    const auto seen = shown(sim);
    int displayed = 0;
    for (const auto& [tag, outcome] : *outcomes) {
        if (!outcome.displayed()) continue;
        ++displayed;
        EXPECT_EQ(seen.at(tag), wanted.at(tag)) << tag.text();
    }
    EXPECT_GE(displayed, 14);
}

TEST_F(ZnpTest, DeadTagsAreUnreachableAndTiredOnesSaySo) {
    const Stick sim(8);
    ASSERT_TRUE(up(sim));
    ASSERT_TRUE(join(8));
    stop();
    // The same tags, two of them now dead or nearly empty.
    std::ofstream(dir / "faults.toml") << "[[tag]]\nid = \"00124B001C000001\"\ndead = 100\n"
                                          "[[tag]]\nid = \"00124B001C000002\"\nlow_battery = 100\n";
    const Stick faulty(8, {"--faults", (dir / "faults.toml").string()});
    auto known = std::exchange(heard, {});
    ASSERT_TRUE(up(faulty));
    ASSERT_TRUE(join(7));
    std::swap(heard, known);
    const auto outcomes = none();
    (void)send_to_all(9, outcomes);
    ASSERT_TRUE(until([&] { return outcomes->size() == 8; }, 200s)) << outcomes->size();
    for (const auto& [tag, outcome] : *outcomes) {
        if (tag.text() == "00124B001C000001") {
            ASSERT_TRUE(outcome.failure);
            EXPECT_EQ(outcome.failure->error, RadioError::unreachable) << outcome.failure->detail;
        } else if (tag.text() == "00124B001C000002") {
            ASSERT_TRUE(outcome.failure);
            EXPECT_EQ(outcome.failure->error, RadioError::low_battery) << outcome.failure->detail;
        } else {
            EXPECT_TRUE(outcome.displayed()) << tag.text() << " " << outcome.failure->detail;
        }
    }
}

}  // namespace
}  // namespace esl::ap::testing
