// Whole images a second on one core: drawing, codes, packing, CRC-32, SHA-256, deflate. docs/benchmarks/render.md has
// how to run it and figures.
#include <benchmark/benchmark.h>

#include <stdexcept>

#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/render/renderer.hpp"
#include "mgmt-service/render/tests/render_cases.hpp"

namespace esl::mgmt::render {
namespace {

constexpr const char* kPanels[] = {"212x104-bwr", "250x122-bwr", "296x128-bwr", "400x300-bwr", "800x480-bwr"};

// A different product each time: other price, code and link, one of twelve hundred names.
Fields product(std::size_t n, bool reduced) {
    static constexpr const char* kKinds[] = {
        "Nektar naranča", "Jogurt čvrsti", "Müsli mit Äpfeln",  "Kruh raženi",    "Sir polutvrdi", "Čokolada mliječna",
        "Kava mljevena",  "Brašno glatko", "Riža okruglo zrno", "Maslinovo ulje", "Šunka pizza",   "Deterdžent"};
    auto f = reduced ? promotion() : juice();
    f.name = std::string(kKinds[n % 12]) + " broj " + std::to_string(n % 1200);
    f.price->minor = static_cast<std::int64_t>(100 + n * 7 % 1900);
    f.unit_price->price.minor = f.price->minor / 2;
    if (reduced) f.prior_price->minor = f.price->minor + 50 + static_cast<std::int64_t>(n % 40);
    auto digits = std::to_string(385'000'000'000ULL + n);
    digits += check_digit(digits);
    f.code = "0" + digits;
    f.url = digital_link("https://id.example.shop", f.code);
    return f;
}

void run(benchmark::State& state, RendererOptions options, std::size_t products) {
    const auto panel = Panel::parse(kPanels[state.range(0)]).value();
    const auto& t = *test_templates().usual(panel);
    std::vector<Fields> fields;
    for (std::size_t i = 0; i < products; ++i) fields.push_back(product(i, i % 4 == 0));
    Renderer renderer(test_fonts(), options);
    renderer.warm_up();
    for (std::size_t i = 0; i < std::min<std::size_t>(products, 2000); ++i) (void)renderer.render(t, panel, fields[i]);
    std::size_t at = 0, bytes = 0;
    std::int64_t price = 0;
    for (auto _ : state) {
        auto& f = fields[at++ % products];
        if (products <= 2000) f.price->minor = 100 + price++ % 900;  // known products with new prices
        const auto out = renderer.render(t, panel, f);
        if (!out) throw std::runtime_error(out.error().message());
        bytes += out->deflated.size();
    }
    state.SetLabel(panel.id());
    state.SetItemsProcessed(state.iterations());
    state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(state.iterations());
}

// Nothing is kept but the static layer: every text is shaped and every code made each time.
void everything_new(benchmark::State& state) {
    run(state, {.deflate_level = 6, .code_bytes = 0, .text_bytes = 0}, 20'000);
}
// Modules of bar and QR codes are kept; every text is shaped each time.
void codes_kept(benchmark::State& state) {
    run(state, {.deflate_level = 6, .code_bytes = 4U << 20, .text_bytes = 0}, 2'000);
}
// As the service runs it: known products whose price changed.
void price_changed(benchmark::State& state) {
    run(state, {}, 2'000);
}
void price_changed_deflate_1(benchmark::State& state) {
    run(state, {.deflate_level = 1}, 2'000);
}

void hash_of_inputs(benchmark::State& state) {
    const auto panel = Panel::parse(kPanels[2]).value();
    const auto fields = product(1, true);
    for (auto _ : state) benchmark::DoNotOptimize(input_hash(*test_templates().usual(panel), panel, fields));
    state.SetItemsProcessed(state.iterations());
}

BENCHMARK(everything_new)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);
BENCHMARK(codes_kept)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);
BENCHMARK(price_changed)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);
BENCHMARK(price_changed_deflate_1)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);
BENCHMARK(hash_of_inputs)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace esl::mgmt::render
