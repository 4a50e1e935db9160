#include "mgmt-service/render/picture.hpp"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <png.h>
#include <zlib.h>

#include <memory>

#include "common/core/bytes.hpp"

namespace esl::mgmt::render {
namespace {

using Wrong = std::optional<std::string>;

int digit_of(char c) {
    static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto at = kDigits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

Wrong decode_base64(std::string_view text, Bytes& out) {
    std::uint32_t held = 0;
    unsigned bits = 0;
    std::size_t digits = 0, padding = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
        if (c == '=') {
            ++padding;
            continue;
        }
        const int digit = digit_of(c);
        if (digit < 0) return "character " + std::to_string(i + 1) + " is not base64";
        if (padding > 0) return "base64 goes on after its '='";
        ++digits;
        held = (held << 6) | static_cast<std::uint32_t>(digit);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out.push_back(static_cast<std::uint8_t>(held >> bits));
        held &= (1U << bits) - 1;
    }
    if (padding > 2 || (digits + padding) % 4 != 0) return "base64 of a wrong length";
    if (held != 0) return "base64 with bits beyond its end";
    return std::nullopt;
}

std::uint32_t big_endian(BytesView bytes, std::size_t at, std::size_t count) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < count; ++i) out = out << 8 | bytes[at + i];
    return out;
}

Wrong check_size(std::size_t width, std::size_t height) {
    if (width > 0 && height > 0 && width <= kMaxPicturePixels && height <= kMaxPicturePixels / width)
        return std::nullopt;
    return "a picture of " + std::to_string(width) + "x" + std::to_string(height) + ", at most " +
           std::to_string(kMaxPicturePixels) + " pixels are taken";
}

// [PNG 5]: signature, then chunks of length, type, data, CRC; IHDR first, IEND last.
Wrong check_png(BytesView png) {
    static constexpr std::uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    static constexpr std::uint32_t kHeader = 0x49484452, kEnd = 0x49454E44;
    if (png.size() < 8 || !std::equal(std::begin(kSignature), std::end(kSignature), png.begin())) return "not a PNG";
    for (std::size_t at = 8; at + 12 <= png.size();) {
        const auto length = big_endian(png, at, 4);
        const auto type = big_endian(png, at + 4, 4);
        if (length > png.size() - at - 12) break;
        if (crc32(0, png.data() + at + 4, length + 4) != big_endian(png, at + 8 + length, 4)) {
            return "a PNG with a wrong checksum at byte " + std::to_string(at);
        }
        if ((at == 8) != (type == kHeader && length == 13)) return "a PNG without its header first";
        if (at == 8) {
            if (auto wrong = check_size(big_endian(png, 16, 4), big_endian(png, 20, 4))) return wrong;
        }
        at += 12 + std::size_t{length};
        if (type == kEnd) return at == png.size() ? Wrong() : "bytes after the end of the PNG";
    }
    return "a PNG that ends after " + std::to_string(png.size()) + " bytes";
}

// [ITU-T T.81 B.1.1]: markers FF xx with a length, up to the frame header, which has the size; FF D9 at the end.
Wrong check_jpeg(BytesView jpeg) {
    if (jpeg.size() < 4 || jpeg[0] != 0xFF || jpeg[1] != 0xD8) return "not a JPEG";
    if (jpeg[jpeg.size() - 2] != 0xFF || jpeg[jpeg.size() - 1] != 0xD9) {
        return "a JPEG that ends after " + std::to_string(jpeg.size()) + " bytes";
    }
    for (std::size_t at = 2; at + 9 <= jpeg.size();) {
        const unsigned marker = jpeg[at + 1];
        if (jpeg[at] != 0xFF) break;
        if (marker == 0xFF) {
            ++at;
            continue;
        }
        const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (frame) return check_size(big_endian(jpeg, at + 7, 2), big_endian(jpeg, at + 5, 2));
        if (marker == 0xDA || marker == 0xD9) break;
        at += 2 + std::size_t{big_endian(jpeg, at + 2, 2)};
    }
    return "a JPEG without a frame header";
}

struct FreeObject {
    void operator()(void* o) const { g_object_unref(o); }
};

// By libpng: gdk-pixbuf takes a PNG whose rows are not all there.
Wrong decode_png(BytesView bytes) {
    png_image picture{};
    picture.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_memory(&picture, bytes.data(), bytes.size()) == 0) {
        return "cannot be decoded: " + std::string(picture.message);
    }
    picture.format = PNG_FORMAT_RGBA;
    Bytes pixels(PNG_IMAGE_SIZE(picture));
    if (png_image_finish_read(&picture, nullptr, pixels.data(), 0, nullptr) == 0) {
        return "cannot be decoded: " + std::string(picture.message);
    }
    return std::nullopt;
}

Wrong decode_jpeg(BytesView bytes) {
    GError* error = nullptr;
    const auto said = [&] {
        std::string why = error != nullptr ? error->message : "unknown";
        g_clear_error(&error);
        return "cannot be decoded: " + why;
    };
    const std::unique_ptr<GdkPixbufLoader, FreeObject> loader(
        gdk_pixbuf_loader_new_with_mime_type("image/jpeg", &error));
    if (!loader) return said();
    if (gdk_pixbuf_loader_write(loader.get(), bytes.data(), bytes.size(), &error) == 0) {
        auto why = said();
        gdk_pixbuf_loader_close(loader.get(), nullptr);
        return why;
    }
    if (gdk_pixbuf_loader_close(loader.get(), &error) == 0) return said();
    if (gdk_pixbuf_loader_get_pixbuf(loader.get()) == nullptr) return "cannot be decoded: no pixels";
    return std::nullopt;
}

}  // namespace

std::optional<std::string> wrong_with_picture(std::string_view href) {
    static constexpr std::string_view kPng = "data:image/png;base64,", kJpeg = "data:image/jpeg;base64,";
    const bool png = href.starts_with(kPng);
    if (!png && !href.starts_with(kJpeg)) {
        return href.starts_with("data:") ? "a picture must be image/png or image/jpeg in base64"
                                         : "a picture must be inside the file (data:image/…)";
    }
    Bytes bytes;
    if (auto wrong = decode_base64(href.substr(png ? kPng.size() : kJpeg.size()), bytes)) return wrong;
    if (auto wrong = png ? check_png(bytes) : check_jpeg(bytes)) return wrong;
    return png ? decode_png(bytes) : decode_jpeg(bytes);
}

}  // namespace esl::mgmt::render
