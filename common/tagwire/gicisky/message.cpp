#include "common/tagwire/gicisky/message.hpp"

#include <algorithm>
#include <string>

namespace esl::tagwire::gicisky {
namespace {

constexpr std::uint8_t kPartAsked = 0x00;
constexpr std::uint8_t kAllReceived = 0x08;

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

Result<Command> only(Command command, const ByteReader& in) {
    if (in.left() > 0) return fail(WireError::trailing, std::to_string(in.left()) + " bytes after the command");
    return command;
}

// 02 length 00 00 00, or 02 length 01.
Result<Command> decode_announce(ByteReader& in) {
    Announce out;
    out.length = in.u32le();
    const auto tail = in.rest();
    if (in.failed() || tail.empty()) return fail(WireError::truncated, "announce");
    out.chunked = tail.size() == 1 && tail[0] == 1;
    const bool plain = tail.size() == 3 && std::ranges::all_of(tail, [](auto b) { return b == 0; });
    if (!out.chunked && !plain) return fail(WireError::malformed, "announce: tail " + to_hex(tail));
    return out;
}

}  // namespace

Bytes encode(const Command& command) {
    Bytes out;
    ByteWriter w{out};
    std::visit(Overloaded{[&](AskBlockSize) { w.u8(0x01); },
                          [&](const Announce& a) {
                              w.u8(0x02).u32le(a.length);
                              if (a.chunked) {
                                  w.u8(0x01);
                              } else {
                                  w.u8(0).u8(0).u8(0);
                              }
                          },
                          [&](Begin) { w.u8(0x03); }, [&](Cancel) { w.u8(0x04); }},
               command);
    return out;
}

Result<Command> decode_command(BytesView bytes) {
    ByteReader in{bytes};
    const auto code = in.u8();
    if (in.failed()) return fail(WireError::truncated, "empty command");
    switch (code) {
        case 0x01:
            return only(AskBlockSize{}, in);
        case 0x02:
            return decode_announce(in);
        case 0x03:
            return only(Begin{}, in);
        case 0x04:
            return only(Cancel{}, in);
        default:
            return fail(WireError::unknown_command, "command " + to_hex(bytes.first(1)));
    }
}

Bytes encode(const Notice& notice) {
    Bytes out;
    ByteWriter w{out};
    std::visit(
        Overloaded{[&](BlockSize b) { w.u8(0x01).u16le(b.bytes); },  //
                   [&](Announced) { w.u8(0x02).u8(0x00); },          //
                   [&](Cancelled) { w.u8(0x04).u8(0x00); },
                   [&](PartWanted p) { w.u8(0x05).u8(kPartAsked).u32le(p.part); },
                   [&](AllReceived) { w.u8(0x05).u8(kAllReceived); }, [&](TransferFailed f) { w.u8(0x05).u8(f.code); }},
        notice);
    return out;
}

Result<Notice> decode_notice(BytesView bytes) {
    ByteReader in{bytes};
    const auto code = in.u8();
    Notice out;
    switch (code) {
        case 0x01:
            out = BlockSize{in.u16le()};
            break;
        case 0x02:
            out = Announced{};
            break;
        case 0x04:
            out = Cancelled{};
            break;
        case 0x05: {
            const auto status = in.u8();
            if (status == kPartAsked) {
                out = PartWanted{in.u32le()};
            } else if (status == kAllReceived) {
                out = AllReceived{};
            } else {
                out = TransferFailed{status};
            }
            break;
        }
        default:
            if (!in.failed()) return fail(WireError::unknown_command, "notification " + to_hex(bytes.first(1)));
    }
    if (in.failed()) return fail(WireError::truncated, "notification " + to_hex(bytes));
    return out;
}

Result<PartView> decode_part(BytesView bytes) {
    ByteReader in{bytes};
    PartView out;
    out.part = in.u32le();
    out.data = in.rest();
    if (in.failed() || out.data.empty())
        return fail(WireError::truncated, "data part of " + std::to_string(bytes.size()) + " bytes");
    if (out.data.size() > kPartData)
        return fail(WireError::too_long, "data part of " + std::to_string(bytes.size()) + " bytes");
    return out;
}

Bytes encode_part(BytesView image, std::uint32_t part) {
    const auto from = std::size_t{part} * kPartData;
    if (from >= image.size()) return {};
    Bytes out;
    ByteWriter{out}.u32le(part).bytes(image.subspan(from, std::min(kPartData, image.size() - from)));
    return out;
}

std::uint32_t part_count(std::size_t image_bytes) {
    return static_cast<std::uint32_t>((image_bytes + kPartData - 1) / kPartData);
}

}  // namespace esl::tagwire::gicisky
