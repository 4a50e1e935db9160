// bench-traces: what a trace row costs a shard and the writer, and what a look-up costs.
#include <benchmark/benchmark.h>

#include "broker/adapters/trace_files.hpp"
#include "common/testing/testing.hpp"

namespace {

using namespace esl::broker;  // NOLINT

struct NoFiles final : TraceSink {
    void post(TraceChunk chunk) override { benchmark::DoNotOptimize(chunk.bytes.data()); }
};

std::string client(std::uint64_t i) {
    return "GID_esl_ap@@@" + std::to_string(100'000'000'000 + i % 1'000);
}

void shard_side(benchmark::State& state) {
    const esl::SystemClock clock;
    NoFiles nowhere;
    Tracer tracer(TraceMode::all, clock, nowhere);
    std::vector<std::string> clients;
    for (std::uint64_t i = 0; i < 1'000; ++i) clients.push_back(client(i));
    MessageId id = 1;
    for (auto _ : state) {
        tracer.message(TraceAction::sub, id, clients[id % 1'000]);
        if (++id % 16 == 0) tracer.end_turn();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(shard_side);

// Rows published and pushed, `rows` of them.
std::uint64_t fill(TraceFiles& files, const esl::Clock& clock, std::uint64_t rows) {
    Tracer tracer(TraceMode::all, clock, files);
    for (MessageId id = 1; id <= rows / 2; ++id) {
        tracer.message(TraceAction::pub_mqtt, id, client(id));
        tracer.message(TraceAction::sub, id, client(id + 500));
        if (id % 16 == 0) tracer.end_turn();
        if (id % 20'000 == 0) {
            tracer.flush();
            files.settle();
        }
    }
    tracer.flush();
    files.settle();
    return files.figures().bytes;
}

void to_files(benchmark::State& state) {
    const esl::SystemClock clock;
    const esl::testing::TempDir folder;
    constexpr std::uint64_t kRows = 2'000'000;
    std::uint64_t bytes = 0;
    for (auto _ : state) {
        const auto place = folder / std::to_string(bytes);
        TraceFiles files({.folder = place, .message_bytes = 1ULL << 34}, clock);
        bytes = fill(files, clock, kRows);
        std::filesystem::remove_all(place);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRows));
    state.counters["bytes/row"] = static_cast<double>(bytes) / kRows;
}
BENCHMARK(to_files)->Unit(benchmark::kMillisecond)->UseRealTime();

void look_up(benchmark::State& state) {
    const esl::SystemClock clock;
    const esl::testing::TempDir folder;
    const auto rows = static_cast<std::uint64_t>(state.range(0));
    TraceFiles files({.folder = folder / "traces", .message_bytes = 1ULL << 34}, clock);
    const auto bytes = fill(files, clock, rows);
    MessageId id = rows / 5;
    for (auto _ : state) {
        if (files.query({.message = id}).total != 2) state.SkipWithError("not found");
        id += 17;
    }
    state.counters["MiB"] = static_cast<double>(bytes) / (1 << 20);
}
BENCHMARK(look_up)->Arg(2'000'000)->Arg(20'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
