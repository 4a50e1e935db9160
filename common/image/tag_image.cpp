#include "common/image/tag_image.hpp"

#include <libdeflate.h>
#include <png.h>
#include <zlib.h>

#include <array>
#include <cassert>
#include <memory>
#include <stdexcept>
#include <vector>

namespace esl::image {
namespace {

std::string size_text(unsigned width, unsigned height) {
    return std::to_string(width) + "x" + std::to_string(height);
}

bool good_size(unsigned width, unsigned height) {
    return width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide;
}

struct FreeCompressor {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
struct FreeDecompressor {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

// A compressor is 100 kB to make and not thread-safe: one per thread and level.
libdeflate_compressor* compressor(int level) {
    thread_local std::array<std::unique_ptr<libdeflate_compressor, FreeCompressor>, 13> cache;
    auto& slot = cache.at(static_cast<std::size_t>(level));
    if (!slot) slot.reset(libdeflate_alloc_compressor(level));
    return slot.get();
}

}  // namespace

bool allows(Palette palette, Colour colour) {
    switch (colour) {
        case Colour::black:
        case Colour::white:
            return true;
        case Colour::yellow:
            return palette == Palette::bwy || palette == Palette::bwry;
        case Colour::red:
            return palette == Palette::bwr || palette == Palette::bwry;
    }
    return false;
}

std::string_view name(Palette palette) {
    switch (palette) {
        case Palette::bw:
            return "bw";
        case Palette::bwr:
            return "bwr";
        case Palette::bwy:
            return "bwy";
        case Palette::bwry:
            return "bwry";
    }
    return "bw";
}

Result<Palette> palette_from(std::string_view text) {
    for (const auto p : {Palette::bw, Palette::bwr, Palette::bwy, Palette::bwry}) {
        if (name(p) == text) return p;
    }
    return fail(ParseError::unknown, "palette '" + std::string(text.substr(0, 16)) + "'");
}

TagImage::TagImage(unsigned width, unsigned height, Colour fill) : width_(width), height_(height) {
    assert(good_size(width, height));
    const auto two = static_cast<unsigned>(fill);
    pixels_.assign(stride() * height, static_cast<std::uint8_t>(two << 6 | two << 4 | two << 2 | two));
    for (unsigned x = width; x % 4 != 0; ++x) {
        for (unsigned y = 0; y < height; ++y) set(x, y, Colour::black);
    }
}

Result<TagImage> TagImage::from_bytes(unsigned width, unsigned height, Bytes pixels) {
    if (!good_size(width, height)) return fail(ImageError::bad_size, size_text(width, height));
    TagImage image;
    image.width_ = width;
    image.height_ = height;
    if (pixels.size() != image.stride() * height) {
        return fail(ImageError::bad_length, std::to_string(pixels.size()) + " for " + size_text(width, height) +
                                                ", not " + std::to_string(image.stride() * height));
    }
    image.pixels_ = std::move(pixels);
    for (unsigned x = width; x % 4 != 0; ++x) {
        for (unsigned y = 0; y < height; ++y) {
            if (image.at(x, y) != Colour::black) {
                return fail(ImageError::bad_length, "padding of row " + std::to_string(y) + " is not zero");
            }
        }
    }
    return image;
}

std::uint32_t TagImage::crc() const {
    const std::uint8_t size[4] = {static_cast<std::uint8_t>(width_), static_cast<std::uint8_t>(width_ >> 8),
                                  static_cast<std::uint8_t>(height_), static_cast<std::uint8_t>(height_ >> 8)};
    return libdeflate_crc32(libdeflate_crc32(0, size, sizeof size), pixels_.data(), pixels_.size());
}

Result<> TagImage::check(Palette palette) const {
    // Four pixels at once first: in each pair of bits, is there a colour (yellow 10, red 11) that the palette lacks?
    const bool no_yellow = !allows(palette, Colour::yellow);
    const bool no_red = !allows(palette, Colour::red);
    unsigned foreign = 0;
    for (const unsigned byte : pixels_) {
        const unsigned high = byte >> 1 & 0x55;
        const unsigned low = byte & 0x55;
        if (no_yellow) foreign |= high & ~low;
        if (no_red) foreign |= high & low;
    }
    if (foreign == 0) return {};
    for (unsigned y = 0; y < height_; ++y) {
        for (unsigned x = 0; x < width_; ++x) {
            if (!allows(palette, at(x, y))) {
                return fail(ImageError::bad_colour, "pixel " + std::to_string(x) + "," + std::to_string(y) + " on a " +
                                                        std::string(name(palette)) + " panel");
            }
        }
    }
    return {};
}

Bytes deflate(const TagImage& image, int level) {
    auto* c = compressor(level);
    const auto in = image.bytes();
    Bytes out(libdeflate_zlib_compress_bound(c, in.size()));
    out.resize(libdeflate_zlib_compress(c, in.data(), in.size(), out.data(), out.size()));
    return out;
}

Result<TagImage> inflate(unsigned width, unsigned height, BytesView stream) {
    if (!good_size(width, height)) return fail(ImageError::bad_size, size_text(width, height));
    thread_local const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> d(libdeflate_alloc_decompressor());
    Bytes pixels((width + 3) / 4 * std::size_t{height});
    std::size_t written = 0;
    const auto outcome =
        libdeflate_zlib_decompress(d.get(), stream.data(), stream.size(), pixels.data(), pixels.size(), &written);
    if (outcome != LIBDEFLATE_SUCCESS || written != pixels.size()) {
        return fail(ImageError::bad_stream, "zlib stream of " + std::to_string(stream.size()) +
                                                " bytes does not hold " + std::to_string(pixels.size()) +
                                                " bytes for " + size_text(width, height));
    }
    return TagImage::from_bytes(width, height, std::move(pixels));
}

Bytes to_png(const TagImage& image, unsigned scale) {
    const auto width = image.width() * scale;
    const auto height = image.height() * scale;
    Bytes indexes(std::size_t{width} * height);
    for (unsigned y = 0; y < height; ++y) {
        for (unsigned x = 0; x < width; ++x) {
            indexes[std::size_t{y} * width + x] = static_cast<std::uint8_t>(image.at(x / scale, y / scale));
        }
    }
    // Near what e-paper looks like, but pure enough to compare: black, white, yellow, red.
    static constexpr std::uint8_t kColours[] = {0, 0, 0, 255, 255, 255, 250, 204, 21, 220, 38, 38};
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    png.width = width;
    png.height = height;
    png.format = PNG_FORMAT_RGB_COLORMAP;
    png.colormap_entries = 4;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    Bytes out(size);
    if (png_image_write_to_memory(&png, out.data(), &size, 0, indexes.data(), 0, kColours) == 0) {
        throw std::runtime_error(std::string("libpng: ") + png.message);
    }
    out.resize(size);
    return out;
}

}  // namespace esl::image
