// What an idle connection costs: 5,000 of them, one subscription each, on the built executable.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <iostream>
#include <vector>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

constexpr bool kSanitized =
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

// Resident bytes that are the process's own.
std::size_t resident(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    std::string word;
    while (in >> word) {
        std::size_t kilobytes = 0;
        if (word == "RssAnon:" && in >> kilobytes) return kilobytes * 1'024;
    }
    return 0;
}

bool raise_open_files(rlim_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < wanted) return false;
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

TEST(IdleMemory, AConnectionWithOneSubscriptionTakesNoMoreThanAThousandBytes) {
    constexpr std::size_t kBar = 1'000;
    constexpr std::size_t kWarm = 500;
    constexpr std::size_t kMore = 5'000;
    if (kSanitized) GTEST_SKIP() << "a sanitizer's memory is not the broker's";
    if (!raise_open_files(kWarm + kMore + 100)) GTEST_SKIP() << "not enough file descriptors allowed";
    esl::testing::TempDir folder;
    BrokerProcess broker(folder.path(), {"--mode", "standard", "--allow-anonymous", "--shards", "1"});
    broker.start();
    std::vector<TestClient> clients;
    clients.reserve(kWarm + kMore);
    const auto open = [&](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto number = std::to_string(clients.size());
            auto& client = clients.emplace_back(broker.port());
            ConnectOptions options;
            options.client_id = "GID_bench@@@idle" + number;
            ASSERT_EQ(client.connect(options).reason, mqtt::ReasonCode::success);
            client.subscribe("esl_task/" + number, mqtt::QoS::at_least_once);
        }
    };
    open(kWarm);
    const auto before = resident(broker.pid());
    open(kMore);
    const auto each = (resident(broker.pid()) - before) / kMore;
    std::cout << each << " bytes a connection\n";
    EXPECT_LE(each, kBar);
    EXPECT_GT(each, 300U);  // less than the sum of its parts would mean that nothing was measured
}

}  // namespace
}  // namespace esl::broker::testing
