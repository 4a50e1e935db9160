// Adverts, commands, notices, parts and coded images of Gicisky tags: first byte chooses which.
#include <algorithm>
#include <cstdlib>

#include "common/tagwire/gicisky.hpp"

using namespace esl;
using namespace esl::tagwire::gicisky;

namespace {

void check(bool right) {
    if (!right) std::abort();
}

void coded_image(BytesView in) {
    if (in.size() < 2) return;
    const auto& model = models()[in[0] % models().size()];
    const auto coding = static_cast<Coding>(in[1] % 4);
    const auto shown = decode_image(model, coding, in.subspan(2));
    if (!shown) return;
    const auto again = encode_image(model, coding, *shown);
    check(again.has_value() && decode_image(model, coding, *again).value() == *shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const BytesView in{data + 1, size - 1};
    switch (data[0] % 5) {
        case 0:
            if (const auto advert = decode_advert(in)) check(std::ranges::equal(encode_advert(*advert), in));
            break;
        case 1:
            if (const auto command = decode_command(in)) check(std::ranges::equal(encode(*command), in));
            break;
        case 2:
            if (const auto notice = decode_notice(in)) check(decode_notice(encode(*notice)).value() == *notice);
            break;
        case 3:
            (void)decode_part(in);
            break;
        default:
            coded_image(in);
            break;
    }
    return 0;
}
