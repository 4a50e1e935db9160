// bench-broker-restart: a store with many queued messages in many sessions, and how long the broker takes from its
// start to its open port, with what memory then.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "broker/adapters/sqlite_message_store.hpp"
#include "broker/tests/running_broker.hpp"
#include "common/testing/testing.hpp"

namespace esl::crash {
namespace {

using namespace broker;  // NOLINT(google-build-using-namespace): a program of this one subject
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
}

void fill(const std::filesystem::path& folder, std::uint32_t sessions, std::uint64_t messages) {
    std::filesystem::create_directories(folder);
    const SystemClock clock;
    const auto store = open_sqlite_message_store({.file = folder / "messages.db"}, clock);
    if (!store->load()) throw std::runtime_error("the new store cannot be read");
    std::atomic<std::uint64_t> open{0};
    const auto post = [&](std::vector<StoreOperation> batch) {
        ++open;
        store->post(std::move(batch), [&](const Result<>& result) {
            if (!result) std::fprintf(stderr, "%s\n", result.error().message().c_str());
            --open;
        });
        while (open > 64) ::usleep(100);
    };
    constexpr std::size_t kBatch = 1'000;
    std::vector<StoreOperation> batch;
    const auto flush = [&] {
        post(std::move(batch));
        batch.clear();
    };
    for (std::uint32_t i = 1; i <= sessions; ++i) {
        const auto id = "GID_bench@@@" + std::to_string(i);
        batch.emplace_back(
            PutSession{{.number = i, .client_id = id, .expiry_seconds = 0xFFFF'FFFF, .offline_since = 1}});
        batch.emplace_back(PutSubscription{i, "esl_task/" + std::to_string(i % 1'000), {.qos = 1}});
        if (batch.size() >= kBatch) flush();
    }
    for (std::uint64_t i = 0; i < messages; ++i) {
        const auto to = static_cast<SessionNumber>(i * 7'919 % sessions + 1);
        batch.emplace_back(PutMessage{make_message(Message{.id = i + 1,
                                                           .topic = "esl_task/p2p/GID_bench@@@" + std::to_string(to),
                                                           .payload = Bytes(200, 'x'),
                                                           .properties = {},
                                                           .qos = mqtt::QoS::at_least_once,
                                                           .point_to_point = true,
                                                           .born = clock.wall()}),
                                      {{.session = to,
                                        .sequence = static_cast<std::uint32_t>(i / sessions + 1),
                                        .qos = mqtt::QoS::at_least_once}}});
        if (batch.size() >= kBatch) flush();
    }
    if (!batch.empty()) flush();
    store->close();
}

double resident_megabytes(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    std::string line;
    while (std::getline(status, line)) {
        if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1'024;
    }
    return 0;
}

int run(std::uint32_t sessions, std::uint64_t messages, int rounds) {
    const esl::testing::TempDir folder;
    fill(folder / "data", sessions, messages);
    std::printf("%llu messages of 200 bytes queued in %u sessions, store of %.0f MB\n",
                static_cast<unsigned long long>(messages), sessions,
                static_cast<double>(std::filesystem::file_size(folder / "data" / "messages.db")) / 1e6);
    for (int i = 0; i < rounds; ++i) {
        broker::testing::BrokerProcess broker(folder.path(),
                                              {"--group", "GID_bench", "--topic", "esl_task", "--allow-anonymous"});
        const auto from = Clock::now();
        broker.start();
        const auto up = seconds_since(from);
        std::printf("start %d: %.2f s to the open port, %.0f MB resident%s\n", i + 1, up,
                    resident_megabytes(broker.pid()), i == 0 ? "" : " (after kill -9)");
        broker.kill_dead();
    }
    return 0;
}

}  // namespace
}  // namespace esl::crash

int main(int argc, char** argv) {
    CLI::App app{"How long the broker takes to start with many queued messages"};
    std::uint32_t sessions = 100'000;
    std::uint64_t messages = 1'000'000;
    int rounds = 3;
    app.add_option("--sessions", sessions, "persistent sessions");
    app.add_option("--messages", messages, "messages queued for them");
    app.add_option("--rounds", rounds, "starts");
    CLI11_PARSE(app, argc, argv);
    try {
        return esl::crash::run(sessions, messages, rounds);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench-broker-restart: %s\n", error.what());
        return 1;
    }
}
