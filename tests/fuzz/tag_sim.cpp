// A host's bytes to the simulated coordinator with two tags, or a central's writes to a simulated Gicisky tag; the
// first byte chooses. After each piece time moves on, so that tags answer, pull, refresh and join in between.
#include <algorithm>

#include "tag-sim/core/coordinator.hpp"
#include "tag-sim/core/gicisky_tag.hpp"
#include "tag-sim/core/shelf.hpp"
#include "tag-sim/tests/manual_scheduler.hpp"

using namespace esl;
using namespace esl::sim;

namespace {

constexpr std::chrono::milliseconds kStep{700};

void coordinator(BytesView in) {
    testing::ManualScheduler scheduler;
    FaultPlan plan{1};
    Shelf shelf{scheduler, plan, Speed{10}};
    Coordinator stick{scheduler, plan, Speed{10}, [](const Bytes&) {}};
    CoordinatorMemory memory;
    for (std::uint64_t i = 1; i <= 2; ++i) {
        auto& tag =
            shelf.add({TagId::eui64(i), "price-display", 16, 8, image::Palette::bwr, std::chrono::seconds{1}, 3000});
        stick.add(tag, std::chrono::seconds{10});
        memory.joined[tag.id()] = static_cast<std::uint16_t>(i);
    }
    stick.restore(std::move(memory));
    stick.frame({0x25, 0x40, {0, 0}});  // start up
    scheduler.advance(kStep);
    tagwire::znp::Unframer unframer;
    for (const auto& frame : unframer.push(in)) {
        stick.frame(frame);
        scheduler.advance(kStep);
    }
    scheduler.advance(std::chrono::seconds{20});
}

struct NoLink final : GiciskyLink {
    void notify(const Bytes&) override {}
    void drop() override {}
};

// Pieces: one byte of length (bit 7: for FEF2), then the bytes.
void gicisky(BytesView in) {
    testing::ManualScheduler scheduler;
    FaultPlan plan{1};
    Shelf shelf{scheduler, plan, Speed{10}};
    static constexpr tagwire::gicisky::Model kSmall{0x3FFE,
                                                    "small",
                                                    16,
                                                    8,
                                                    image::Palette::bwr,
                                                    90,
                                                    true,
                                                    false,
                                                    true,
                                                    tagwire::gicisky::Coding::chunked,
                                                    false,
                                                    3000,
                                                    std::chrono::seconds{1}};
    NoLink link;
    auto& tag =
        shelf.add({TagId::eui48(1), "small", kSmall.width, kSmall.height, kSmall.palette, kSmall.refresh, 3000});
    GiciskyTag firmware{tag, kSmall, 0x0101, link};
    firmware.connected();
    ByteReader reader{in};
    while (reader.left() > 0) {
        const auto head = reader.u8();
        const auto piece = reader.bytes(std::min<std::size_t>(head & 0x7F, reader.left()));
        if (head & 0x80) {
            firmware.data(piece);
        } else {
            firmware.command(piece);
        }
        scheduler.advance(std::chrono::milliseconds{50});
        if (!tag.refreshing() && firmware.advertising()) firmware.connected();
    }
    scheduler.advance(std::chrono::seconds{5});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const BytesView in{data + 1, size - 1};
    if (data[0] % 2 == 0) {
        coordinator(in);
    } else {
        gicisky(in);
    }
    return 0;
}
