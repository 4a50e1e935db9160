#include "common/tagwire/gicisky/image.hpp"

#include <algorithm>
#include <string>

#include "common/tagwire/gicisky/quicklz.hpp"

namespace esl::tagwire::gicisky {
namespace {

using image::Colour;
using image::Palette;
using image::TagImage;

constexpr std::uint8_t kPackedChunk = 0x75;
constexpr std::uint8_t kPlainChunk = 0x74;
constexpr std::size_t kChunkHeader = 3;
constexpr std::size_t kLineHeader = 7;
constexpr std::size_t kLongestChunk = 80;  // a chunk that QuickLZ made longer is still legal up to here

struct Size {
    unsigned width;
    unsigned height;
};

// As the panel's controller counts: after the rotation.
Size panel_size(const Model& m) {
    const bool sideways = m.rotation == 90 || m.rotation == 270;
    return sideways ? Size{m.height, m.width} : Size{m.width, m.height};
}

// Calls visit(x, y) with the canonical pixel for every pixel in the order in which the tag reads them.
template <class Visit>
void for_each_pixel(const Model& m, Visit visit) {
    const auto [width, height] = panel_size(m);
    for (unsigned row = 0; row < height; ++row) {
        const unsigned y = m.mirror_y ? height - 1 - row : row;
        for (unsigned column = 0; column < width; ++column) {
            const unsigned x = m.mirror_x ? width - 1 - column : column;
            switch (m.rotation) {
                case 90:
                    visit(m.width - 1 - y, x);
                    break;
                case 180:
                    visit(m.width - 1 - x, m.height - 1 - y);
                    break;
                case 270:
                    visit(y, m.height - 1 - x);
                    break;
                default:
                    visit(x, y);
                    break;
            }
        }
    }
}

bool has_red_plane(const Model& m) {
    return image::allows(m.palette, Colour::red);
}
std::size_t plane_bytes(const Model& m) {
    return std::size_t{m.width} * m.height / 8;
}
std::size_t planes_bytes(const Model& m) {
    return plane_bytes(m) * (has_red_plane(m) ? 2 : 1);
}
std::size_t line_bytes(const Model& m) {
    return m.height / 8;
}

void set_bit(Bytes& bytes, std::size_t plane, std::size_t pixel) {
    bytes[plane + pixel / 8] = static_cast<std::uint8_t>(bytes[plane + pixel / 8] | 0x80U >> pixel % 8);
}
bool bit(BytesView bytes, std::size_t plane, std::size_t pixel) {
    return (bytes[plane + pixel / 8] & 0x80U >> pixel % 8) != 0;
}

Bytes to_planes(const Model& m, const TagImage& image) {
    Bytes out(planes_bytes(m));
    const auto red_plane = plane_bytes(m);
    std::size_t pixel = 0;
    for_each_pixel(m, [&](unsigned x, unsigned y) {
        const auto colour = image.at(x, y);
        if ((colour == Colour::white) != m.inverted) set_bit(out, 0, pixel);
        if (colour == Colour::red) set_bit(out, red_plane, pixel);
        ++pixel;
    });
    return out;
}

TagImage from_planes(const Model& m, BytesView planes) {
    TagImage out{m.width, m.height};
    const auto red_plane = plane_bytes(m);
    const bool red_shown = has_red_plane(m);
    std::size_t pixel = 0;
    for_each_pixel(m, [&](unsigned x, unsigned y) {
        auto colour = bit(planes, 0, pixel) != m.inverted ? Colour::white : Colour::black;
        if (red_shown && bit(planes, red_plane, pixel)) colour = Colour::red;
        out.set(x, y, colour);
        ++pixel;
    });
    return out;
}

Bytes to_packed(const Model& m, const TagImage& image) {
    Bytes out(std::size_t{m.width} * m.height / 4);
    std::size_t pixel = 0;
    for_each_pixel(m, [&](unsigned x, unsigned y) {
        const auto value = static_cast<unsigned>(image.at(x, y)) << (6 - 2 * (pixel % 4));
        out[pixel / 4] = static_cast<std::uint8_t>(out[pixel / 4] | value);
        ++pixel;
    });
    return out;
}

TagImage from_packed(const Model& m, BytesView bytes) {
    TagImage out{m.width, m.height};
    std::size_t pixel = 0;
    for_each_pixel(m, [&](unsigned x, unsigned y) {
        out.set(x, y, static_cast<Colour>(bytes[pixel / 4] >> (6 - 2 * (pixel % 4)) & 3));
        ++pixel;
    });
    return out;
}

// u32 length of everything, then lines: 75, len+7, len, four zero bytes, len bytes.
Bytes to_lines(const Model& m, BytesView planes) {
    const auto line = line_bytes(m);
    Bytes out;
    ByteWriter w{out};
    w.u32le(static_cast<std::uint32_t>(4 + planes.size() / line * (kLineHeader + line)));
    for (std::size_t at = 0; at < planes.size(); at += line) {
        w.u8(kPackedChunk)
            .u8(static_cast<std::uint8_t>(line + kLineHeader))
            .u8(static_cast<std::uint8_t>(line))
            .u32le(0);
        w.bytes(planes.subspan(at, line));
    }
    return out;
}

Result<Bytes> from_lines(const Model& m, BytesView bytes) {
    const auto line = line_bytes(m);
    ByteReader in{bytes};
    Bytes out;
    if (in.u32le() != bytes.size() && !in.failed()) return fail(WireError::malformed, "length in the first four bytes");
    while (!in.failed() && out.size() < planes_bytes(m)) {
        const auto at = in.position();
        const bool good =
            in.u8() == kPackedChunk && in.u8() == line + kLineHeader && in.u8() == line && in.u32le() == 0;
        const auto data = in.bytes(line);
        if (!good && !in.failed()) return fail(WireError::malformed, "line at byte " + std::to_string(at));
        out.insert(out.end(), data.begin(), data.end());
    }
    if (in.failed()) return fail(WireError::truncated, "line at byte " + std::to_string(in.position()));
    if (in.left() > 0) return fail(WireError::trailing, std::to_string(in.left()) + " bytes after the last line");
    return out;
}

void put_chunks(Bytes& out, BytesView half, Matches matches) {
    for (std::size_t at = 0; at < half.size(); at += kChunk) {
        const auto chunk = half.subspan(at, std::min(kChunk, half.size() - at));
        const auto body = matches == Matches::on ? quicklz_compress(chunk) : Bytes{};
        const auto& data = body.empty() ? chunk : BytesView{body};
        ByteWriter{out}
            .u8(body.empty() ? kPlainChunk : kPackedChunk)
            .u8(static_cast<std::uint8_t>(kChunkHeader + data.size()))
            .u8(static_cast<std::uint8_t>(chunk.size()))
            .bytes(data);
    }
}

Bytes to_chunks(BytesView planes, Matches matches) {
    const auto half = planes.size() / 2;
    Bytes out;
    ByteWriter{out}.u32le(static_cast<std::uint32_t>(planes.size() - half));
    put_chunks(out, planes.first(half), matches);
    put_chunks(out, planes.subspan(half), matches);
    return out;
}

Result<> take_chunk(ByteReader& in, std::size_t left, Bytes& out) {
    const auto at = in.position();
    const auto kind = in.u8();
    const auto total = in.u8();
    const auto size = in.u8();
    const auto about = [&] { return "chunk at byte " + std::to_string(at); };
    if (in.failed()) return fail(WireError::truncated, about());
    const bool known = kind == kPlainChunk || kind == kPackedChunk;
    if (!known || total <= kChunkHeader || size == 0 || size > kChunk || size > left) {
        return fail(WireError::malformed, about());
    }
    const auto body = in.bytes(total - kChunkHeader);
    if (in.failed()) return fail(WireError::truncated, about());
    if (kind == kPackedChunk) {
        auto expanded = quicklz_expand(body, size, out);
        if (!expanded) return fail(WireError::malformed, about() + ": " + expanded.error().message());
        return {};
    }
    if (body.size() != size) return fail(WireError::malformed, about());
    out.insert(out.end(), body.begin(), body.end());
    return {};
}

Result<Bytes> from_chunks(const Model& m, BytesView bytes) {
    const auto all = planes_bytes(m);
    ByteReader in{bytes};
    const auto second_half = in.u32le();
    if (in.failed()) return fail(WireError::truncated, "length of the second half");
    if (second_half != all - all / 2) return fail(WireError::malformed, "length of the second half");
    Bytes out;
    out.reserve(all);
    while (out.size() < all) {
        const auto half_end = out.size() < all / 2 ? all / 2 : all;
        if (auto chunk = take_chunk(in, half_end - out.size(), out); !chunk) return fail(chunk.error());
    }
    if (in.left() > 0) return fail(WireError::trailing, std::to_string(in.left()) + " bytes after the last chunk");
    return out;
}

Result<> expect_length(BytesView bytes, std::size_t want) {
    if (bytes.size() == want) return {};
    return fail(bytes.size() < want ? WireError::truncated : WireError::trailing,
                std::to_string(bytes.size()) + " image bytes, not " + std::to_string(want));
}

Result<TagImage> from_checked_packed(const Model& m, BytesView bytes) {
    if (auto length = expect_length(bytes, std::size_t{m.width} * m.height / 4); !length) return fail(length.error());
    auto image = from_packed(m, bytes);
    if (auto colours = image.check(m.palette); !colours) return fail(WireError::malformed, colours.error().message());
    return image;
}

}  // namespace

Result<Bytes> encode_image(const Model& model, Coding coding, const TagImage& image, Matches matches) {
    if (image.width() != model.width || image.height() != model.height) {
        return fail(WireError::out_of_range, "image " + std::to_string(image.width()) + "x" +
                                                 std::to_string(image.height()) + " for " + model_name(model.id) +
                                                 ", which is " + std::to_string(model.width) + "x" +
                                                 std::to_string(model.height));
    }
    if (auto colours = image.check(model.palette); !colours) {
        return fail(WireError::out_of_range, colours.error().message());
    }
    switch (coding) {
        case Coding::planes:
            return to_planes(model, image);
        case Coding::packed:
            return to_packed(model, image);
        case Coding::framed:
            return to_lines(model, to_planes(model, image));
        case Coding::chunked:
            return to_chunks(to_planes(model, image), matches);
    }
    return fail(WireError::malformed, "coding");
}

Result<TagImage> decode_image(const Model& model, Coding coding, BytesView bytes) {
    if (coding == Coding::packed) return from_checked_packed(model, bytes);
    Result<Bytes> planes = Bytes{};
    switch (coding) {
        case Coding::framed:
            planes = from_lines(model, bytes);
            break;
        case Coding::chunked:
            planes = from_chunks(model, bytes);
            break;
        case Coding::planes:
        case Coding::packed:
            if (auto length = expect_length(bytes, planes_bytes(model)); !length) return fail(length.error());
            return from_planes(model, bytes);
    }
    if (!planes) return fail(planes.error());
    return from_planes(model, *planes);
}

std::size_t longest_image(const Model& model, Coding coding) {
    const auto planes = planes_bytes(model);
    switch (coding) {
        case Coding::planes:
            return planes;
        case Coding::packed:
            return std::size_t{model.width} * model.height / 4;
        case Coding::framed:
            return 4 + planes / line_bytes(model) * (kLineHeader + line_bytes(model));
        case Coding::chunked:
            return 4 + (planes / kChunk + 2) * kLongestChunk;
    }
    return planes;
}

}  // namespace esl::tagwire::gicisky
