// bench-access-list: what asking a grant costs a PUBLISH, by the number and kind of its rules.
#include <benchmark/benchmark.h>

#include "broker/core/access_list.hpp"

namespace {

using esl::broker::Access;
using esl::broker::AccessList;
using esl::broker::AccessRule;

constexpr const char* kTopic = "esl_report/zagreb-01/result";

// `state.range(0)` rules of one kind, the last of which names the topic.
template <class Make>
void publish(benchmark::State& state, Make make, const char* last) {
    std::vector<AccessRule> rules;
    for (int i = 1; i < state.range(0); ++i) rules.push_back({.filter = make(i), .access = Access::both});
    rules.push_back({.filter = last, .access = Access::publish});
    const AccessList list(rules);
    for (auto _ : state) {
        const std::string_view topic = kTopic;
        benchmark::DoNotOptimize(topic);
        auto verdict = list.publish(topic);
        benchmark::DoNotOptimize(verdict);
    }
}

void exact(benchmark::State& state) {
    publish(state, [](int i) { return "esl_report/zagreb-" + std::to_string(i) + "/result"; }, kTopic);
}
void prefix(benchmark::State& state) {
    publish(state, [](int i) { return "esl_report/zagreb-" + std::to_string(i) + "/#"; }, "esl_report/#");
}
void general(benchmark::State& state) {
    publish(state, [](int i) { return "esl_report/+/result" + std::to_string(i); }, "esl_report/+/result");
}

BENCHMARK(exact)->Arg(1)->Arg(100);
BENCHMARK(prefix)->Arg(1)->Arg(10)->Arg(100);
BENCHMARK(general)->Arg(1)->Arg(10)->Arg(100);

}  // namespace
