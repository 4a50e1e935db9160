// The agent's ZNP radio, up and with an update under way, hears anything. First byte: how the rest is cut, and whether
// it comes before the coordinator is up. Between the pieces the in-memory coordinator answers and time passes.
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "ap-agent/adapters/znp/core.hpp"
#include "ap-agent/adapters/znp/tests/fake_stick.hpp"
#include "common/testing/testing.hpp"

using namespace esl;           // NOLINT
using namespace esl::ap;       // NOLINT
using namespace esl::ap::znp;  // NOLINT

namespace {

struct Line {
    esl::testing::ManualClock clock;
    TagTable tags;
    znp::testing::FakeStick stick;
    std::optional<Network> kept;
    int outcomes = 0;
    Core core{clock,
              tags,
              {.load = [this]() -> Result<std::optional<Network>> { return kept; },
               .save = [this](const Network& network) { kept = network; }},
              CoreOptions{},
              {.up = [] {},
               .failed = [](const std::string&) {},
               .sighting = [](const TagSighting&) {},
               .tags_changed = [] {}}};

    // What a fuzzed message made the two say to each other may have no end of its own.
    void talk() {
        for (int turns = 0; turns < 400; ++turns) {
            const auto out = core.take_output();
            if (out.empty()) return;
            core.receive(stick.exchange(out));
        }
    }
    void update() {
        auto image = std::make_shared<image::TagImage>(32, 16);
        UpdateRequest request;
        request.tag = TagId::eui64(7);
        request.image_id = image->crc();
        request.image = std::move(image);
        core.update(std::move(request), [this](const UpdateOutcome&) { ++outcomes; });
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool quiet = [] { return spdlog::set_level(spdlog::level::off), true; }();
    if (!quiet || size == 0) return 0;
    Line line;
    line.core.start();
    const bool before = (data[0] & 0x80) != 0;
    if (!before) line.talk();
    auto& tag = line.stick.add_tag(7, 0x77);
    tag.ignores_notify = true;
    if (!before) {
        line.core.receive(line.stick.join(tag));
        line.talk();
    }
    line.update();
    const std::size_t step = 1 + (data[0] & 0x3F);
    for (std::size_t at = 1; at < size; at += step) {
        line.core.receive(BytesView(data + at, std::min(step, size - at)));
        line.talk();
        line.clock.advance(std::chrono::milliseconds(100));
        line.core.tick();
        line.talk();
    }
    line.core.close("end");
    if (line.outcomes != 1) std::abort();  // each callback exactly once, whatever was heard
    return 0;
}
