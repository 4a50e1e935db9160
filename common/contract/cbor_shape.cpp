#include "common/contract/cbor_shape.hpp"

#include <array>

#include "common/contract/messages.hpp"

namespace esl::contract::detail {
namespace {

std::unexpected<Error> bad(std::size_t at, const char* what) {
    return fail(ContractError::malformed, std::string("CBOR at byte ") + std::to_string(at) + ": " + what);
}

}  // namespace

Result<> check_cbor_shape(BytesView cbor) {
    std::array<std::uint64_t, kMaxDepth> open{};  // items still to come at each level
    std::size_t depth = 0;
    ByteReader in{cbor};
    for (;;) {
        const auto at = in.position();
        const auto initial = in.u8();
        const unsigned major = initial >> 5;
        const unsigned info = initial & 0x1F;
        if (in.failed()) return bad(at, "truncated");
        if (info > 27) return bad(at, "indefinite length or reserved head");

        std::uint64_t argument = info;
        if (info >= 24) {
            argument = 0;
            for (const auto b : in.bytes(std::size_t{1} << (info - 24))) argument = argument << 8 | b;
        }
        if (in.failed()) return bad(at, "truncated");

        std::uint64_t children = 0;
        switch (major) {
            case 2:
            case 3:
                if (argument > in.left()) return bad(at, "string longer than the message");
                (void)in.bytes(static_cast<std::size_t>(argument));
                break;
            case 4:
            case 5:
                if (argument > in.left()) return bad(at, "more items than the message has bytes");
                children = major == 5 ? argument * 2 : argument;
                break;
            case 6:
                children = 1;
                break;
            default:
                break;
        }
        if (children > 0) {
            if (depth == kMaxDepth) return bad(at, "nested too deep");
            open[depth++] = children;
            continue;
        }
        while (depth > 0 && --open[depth - 1] == 0) --depth;
        if (depth == 0) return in.left() == 0 ? Result<>{} : bad(in.position(), "bytes behind the message");
    }
}

}  // namespace esl::contract::detail
