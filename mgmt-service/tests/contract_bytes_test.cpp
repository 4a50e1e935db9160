// The bytes that the service's link puts on the wire and takes from it, through Debian's Mosquitto: the files of
// tests/golden/contract, which common/contract and ap-agent are held to as well.
#include <gtest/gtest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>

#include "common/contract/tests/golden_messages.hpp"
#include "common/contract/topics.hpp"
#include "common/mqttclient/tests/mosquitto.hpp"
#include "mgmt-service/adapters/mqtt/mqtt_ap_link.hpp"

namespace esl::mgmt::test {
namespace {

namespace golden = contract::golden;
constexpr const char* kAp = "GID_a@@@1";

struct ContractBytes : ::testing::Test {
    esl::testing::Mosquitto broker;
    boost::asio::io_context io;
    mqttclient::Client ap{boost::asio::any_io_executor(io.get_executor()), options("GID_a@@@1")};
    std::vector<mqttclient::Message> at_ap;
    bool ap_up = false;

    std::mutex mutex;  // of what the link's thread tells
    std::vector<contract::Uplink> reports;
    std::vector<std::string> bad;
    bool up = false;
    MqttApLink link{options("GID_esl_mgmt@@@test")};

    mqttclient::Options options(const std::string& id) const {
        mqttclient::Options out;
        out.url = broker.url();
        out.client_id = id;
        return out;
    }
    void SetUp() override {
        ap.on_message([this](mqttclient::Message m) { at_ap.push_back(std::move(m)); });
        ap.on_state([this](mqttclient::State s, const std::string&) { ap_up = s == mqttclient::State::connected; });
        ap.subscribe(contract::task_topic(kAp));
        ap.start();
        link.start({.message =
                        [this](const std::string&, contract::Uplink m) {
                            const std::lock_guard lock(mutex);
                            reports.push_back(std::move(m));
                        },
                    .bad_message =
                        [this](const std::string& topic, const Error& error) {
                            const std::lock_guard lock(mutex);
                            bad.push_back(topic + ": " + error.message());
                        },
                    .state =
                        [this](bool now) {
                            const std::lock_guard lock(mutex);
                            up = now;
                        }});
        ASSERT_TRUE(until([this] { return ap_up && up; }));
    }
    void TearDown() override {
        link.stop();
        bool stopped = false;
        ap.stop(std::chrono::seconds(2), [&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
    }
    bool until(const std::function<bool()>& condition) {
        return esl::testing::wait_until([&] {
            io.restart();
            io.run_for(std::chrono::milliseconds(5));
            const std::lock_guard lock(mutex);
            return condition();
        });
    }
    void say(contract::ReportKind kind, Bytes payload) {
        ap.publish(contract::report_topic("s1", kind), std::move(payload), 1, [](const Result<>&) {});
    }
};

TEST_F(ContractBytes, WhatTheServiceSendsAreTheGoldenFiles) {
    const std::pair<const char*, contract::Downlink> rows[] = {{"tasks", golden::tasks()},
                                                               {"lease", golden::lease()},
                                                               {"config", golden::config()},
                                                               {"command", golden::command()}};
    for (const auto& [name, value] : rows) {
        at_ap.clear();
        link.post_send(kAp, value, [](const Result<>&) {});
        ASSERT_TRUE(until([this] { return !at_ap.empty(); })) << name;
        EXPECT_EQ(at_ap[0].topic, "esl_task/p2p/GID_a@@@1");
        EXPECT_EQ(to_hex(at_ap[0].payload), to_hex(golden::bytes_of(name))) << name;
    }
}

TEST_F(ContractBytes, TheServiceTakesTheGoldenFilesOfAnAp) {
    using contract::ReportKind;
    const std::tuple<const char*, ReportKind, contract::Uplink> rows[] = {
        {"result", ReportKind::result, golden::result()}, {"tags", ReportKind::tags, golden::tags()},
        {"hello", ReportKind::ap, golden::hello()},       {"health", ReportKind::ap, golden::health()},
        {"offline", ReportKind::ap, golden::offline()},   {"answer", ReportKind::ap, golden::answer()}};
    for (const auto& [name, kind, value] : rows) {
        reports.clear();
        say(kind, golden::bytes_of(name));
        ASSERT_TRUE(until([this] { return !reports.empty(); })) << name;
        EXPECT_EQ(reports[0], value) << name;
    }
    EXPECT_TRUE(bad.empty());
}

TEST_F(ContractBytes, SaysWhatIsWrongWithAMessageAndWhereItCameFrom) {
    auto cut = golden::bytes_of("tags");
    cut.pop_back();
    say(contract::ReportKind::tags, cut);
    ASSERT_TRUE(until([this] { return !bad.empty(); }));
    EXPECT_TRUE(bad[0].starts_with("esl_report/s1/tags: malformed")) << bad[0];
    EXPECT_TRUE(reports.empty());
}

}  // namespace
}  // namespace esl::mgmt::test
