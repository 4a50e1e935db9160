#include "common/tagwire/price_display.hpp"

#include <cassert>
#include <string>

namespace esl::tagwire::price_display {
namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

zcl::Header header(zcl::Direction direction, std::uint8_t sequence, std::uint8_t command, bool wants_response) {
    zcl::Header out;
    out.scope = zcl::Scope::cluster;
    out.direction = direction;
    out.no_default_response = !wants_response;
    out.manufacturer = kManufacturer;
    out.sequence = sequence;
    out.command = command;
    return out;
}

// True when the frame is one of this cluster's own commands in that direction.
bool ours(const zcl::FrameView& frame, zcl::Direction direction) {
    return frame.header.scope == zcl::Scope::cluster && frame.header.direction == direction &&
           frame.header.manufacturer == kManufacturer;
}

std::unexpected<Error> unknown(const zcl::FrameView& frame) {
    return fail(WireError::unknown_command, "price display command " + std::to_string(frame.header.command));
}

template <class Variant, class Command>
Result<Variant> finish(const ByteReader& in, Command command, std::string_view name) {
    if (in.failed()) return fail(WireError::truncated, std::string{name});
    if (in.left() > 0) return fail(WireError::trailing, std::string{name});
    return Variant{std::move(command)};
}

Result<ToTag> decode_notify(ByteReader& in) {
    ImageNotify out;
    out.image = in.u32le();
    out.slot = in.u8();
    out.size = in.u32le();
    const auto format = in.u8();
    out.activate = in.u32le();
    if (!in.failed() && format > 1)
        return fail(WireError::out_of_range, "image notify: format " + std::to_string(format));
    out.format = static_cast<Format>(format);
    return finish<ToTag>(in, out, "image notify");
}

Result<ToTag> decode_block(ByteReader& in) {
    BlockRsp out;
    out.status = in.u8();
    out.image = in.u32le();
    out.offset = in.u32le();
    const auto length = in.u8();
    if (length > kMaxBlock) return fail(WireError::too_long, "block of " + std::to_string(length) + " bytes");
    const auto data = in.bytes(length);
    out.data.assign(data.begin(), data.end());
    return finish<ToTag>(in, std::move(out), "block response");
}

}  // namespace

Bytes encode(const ToTag& command, std::uint8_t sequence) {
    Bytes payload;
    ByteWriter w{payload};
    std::uint8_t code = 0;
    bool wants_response = true;
    std::visit(Overloaded{[&](const ImageNotify& c) {
                              w.u32le(c.image).u8(c.slot).u32le(c.size).u8(static_cast<std::uint8_t>(c.format));
                              w.u32le(c.activate);
                          },
                          [&](const BlockRsp& c) {
                              assert(c.data.size() <= kMaxBlock);
                              code = 0x01;
                              wants_response = false;
                              w.u8(c.status).u32le(c.image).u32le(c.offset);
                              w.u8(static_cast<std::uint8_t>(c.data.size())).bytes(c.data);
                          },
                          [&](const Show& c) {
                              code = 0x02;
                              w.u8(c.slot).u32le(c.time);
                          },
                          [&](const Led& c) {
                              code = 0x03;
                              w.u8(c.colour).u16le(c.on_ms).u16le(c.off_ms).u16le(c.seconds);
                          },
                          [&](const Refresh&) { code = 0x04; }},
               command);
    return zcl::encode_frame(header(zcl::Direction::to_server, sequence, code, wants_response), payload);
}

Bytes encode(const FromTag& command, std::uint8_t sequence) {
    Bytes payload;
    ByteWriter w{payload};
    std::uint8_t code = 0;
    std::visit(Overloaded{[&](const BlockReq& c) { w.u32le(c.image).u32le(c.offset).u8(c.max); },
                          [&](const LoadEnd& c) {
                              code = 0x01;
                              w.u8(c.status).u32le(c.image).u8(c.slot);
                          },
                          [&](const ShowRsp& c) {
                              code = 0x02;
                              w.u8(c.status).u8(c.slot).u32le(c.image);
                          }},
               command);
    return zcl::encode_frame(header(zcl::Direction::to_client, sequence, code, false), payload);
}

Result<ToTag> decode_to_tag(const zcl::FrameView& frame) {
    if (!ours(frame, zcl::Direction::to_server)) return unknown(frame);
    ByteReader in{frame.payload};
    switch (frame.header.command) {
        case 0x00:
            return decode_notify(in);
        case 0x01:
            return decode_block(in);
        case 0x02: {
            Show out;
            out.slot = in.u8();
            out.time = in.u32le();
            return finish<ToTag>(in, out, "show");
        }
        case 0x03: {
            Led out;
            out.colour = in.u8();
            out.on_ms = in.u16le();
            out.off_ms = in.u16le();
            out.seconds = in.u16le();
            return finish<ToTag>(in, out, "led");
        }
        case 0x04:
            return finish<ToTag>(in, Refresh{}, "refresh");
        default:
            return unknown(frame);
    }
}

Result<FromTag> decode_from_tag(const zcl::FrameView& frame) {
    if (!ours(frame, zcl::Direction::to_client)) return unknown(frame);
    ByteReader in{frame.payload};
    switch (frame.header.command) {
        case 0x00: {
            BlockReq out;
            out.image = in.u32le();
            out.offset = in.u32le();
            out.max = in.u8();
            return finish<FromTag>(in, out, "block request");
        }
        case 0x01: {
            LoadEnd out;
            out.status = in.u8();
            out.image = in.u32le();
            out.slot = in.u8();
            return finish<FromTag>(in, out, "load end");
        }
        case 0x02: {
            ShowRsp out;
            out.status = in.u8();
            out.slot = in.u8();
            out.image = in.u32le();
            return finish<FromTag>(in, out, "show response");
        }
        default:
            return unknown(frame);
    }
}

}  // namespace esl::tagwire::price_display
