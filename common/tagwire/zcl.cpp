#include "common/tagwire/zcl.hpp"

#include <algorithm>

namespace esl::tagwire::zcl {
namespace {

constexpr std::uint8_t kTypeMask = 0x03;
constexpr std::uint8_t kManufacturerBit = 0x04;
constexpr std::uint8_t kToClientBit = 0x08;
constexpr std::uint8_t kNoDefaultResponseBit = 0x10;

// Bytes of a number; 0 for strings, which carry their own length; -1 for types not known here.
int width(Type type) {
    switch (type) {
        case Type::boolean:
        case Type::bitmap8:
        case Type::u8:
        case Type::i8:
        case Type::enum8:
            return 1;
        case Type::bitmap16:
        case Type::u16:
        case Type::i16:
        case Type::enum16:
        case Type::cluster_id:
        case Type::attribute_id:
            return 2;
        case Type::u24:
            return 3;
        case Type::bitmap32:
        case Type::u32:
        case Type::i32:
        case Type::utc:
            return 4;
        case Type::u64:
        case Type::ieee:
            return 8;
        case Type::octets:
        case Type::text:
            return 0;
    }
    return -1;
}

void put_value(ByteWriter& out, const Attribute& a) {
    out.u8(static_cast<std::uint8_t>(a.type));
    const int bytes = width(a.type);
    if (bytes == 0) {
        const auto* text = std::get_if<std::string>(&a.value);
        const auto all = text == nullptr ? BytesView{} : as_bytes(*text);
        const auto kept = all.first(std::min<std::size_t>(all.size(), 254));  // FF stands for "no string"
        out.u8(static_cast<std::uint8_t>(kept.size())).bytes(kept);
    }
    for (int i = 0; i < bytes; ++i) out.u8(static_cast<std::uint8_t>(a.number() >> 8 * i));
}

Result<Attribute> take_value(ByteReader& in, std::uint16_t id) {
    Attribute out{id, static_cast<Type>(in.u8()), std::uint64_t{0}};
    if (in.failed()) return out;
    const int bytes = width(out.type);
    if (bytes < 0) return fail(WireError::malformed, "attribute type at byte " + std::to_string(in.position() - 1));
    if (bytes == 0) {
        const auto length = in.u8();
        out.value = std::string{as_text(in.bytes(length == 0xFF ? 0 : length))};
        return out;
    }
    std::uint64_t number = 0;
    for (int i = 0; i < bytes; ++i) number |= std::uint64_t{in.u8()} << 8 * i;
    out.value = number;
    return out;
}

std::unexpected<Error> truncated(std::string_view what, const ByteReader& in) {
    return fail(WireError::truncated, std::string{what} + " at byte " + std::to_string(in.position()));
}

}  // namespace

Result<FrameView> decode_frame(BytesView bytes) {
    ByteReader in{bytes};
    const auto control = in.u8();
    FrameView out;
    if ((control & kTypeMask) > 1) return fail(WireError::malformed, "zcl frame type");
    out.header.scope = static_cast<Scope>(control & kTypeMask);
    out.header.direction = control & kToClientBit ? Direction::to_client : Direction::to_server;
    out.header.no_default_response = (control & kNoDefaultResponseBit) != 0;
    if (control & kManufacturerBit) out.header.manufacturer = in.u16le();
    out.header.sequence = in.u8();
    out.header.command = in.u8();
    out.payload = in.rest();
    if (in.failed()) return truncated("zcl header", in);
    return out;
}

Bytes encode_frame(const Header& header, BytesView payload) {
    unsigned control = static_cast<unsigned>(header.scope);
    if (header.manufacturer) control |= kManufacturerBit;
    if (header.direction == Direction::to_client) control |= kToClientBit;
    if (header.no_default_response) control |= kNoDefaultResponseBit;
    Bytes out;
    ByteWriter w{out};
    w.u8(static_cast<std::uint8_t>(control));
    if (header.manufacturer) w.u16le(*header.manufacturer);
    w.u8(header.sequence).u8(header.command).bytes(payload);
    return out;
}

Header answer_to(const Header& request, Scope scope, std::uint8_t command) {
    Header out = request;
    out.scope = scope;
    out.direction = request.direction == Direction::to_server ? Direction::to_client : Direction::to_server;
    out.no_default_response = true;
    out.command = command;
    return out;
}

Bytes encode_read_attributes(const std::vector<std::uint16_t>& ids) {
    Bytes out;
    ByteWriter w{out};
    for (const auto id : ids) w.u16le(id);
    return out;
}

Bytes encode_read_attributes_response(const std::vector<AttributeResult>& results) {
    Bytes out;
    ByteWriter w{out};
    for (const auto& r : results) {
        w.u16le(r.attribute.id).u8(r.status);
        if (r.status == status::kSuccess) put_value(w, r.attribute);
    }
    return out;
}

Bytes encode_report_attributes(const std::vector<Attribute>& attributes) {
    Bytes out;
    ByteWriter w{out};
    for (const auto& a : attributes) {
        w.u16le(a.id);
        put_value(w, a);
    }
    return out;
}

Bytes encode_default_response(DefaultResponse response) {
    return {response.command, response.status};
}

Result<std::vector<std::uint16_t>> decode_read_attributes(BytesView payload) {
    ByteReader in{payload};
    std::vector<std::uint16_t> out;
    while (in.left() > 0 && !in.failed()) out.push_back(in.u16le());
    if (in.failed()) return truncated("attribute id", in);
    return out;
}

Result<std::vector<AttributeResult>> decode_read_attributes_response(BytesView payload) {
    ByteReader in{payload};
    std::vector<AttributeResult> out;
    while (in.left() > 0 && !in.failed()) {
        AttributeResult row;
        row.attribute.id = in.u16le();
        row.attribute.value = std::uint64_t{0};
        row.status = in.u8();
        if (row.status == status::kSuccess) {
            auto value = take_value(in, row.attribute.id);
            if (!value) return fail(value.error());
            row.attribute = std::move(*value);
        }
        out.push_back(std::move(row));
    }
    if (in.failed()) return truncated("attribute", in);
    return out;
}

Result<std::vector<Attribute>> decode_report_attributes(BytesView payload) {
    ByteReader in{payload};
    std::vector<Attribute> out;
    while (in.left() > 0 && !in.failed()) {
        auto value = take_value(in, in.u16le());
        if (!value) return fail(value.error());
        out.push_back(std::move(*value));
    }
    if (in.failed()) return truncated("attribute", in);
    return out;
}

Result<DefaultResponse> decode_default_response(BytesView payload) {
    ByteReader in{payload};
    DefaultResponse out{in.u8(), in.u8()};
    if (in.failed()) return truncated("default response", in);
    if (in.left() > 0) return fail(WireError::trailing, "default response");
    return out;
}

}  // namespace esl::tagwire::zcl
