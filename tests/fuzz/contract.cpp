// The messages between service and AP: whatever decodes must encode to something that decodes to the same.
#include <cstdlib>

#include "common/contract/messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace esl::contract;
    const esl::BytesView wire{data, size};
    if (const auto down = decode_downlink(wire)) {
        const auto again = decode_downlink(encode(*down));
        if (!again || *again != *down) std::abort();
    }
    if (const auto up = decode_uplink(wire)) {
        const auto again = decode_uplink(encode(*up));
        if (!again || *again != *up) std::abort();
    }
    return 0;
}
