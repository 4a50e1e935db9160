// The built ap-agent between a broker and simulated tags; the test is the service. Killed in the middle, again and
// again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <set>

#include "ap-agent/tests/process.hpp"
#include "common/contract/messages.hpp"
#include "common/contract/topics.hpp"
#include "common/mqttclient/client.hpp"
#include "common/mqttclient/tests/mosquitto.hpp"

namespace esl::ap::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr const char* kAp = "GID_esl_ap@@@TEST";

image::TagImage label(const contract::Sighting& tag, unsigned seed) {
    image::TagImage out(tag.width, tag.height);
    for (unsigned y = 0; y < tag.height; ++y) {
        for (unsigned x = 0; x < tag.width; ++x) {
            if ((x / 9 + y / 7 * seed) % 4 == seed % 4) out.set(x, y, image::Colour::black);
        }
    }
    out.set(seed % tag.width, seed / tag.width % tag.height, image::Colour::black);
    return out;
}

// What the service does with an AP, in short: remembers what it hears, and sends again what has no final word when the
// AP says hello and when its own connection comes back (docs/decisions/0071): what the AP told a broker that did not
// know us yet is lost, and the task sent again asks for it.
class Service {
public:
    Service(const std::string& url, std::string store)
        : store_(std::move(store)), client_(boost::asio::any_io_executor(io_.get_executor()), options(url)) {
        for (const auto kind : {contract::ReportKind::result, contract::ReportKind::tags, contract::ReportKind::ap}) {
            client_.subscribe(contract::report_filter(kind));
        }
        client_.on_message([this](const mqttclient::Message& m) { heard(m); });
        client_.on_state([this](mqttclient::State state, const std::string&) {
            if (state == mqttclient::State::connected) send_open();
        });
        client_.start();
    }
    bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 100s) {
        return esl::testing::wait_until(
            [&] {
                io_.restart();
                io_.run_for(5ms);
                return condition();
            },
            limit);
    }
    void send(const contract::Downlink& message) {
        client_.publish(contract::task_topic(kAp), contract::encode(message));
    }
    void plan(unsigned seed) {
        for (const auto& [tag, sighting] : tags) {
            const auto image = label(sighting, ++seed);
            contract::Task t;
            t.tag = tag;
            t.version = ++versions_[tag];
            t.job = "job-" + tag.text() + "-" + std::to_string(t.version);
            t.image_id = image.crc();
            t.width = image.width();
            t.height = image.height();
            t.palette = sighting.palette;
            t.image = image::deflate(image);
            t.epoch = 1;
            wanted[tag] = t;
        }
    }
    void send_open() {
        contract::Tasks batch;
        std::size_t size = 0;
        for (const auto& [tag, t] : wanted) {
            if (displayed.contains({tag, t.version})) continue;
            if (size + contract::encoded_bound(t) > contract::kMaxPayload - 64) {
                send(std::exchange(batch, {}));
                size = 0;
            }
            size += contract::encoded_bound(t);
            batch.tasks.push_back(t);
        }
        if (!batch.tasks.empty()) send(batch);
    }
    [[nodiscard]] std::size_t open() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            wanted, [this](const auto& w) { return !displayed.contains({w.first, w.second.version}); }));
    }

    std::map<TagId, contract::Sighting> tags;
    std::map<TagId, contract::Task> wanted;
    std::set<std::pair<TagId, std::uint64_t>> displayed;
    std::vector<contract::TaskResult> results;
    std::vector<contract::ApHello> hellos;
    std::vector<contract::ApHealth> health;
    std::vector<std::string> stores;  // of the topics
    int offline = 0;

private:
    static mqttclient::Options options(const std::string& url) {
        mqttclient::Options out;
        out.url = url;
        out.client_id = "GID_esl_mgmt@@@TEST";
        out.backoff_limit = 500ms;
        return out;
    }
    void heard(const mqttclient::Message& m) {
        const auto topic = contract::parse_report_topic(m.topic);
        ASSERT_TRUE(topic) << m.topic;
        stores.push_back(topic->store);
        const auto message = contract::decode_uplink(m.payload);
        ASSERT_TRUE(message) << message.error().message();
        if (const auto* report = std::get_if<contract::ResultReport>(&*message)) {
            for (const auto& r : report->results) {
                results.push_back(r);
                if (r.state == contract::TaskState::displayed) displayed.insert({r.tag, r.version});
            }
        }
        if (const auto* report = std::get_if<contract::TagsReport>(&*message)) {
            for (const auto& t : report->tags) tags[t.tag] = t;
        }
        if (const auto* hello = std::get_if<contract::ApHello>(&*message)) {
            hellos.push_back(*hello);
            if (!store_.empty()) send(contract::ApConfig{store_, 0});
            send_open();
        }
        if (const auto* state = std::get_if<contract::ApHealth>(&*message)) health.push_back(*state);
        if (std::holds_alternative<contract::ApOffline>(*message)) ++offline;
    }

    std::string store_;
    boost::asio::io_context io_;
    mqttclient::Client client_;
    std::map<TagId, std::uint64_t> versions_;
};

struct AgentProcess : ::testing::Test {
    BusDaemon bus;
    esl::testing::Mosquitto broker{"allow_anonymous true\nmax_queued_messages 0\n"};
    esl::testing::TempDir dir;
    std::unique_ptr<Process> agent;

    void start_agent(const std::vector<std::string>& more = {}) {
        std::vector<std::string> command{
            ESL_AP_AGENT, "--broker",   broker.url(), "--client-id",          kAp, "--profile", "plain",
            "--radio",    "bluez:hci0", "--data",     (dir / "data").string()};
        command.insert(command.end(), more.begin(), more.end());
        agent = std::make_unique<Process>(command, dir / "agent.log",
                                          Process::Environment{{"DBUS_SYSTEM_BUS_ADDRESS", bus.address()}});
    }
    static void expect_shelf(const Simulator& sim, const Service& service) {
        for (const auto& tag : sim.tags()) {
            EXPECT_EQ(tag.shown, service.wanted.at(TagId::parse(tag.id).value()).image_id)
                << tag.id << " " << tag.model;
        }
    }
};

TEST_F(AgentProcess, KilledInTheMiddleItGoesOnAndNothingIsCalledDisplayedThatIsNot) {
    BluezSim sim(bus, 24, {"--models", "0033,000B,002E,004B"}, 20);
    Service service(broker.url(), "shop-1");
    start_agent();
    ASSERT_TRUE(service.until([&] { return service.tags.size() == 24; })) << agent->said();
    service.plan(1);
    service.send_open();
    for (const auto progress : {1U, 6U, 12U, 18U, 22U}) {
        ASSERT_TRUE(service.until([&] { return service.displayed.size() >= progress; })) << agent->said();
        agent->kill();
        const auto shown = sim.tags();
        for (const auto& [tag, version] : service.displayed) {
            const auto found = std::ranges::find(shown, tag.text(), &BluezSim::Tag::id);
            EXPECT_EQ(found->shown, service.wanted.at(tag).image_id) << tag.text();
        }
        start_agent();
    }
    ASSERT_TRUE(service.until([&] { return service.open() == 0; })) << agent->said();
    expect_shelf(sim, service);
    EXPECT_GE(service.hellos.size(), 6u);
    EXPECT_GE(service.offline, 5);
    EXPECT_EQ(service.stores.back(), "shop-1");
    EXPECT_EQ(agent->terminate(), 0);
}

TEST_F(AgentProcess, WithTheBrokerAwayItWorksOnAndTellsAfterwards) {
    BluezSim sim(bus, 12, {"--models", "0033,000B"}, 20);
    Service service(broker.url(), "");
    start_agent({"--store", "shop-2"});
    ASSERT_TRUE(service.until([&] { return service.tags.size() == 12; })) << agent->said();
    service.plan(7);
    service.send_open();
    const auto accepted = [&] {
        return std::ranges::count_if(service.results,
                                     [](const auto& r) { return r.state == contract::TaskState::accepted; });
    };
    ASSERT_TRUE(service.until([&] { return accepted() >= 12; }));
    broker.kill();
    ASSERT_TRUE(service.until([&] {
        const auto tags = sim.tags();
        return std::ranges::all_of(tags, [](const auto& t) { return t.shown != 0; });
    })) << agent->said();
    broker.start();
    ASSERT_TRUE(service.until([&] { return service.open() == 0; })) << agent->said();
    expect_shelf(sim, service);
    EXPECT_EQ(agent->terminate(), 0);
}

TEST_F(AgentProcess, ServesBluetoothAndZigBeeTagsTogether) {
    BluezSim ble(bus, 8, {"--models", "0033,000B"}, 50);
    ZnpSim zigbee(8, 50);
    Service service(broker.url(), "shop-3");
    start_agent({"--radio", "znp:" + zigbee.url()});
    // Told by hello, or by health when a radio came up later.
    const auto up = [](const auto& m) {
        return m.radios.size() == 2 && m.radios[0].state == "up" && m.radios[1].state == "up";
    };
    const auto radios_up = [&] {
        return std::ranges::any_of(service.hellos, up) || std::ranges::any_of(service.health, up);
    };
    ASSERT_TRUE(service.until([&] { return service.tags.size() >= 8 && radios_up(); })) << agent->said();
    // Again and again, under one id: the agent connects anew when it learns its store, and a command in between is
    // lost.
    auto next = std::chrono::steady_clock::now();
    ASSERT_TRUE(service.until([&] {
        if (std::chrono::steady_clock::now() >= next) {
            next += std::chrono::seconds(2);
            service.send(contract::Command{"join-1", contract::CommandKind::permit_join, std::nullopt, "", 120});
        }
        return service.tags.size() == 16;
    })) << agent->said();
    service.plan(3);
    service.send_open();
    ASSERT_TRUE(service.until([&] { return service.open() == 0; })) << agent->said();
    expect_shelf(ble, service);
    expect_shelf(zigbee, service);
    EXPECT_EQ(agent->terminate(), 0);

    // Both kinds again after a restart: the ZigBee network is restored, nobody joins anew.
    start_agent({"--radio", "znp:" + zigbee.url()});
    service.plan(60);
    service.send_open();
    ASSERT_TRUE(service.until([&] { return service.open() == 0; })) << agent->said();
    expect_shelf(ble, service);
    expect_shelf(zigbee, service);
    EXPECT_EQ(agent->terminate(), 0);
}

TEST(AgentCommandLine, SaysWhatIsWrongAndEndsWithTheRightCode) {
    esl::testing::TempDir dir;
    const auto run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), ESL_AP_AGENT);
        Process process(std::move(arguments), dir / "log");
        int code = -1;
        EXPECT_TRUE(esl::testing::wait_until([&] { return process.ended(code); }));
        return std::pair(code, process.said());
    };
    EXPECT_EQ(run({"--help"}).first, 0);
    EXPECT_EQ(run({"--no-such-flag"}).first, 2);
    EXPECT_EQ(run({}).first, 1);
    EXPECT_THAT(run({"--broker", "tcp://127.0.0.1:1", "--client-id", "GID_a@@@1", "--radio", "lora:1"}).second,
                HasSubstr("lora:1"));
    const auto file = (dir / "agent.toml").string();
    std::ofstream(file) << "[broker]\nurl = 'tcp://127.0.0.1:1'\nclient_id = 'GID_a@@@1'\n[agent]\nradios = ['bluez']\n"
                           "[bluez]\nlinks = 4\n";
    EXPECT_EQ(run({"--config", file, "--check-config"}).first, 0);
    EXPECT_EQ(run({"--config", "deploy/config/ap-agent.toml", "--check-config"}).first, 0);
    std::ofstream(file, std::ios::app) << "lnks = 4\n";
    const auto [code, said] = run({"--config", file, "--check-config"});
    EXPECT_EQ(code, 1);
    EXPECT_THAT(said, HasSubstr("lnks"));
    EXPECT_THAT(said, HasSubstr("agent.toml"));
}

}  // namespace
}  // namespace esl::ap::testing
