#include "common/image/tag_image.hpp"

#include <gtest/gtest.h>

#include "common/testing/testing.hpp"

namespace esl::image {
namespace {

TagImage sample() {
    TagImage image(5, 2);
    image.set(0, 0, Colour::black);
    image.set(1, 0, Colour::red);
    image.set(4, 0, Colour::yellow);
    image.set(4, 1, Colour::black);
    return image;
}

TEST(TagImage, PacksFourPixelsAByteFirstInTheHighBitsRowsPadded) {
    const Bytes expected{0x35,   // 00 black, 11 red, 01 white, 01 white
                         0x80,   // 10 yellow, padding
                         0x55,   // four white
                         0x00};  // 00 black, padding
    const auto image = sample();
    EXPECT_EQ(Bytes(image.bytes().begin(), image.bytes().end()), expected);
    EXPECT_EQ(TagImage::from_bytes(5, 2, expected).value(), sample());
}

TEST(TagImage, RefusesWrongLengthsSizesAndPadding) {
    EXPECT_TRUE(TagImage::from_bytes(5, 2, Bytes(3)).error().is(ImageError::bad_length));
    EXPECT_TRUE(TagImage::from_bytes(0, 2, {}).error().is(ImageError::bad_size));
    EXPECT_TRUE(TagImage::from_bytes(kMaxSide + 1, 1, {}).error().is(ImageError::bad_size));
    EXPECT_EQ(TagImage::from_bytes(1, 2, {0x40, 0x41}).error().about(), "padding of row 1 is not zero");
}

TEST(TagImage, IdDependsOnSizeAndPixels) {
    // Python: zlib.crc32(bytes([5,0, 2,0, 0x35,0x80,0x55,0x00]))
    EXPECT_EQ(sample().crc(), 0x8106CA04U);
    EXPECT_NE(TagImage(4, 8).crc(), TagImage(8, 4).crc());
}

TEST(TagImage, NamesThePixelThatThePanelCannotShow) {
    EXPECT_TRUE(sample().check(Palette::bwry).has_value());
    EXPECT_EQ(sample().check(Palette::bwr).error().about(), "pixel 4,0 on a bwr panel");
    EXPECT_EQ(sample().check(Palette::bw).error().about(), "pixel 1,0 on a bw panel");
}

TEST(TagImage, InflateUndoesDeflateAndRefusesEveryDamage) {
    const auto stream = deflate(sample());
    EXPECT_EQ(inflate(5, 2, stream).value(), sample());
    EXPECT_TRUE(inflate(5, 3, stream).error().is(ImageError::bad_stream));
    testing::for_every_truncation(stream, [](BytesView cut) {
        EXPECT_TRUE(inflate(5, 2, cut).error().is(ImageError::bad_stream));
    });
    for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
        auto damaged = stream;
        damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ 1U << bit % 8);
        const auto out = inflate(5, 2, damaged);
        EXPECT_TRUE(!out || *out == sample()) << bit;
    }
}

TEST(TagImage, PngStartsWithItsSignature) {
    const auto png = to_png(sample(), 2);
    EXPECT_EQ(to_hex(BytesView(png).first(8)), "89504E470D0A1A0A");
    EXPECT_EQ(to_hex(BytesView(png).subspan(16, 8)), "0000000A00000004");  // 10 x 4
}

}  // namespace
}  // namespace esl::image
