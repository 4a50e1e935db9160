// Other people's clients: Debian's mosquitto_pub and mosquitto_sub, and Paho C++.
#include <gtest/gtest.h>
#include <mqtt/async_client.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

// Runs a command of mosquitto's and gives what it printed.
Said run(const std::string& command) {
    Said said;
    std::FILE* pipe = ::popen(("timeout 15 " + command + " 2>&1").c_str(), "r");
    std::array<char, 256> buffer{};
    while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) said.text += buffer.data();
    said.code = WEXITSTATUS(::pclose(pipe));
    return said;
}

// A command that runs until it is killed without a word of farewell.
class Child {
public:
    explicit Child(std::vector<std::string> words) {
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork fails");
        if (pid_ > 0) return;
        ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

private:
    pid_t pid_ = -1;
};

class Foreign : public ::testing::TestWithParam<std::string> {
protected:
    [[nodiscard]] std::string at() const {
        return " -h 127.0.0.1 -p " + std::to_string(broker_.port()) + " -V " + GetParam() + " ";
    }
    void wait_for_filters(std::uint64_t count) {
        ASSERT_TRUE(esl::testing::wait_until([&] { return broker_.counter("subscriptions") == count; }));
    }
    RunningBroker broker_{test_config()};
};

TEST_P(Foreign, MosquittoReceivesPointToPointWithoutAMatchingSubscription) {
    auto sub = std::async(std::launch::async, [&] {
        return run("mosquitto_sub" + at() + "-i GID_test@@@y -t esl_report/unrelated -q 1 -C 2 -F '%t %q %p'");
    });
    wait_for_filters(1);
    EXPECT_EQ(run("mosquitto_pub" + at() + "-i GID_test@@@p -t esl_task/p2p/GID_test@@@y -q 1 -m hello").code, 0);
    EXPECT_EQ(run("mosquitto_pub" + at() + "-i GID_test@@@p -t esl_task/p2p/GID_test@@@y -q 2 -m again").code, 0);
    const auto said = sub.get();
    EXPECT_EQ(said.code, 0);
    EXPECT_EQ(said.text, "esl_task/p2p/GID_test@@@y 1 hello\nesl_task/p2p/GID_test@@@y 2 again\n");
}

TEST_P(Foreign, MosquittoPublishesAndSubscribesAtEveryQos) {
    auto sub = std::async(std::launch::async, [&] {
        return run("mosquitto_sub" + at() + "-i GID_test@@@s -t 'esl_report/+/x' -q 2 -C 3 -F '%t %q %p'");
    });
    wait_for_filters(1);
    for (const std::string qos : {"0", "1", "2"}) {
        EXPECT_EQ(run("mosquitto_pub" + at() + "-i GID_test@@@p -t esl_report/a/x -q " + qos + " -m m" + qos).code, 0);
    }
    EXPECT_EQ(sub.get().text, "esl_report/a/x 0 m0\nesl_report/a/x 1 m1\nesl_report/a/x 2 m2\n");
}

TEST_P(Foreign, MosquittoSeesRetainedMessages) {
    EXPECT_EQ(run("mosquitto_pub" + at() + "-i GID_test@@@p -t esl_report/kept -q 1 -r -m stays").code, 0);
    EXPECT_EQ(run("mosquitto_sub" + at() + "-i GID_test@@@s -t 'esl_report/#' -q 1 -C 1 -F '%r %p'").text, "1 stays\n");
}

TEST_P(Foreign, MosquittoSeesTheWillOfAClientThatWasKilled) {
    auto sub = std::async(std::launch::async, [&] {
        return run("mosquitto_sub" + at() + "-i GID_test@@@s -t esl_report/will -q 1 -C 1 -F '%t %q %p'");
    });
    wait_for_filters(1);
    {
        const Child victim({"mosquitto_sub", "-h", "127.0.0.1", "-p", std::to_string(broker_.port()), "-V", GetParam(),
                            "-i", "GID_test@@@victim", "-t", "esl_report/other", "--will-topic", "esl_report/will",
                            "--will-payload", "dead", "--will-qos", "1"});
        wait_for_filters(2);
    }
    const auto said = sub.get();
    EXPECT_EQ(said.code, 0);
    EXPECT_EQ(said.text, "esl_report/will 1 dead\n");
}

TEST_P(Foreign, MosquittoIsToldWhyItIsRefused) {
    const auto said = run("mosquitto_pub" + at() + "-i nobody -t esl_report/x -m m");
    EXPECT_NE(said.code, 0);
    EXPECT_NE(said.text.find("onnection"), std::string::npos) << said.text;
}

INSTANTIATE_TEST_SUITE_P(Versions, Foreign, ::testing::Values("mqttv31", "mqttv311", "mqttv5"),
                         [](const auto& info) { return info.param; });

class Paho : public ::testing::Test {
protected:
    static constexpr std::chrono::seconds kPatience{10};
    std::unique_ptr<::mqtt::async_client> client(const std::string& id, int version) {
        auto c = std::make_unique<::mqtt::async_client>(
            "tcp://127.0.0.1:" + std::to_string(broker_.port()), id,
            version == 5 ? ::mqtt::create_options(MQTTVERSION_5) : ::mqtt::create_options());
        c->start_consuming();
        ::mqtt::connect_options options;
        options.set_mqtt_version(version);
        if (version == 5) options.set_clean_start(true);
        options.set_keep_alive_interval(20);
        EXPECT_TRUE(c->connect(options)->wait_for(kPatience));
        return c;
    }
    RunningBroker broker_{test_config()};
};

TEST_F(Paho, ReceivesPointToPointWithoutAMatchingSubscription) {
    for (const int version : {4, 5}) {
        auto ap = client("GID_test@@@ap", version);
        auto service = client("GID_test@@@service", version);
        for (const int qos : {0, 1, 2}) {
            auto sent = service->publish("esl_task/p2p/GID_test@@@ap", "price", 5, qos, false);
            ASSERT_TRUE(sent->wait_for(kPatience));
            ::mqtt::const_message_ptr got;
            ASSERT_TRUE(ap->try_consume_message_for(&got, kPatience)) << "version " << version << ", QoS " << qos;
            EXPECT_EQ(got->get_topic(), "esl_task/p2p/GID_test@@@ap");
            EXPECT_EQ(got->get_qos(), qos);
            EXPECT_EQ(got->to_string(), "price");
        }
        ap->disconnect()->wait_for(kPatience);
        service->disconnect()->wait_for(kPatience);
    }
}

TEST_F(Paho, SubscribesAndPublishesManyMessagesInOrder) {
    auto sub = client("GID_test@@@sub", 4);
    ASSERT_TRUE(sub->subscribe("esl_report/+/result", 1)->wait_for(kPatience));
    auto pub = client("GID_test@@@pub", 5);
    for (int i = 0; i < 100; ++i) {
        // Paho keeps few messages in flight: it is asked to wait for some.
        const auto sent = pub->publish("esl_report/s/result", std::to_string(i), 1, false);
        if (i % 5 == 4) ASSERT_TRUE(sent->wait_for(kPatience));
    }
    for (int i = 0; i < 100; ++i) {
        ::mqtt::const_message_ptr got;
        ASSERT_TRUE(sub->try_consume_message_for(&got, kPatience)) << i;
        ASSERT_EQ(got->to_string(), std::to_string(i));
    }
    sub->disconnect()->wait_for(kPatience);
    pub->disconnect()->wait_for(kPatience);
}

}  // namespace
}  // namespace esl::broker::testing
