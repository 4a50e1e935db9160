// A ZNP byte stream, its commands, and ZCL and Price Display frames: first byte chooses where to begin.
#include <algorithm>
#include <cstdlib>

#include "common/tagwire/price_display.hpp"
#include "common/tagwire/znp/message.hpp"

using namespace esl;
using namespace esl::tagwire;

namespace {

void check(bool right) {
    if (!right) std::abort();
}

void stream(BytesView in) {
    znp::Unframer whole, cut;
    const auto frames = whole.push(in);
    auto pieces = cut.push(in.first(in.size() / 2));
    for (auto& frame : cut.push(in.subspan(in.size() / 2))) pieces.push_back(std::move(frame));
    check(frames == pieces);
    for (const auto& frame : frames) {
        if (const auto message = znp::decode(frame)) check(znp::to_frame(*message) == frame);
    }
}

void zcl_frame(BytesView in) {
    const auto frame = zcl::decode_frame(in);
    if (!frame) return;
    (void)zcl::decode_read_attributes(frame->payload);
    (void)zcl::decode_default_response(frame->payload);
    (void)zcl::decode_read_attributes_response(frame->payload);
    if (const auto report = zcl::decode_report_attributes(frame->payload)) {
        check(zcl::decode_report_attributes(zcl::encode_report_attributes(*report)).value() == *report);
    }
    const auto again = [&](const Bytes& bytes) { return zcl::decode_frame(bytes).value().payload; };
    if (const auto down = price_display::decode_to_tag(*frame)) {
        check(std::ranges::equal(again(price_display::encode(*down, 0)), frame->payload));
    }
    if (const auto up = price_display::decode_from_tag(*frame)) {
        check(std::ranges::equal(again(price_display::encode(*up, 0)), frame->payload));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const BytesView in{data + 1, size - 1};
    if (data[0] % 2 == 0) {
        stream(in);
    } else {
        zcl_frame(in);
    }
    return 0;
}
