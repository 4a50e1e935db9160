// A client that goes and comes back at once: its two connections may be ready in the same turn, the newer one first.
#include <gtest/gtest.h>
#include <signal.h>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::QoS;
using mqtt::ReasonCode;

TestClient by_tcp(const BrokerProcess& broker) {
    return TestClient(connect_by(ListenerKind::tcp, broker.port()));
}

// Stops while this lives.
class Stopped {
public:
    explicit Stopped(pid_t pid) : pid_(pid) {
        ::kill(pid_, SIGSTOP);
        EXPECT_TRUE(esl::testing::wait_until([&] {
            const auto stat = esl::testing::read_file("/proc/" + std::to_string(pid_) + "/stat");
            return stat.substr(stat.rfind(')')).starts_with(") T");
        }));
    }
    ~Stopped() { ::kill(pid_, SIGCONT); }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;

private:
    pid_t pid_;
};

class Takeover : public ::testing::TestWithParam<const char*> {};

TEST_P(Takeover, TakesWhatTheOlderConnectionHadSentBeforeItWent) {
    const esl::testing::TempDir folder;
    BrokerProcess broker(folder.path(), {"--allow-anonymous", "--mode", GetParam(), "--shards", "1", "--group",
                                         "GID_test", "--topic", "esl_report"});
    broker.start();
    auto watcher = by_tcp(broker);
    watcher.connect({.client_id = "GID_test@@@watcher"});
    watcher.subscribe("esl_report/#", QoS::at_most_once);
    const ConnectOptions same{.client_id = "GID_test@@@same", .will_topic = "esl_report/will"};
    auto older = by_tcp(broker);
    older.connect(same);
    std::optional<TestClient> newcomer;
    {
        const Stopped stopped(broker.pid());
        auto newer = by_tcp(broker);  // the listener is ready before the older connection is
        older.send_publish("esl_report/last", "m", QoS::at_most_once, 0);
        older.send(Bytes{0xE0, 0x00});  // DISCONNECT, without waiting
        newer.send_connect(same);
        older.drop();
        newcomer = std::move(newer);
    }
    EXPECT_EQ(newcomer->expect_connack().reason, ReasonCode::success);
    EXPECT_EQ(watcher.receive().topic, "esl_report/last");
    EXPECT_TRUE(watcher.nothing_waits());  // no will: the client had said goodbye [MQTT-3.1.2-10]
}

INSTANTIATE_TEST_SUITE_P(, Takeover, ::testing::Values("standard", "apsara"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace esl::broker::testing
