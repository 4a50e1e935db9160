// Rows judged a second on one core; docs/benchmarks/render.md has figures.
#include <benchmark/benchmark.h>

#include <string>

#include "mgmt-service/domain/import_parser.hpp"

namespace esl::mgmt {
namespace {

constexpr int kRows = 20'000;

std::string code(int n) {
    auto digits = std::to_string(385'000'000'000LL + n);
    digits += check_digit(digits);
    return digits;
}

std::string csv_file() {
    std::string out = "barcode,brand,name,unit,quantity,price\n";
    for (int i = 0; i < kRows; ++i) {
        out += code(i) + ",Bravo,Nektar naranča mrkva limun " + std::to_string(i) + ",L,2.00," +
               std::to_string(1 + i % 20) + ".49\n";
    }
    return out;
}

std::string json_file() {
    std::string out;
    for (int i = 0; i < kRows; ++i) {
        out += R"({"barcode":")" + code(i) + R"(","brand":"Bravo","name":"Nektar naranča mrkva limun )" +
               std::to_string(i) + R"(","unit":"L","quantity":"2.00","price":")" + std::to_string(1 + i % 20) +
               ".49\"}\n";
    }
    return out;
}

void run(benchmark::State& state, ImportFormat format, const std::string& file) {
    constexpr std::size_t kChunk = 64 * 1024;
    std::uint64_t rows = 0;
    for (auto _ : state) {
        std::uint64_t good = 0;
        ImportParser parser(format, Currency::eur(), [&](ParsedRow&& row) { good += row.product ? 1 : 0; });
        for (std::string_view left = file; !left.empty(); left.remove_prefix(std::min(kChunk, left.size()))) {
            (void)parser.feed(left.substr(0, kChunk));
        }
        (void)parser.finish();
        if (good != kRows) state.SkipWithError("a row was refused");
        rows += good;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(rows));
}

void csv_rows(benchmark::State& state) {
    run(state, ImportFormat::csv, csv_file());
}
void json_rows(benchmark::State& state) {
    run(state, ImportFormat::json_lines, json_file());
}
BENCHMARK(csv_rows)->Unit(benchmark::kMillisecond);
BENCHMARK(json_rows)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace esl::mgmt
