// The canonical tag image (docs/formats/tag-image.md): what the service renders, what travels to the AP, what a
// simulated tag shows. Drivers turn it into planes, rotations and vendor codings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace esl::image {

// Palette index of a pixel; the four values of 2 bits.
enum class Colour : std::uint8_t { black = 0, white = 1, yellow = 2, red = 3 };

// Which indexes a panel can show.
enum class Palette : std::uint8_t { bw = 0, bwr = 1, bwy = 2, bwry = 3 };

[[nodiscard]] bool allows(Palette palette, Colour colour);
// "bw", "bwr", "bwy", "bwry".
[[nodiscard]] std::string_view name(Palette palette);
[[nodiscard]] Result<Palette> palette_from(std::string_view name);

enum class ImageError { bad_size, bad_length, bad_colour, bad_stream, too_large };
constexpr std::string_view describe(ImageError e) {
    switch (e) {
        case ImageError::bad_size: return "bad image size";
        case ImageError::bad_length: return "wrong number of image bytes";
        case ImageError::bad_colour: return "colour outside the panel's palette";
        case ImageError::bad_stream: return "damaged compressed image";
        case ImageError::too_large: return "image too large";
    }
    return "image error";
}

// No panel known is larger (1360x480, 960x640); bounds every allocation made for an image from outside.
inline constexpr unsigned kMaxSide = 1600;

// A value: 2 bits a pixel, row-major, first pixel in the high bits, each row padded to a byte with zero bits.
class TagImage {
public:
    TagImage() = default;
    // All pixels of one colour. Sides from 1 to kMaxSide (asserted).
    TagImage(unsigned width, unsigned height, Colour fill = Colour::white);
    // From canonical bytes; padding bits must be zero. Errors: bad_size, bad_length.
    [[nodiscard]] static Result<TagImage> from_bytes(unsigned width, unsigned height, Bytes pixels);

    [[nodiscard]] unsigned width() const { return width_; }
    [[nodiscard]] unsigned height() const { return height_; }
    [[nodiscard]] BytesView bytes() const { return pixels_; }
    [[nodiscard]] bool empty() const { return pixels_.empty(); }

    // No bounds check beyond assert: x < width, y < height.
    [[nodiscard]] Colour at(unsigned x, unsigned y) const {
        return static_cast<Colour>(pixels_[y * stride() + x / 4] >> (6 - 2 * (x % 4)) & 3);
    }
    void set(unsigned x, unsigned y, Colour c) {
        auto& byte = pixels_[y * stride() + x / 4];
        const unsigned shift = 6 - 2 * (x % 4);
        byte = static_cast<std::uint8_t>((byte & ~(3U << shift)) | static_cast<unsigned>(c) << shift);
    }
    [[nodiscard]] std::size_t stride() const { return (width_ + 3) / 4; }

    // The image id on the air: CRC-32 (zlib's) over width u16le, height u16le and the canonical bytes.
    [[nodiscard]] std::uint32_t crc() const;
    // Errors: bad_colour with the first pixel that the palette does not allow.
    [[nodiscard]] Result<> check(Palette palette) const;

    bool operator==(const TagImage&) const = default;

private:
    unsigned width_ = 0;
    unsigned height_ = 0;
    Bytes pixels_;
};

// zlib streams (RFC 1950), as carried in MQTT. `level` 1 to 12.
[[nodiscard]] Bytes deflate(const TagImage& image, int level = 6);
// Errors: bad_size, bad_stream; never allocates more than the image of that size needs.
[[nodiscard]] Result<TagImage> inflate(unsigned width, unsigned height, BytesView stream);

// A PNG with a four-entry palette, each pixel `scale` x `scale`.
[[nodiscard]] Bytes to_png(const TagImage& image, unsigned scale = 1);

}  // namespace esl::image
