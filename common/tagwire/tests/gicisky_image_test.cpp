#include <gtest/gtest.h>

#include <random>

#include "common/tagwire/gicisky/image.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::gicisky {
namespace {

using image::Colour;
using image::TagImage;

const Model& model(std::uint16_t id) {
    const auto* found = find_model(id);
    if (found == nullptr) throw std::out_of_range("model");
    return *found;
}

// Bands and noise in the model's colours.
TagImage sample(const Model& m, unsigned seed) {
    std::mt19937 random{seed};
    TagImage out{m.width, m.height};
    for (unsigned y = 0; y < m.height; ++y) {
        for (unsigned x = 0; x < m.width; ++x) {
            const auto colour = static_cast<Colour>(y % 32 < 20 ? (x / 16 + y / 8) % 4 : random() % 4);
            if (image::allows(m.palette, colour)) out.set(x, y, colour);
        }
    }
    return out;
}

TEST(GiciskyImage, ComesBackFromEveryModelAndCodingAsItWas) {
    for (const auto& m : models()) {
        for (const auto matches : {Matches::on, Matches::off}) {
            for (const auto firmware : {std::uint16_t{0x0101}, std::uint16_t{0x8101}}) {
                const auto coding = coding_of(m, firmware);
                const auto image = sample(m, m.id);
                const auto bytes = encode_image(m, coding, image, matches);
                ASSERT_TRUE(bytes) << model_name(m.id);
                EXPECT_LE(bytes->size(), longest_image(m, coding)) << model_name(m.id);
                const auto back = decode_image(m, coding, *bytes);
                ASSERT_TRUE(back) << model_name(m.id) << ": " << back.error().message();
                EXPECT_EQ(*back, image) << model_name(m.id);
            }
        }
    }
}

TEST(GiciskyImage, HasTheSizesOfTheRealPanels) {
    const auto size = [](std::uint16_t id) {
        const auto& m = model(id);
        return encode_image(m, m.coding, TagImage{m.width, m.height}).value().size();
    };
    EXPECT_EQ(size(0x0033), 9472U);
    EXPECT_EQ(size(0x0028), 4736U);
    EXPECT_EQ(size(0x000B), 5512U);
    EXPECT_EQ(size(0x004B), 30000U);
    EXPECT_EQ(size(0x004E), 30000U);
    EXPECT_EQ(encode_image(model(0x012B), Coding::framed, TagImage{800, 480})->size(), 4U + 2 * 800 * (7 + 60));
}

// Where one pixel of the canonical image lands. 2.9": rotated a quarter counter-clockwise, so the top right corner is
// read first and the rows read are 128 pixels, 16 bytes long.
TEST(GiciskyImage, PutsThePixelsOfA29InchTagWhereThePanelReadsThem) {
    const auto& m = model(0x0033);
    TagImage image{296, 128};
    image.set(295, 0, Colour::black);  // top right: first bit
    image.set(295, 9, Colour::red);    // ten pixels further along the panel's first row
    image.set(294, 0, Colour::black);  // panel's second row
    image.set(0, 127, Colour::black);  // bottom left: last bit
    const auto bytes = encode_image(m, m.coding, image).value();
    EXPECT_EQ(bytes[0], 0x7F);
    EXPECT_EQ(bytes[1], 0xBF);  // red is not white
    EXPECT_EQ(bytes[16], 0x7F);
    EXPECT_EQ(bytes[4735], 0xFE);
    EXPECT_EQ(bytes[4736 + 1], 0x40);  // red plane
    EXPECT_EQ(bytes[4736], 0x00);
}

// 2.1": rotated 270 degrees counter-clockwise and every row read from right to left.
TEST(GiciskyImage, PutsThePixelsOfA21InchTagWhereThePanelReadsThem) {
    const auto& m = model(0x000B);
    TagImage image{212, 104};
    image.set(0, 0, Colour::black);
    image.set(1, 0, Colour::black);
    image.set(0, 103, Colour::red);
    const auto bytes = encode_image(m, m.coding, image).value();
    EXPECT_EQ(bytes[0], 0x7F);   // (0,0) is read first
    EXPECT_EQ(bytes[12], 0xFE);  // (0,103) ends the first row of 13 bytes
    EXPECT_EQ(bytes[13], 0x7F);  // (1,0) begins the second
    EXPECT_EQ(bytes[2756 + 12], 0x01);
}

// 7.5": upside down by rows, first plane tells "not white".
TEST(GiciskyImage, PutsThePixelsOfA75InchTagWhereThePanelReadsThem) {
    const auto& m = model(0x012B);
    TagImage image{800, 480};
    image.set(0, 479, Colour::black);
    image.set(8, 479, Colour::red);
    const auto bytes = encode_image(m, Coding::framed, image).value();
    EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 14),
              (Bytes{0xC4, 0xA2, 0x01, 0x00,  // 107204 bytes in all
                     0x75, 0x43, 0x3C,        // line: 67 bytes with header, 60 without
                     0x00, 0x00, 0x00, 0x00,  //
                     0x80,                    // (0,479) is not white
                     0x80,                    // nor is the red one
                     0x00}));
    EXPECT_EQ(bytes[4 + 800 * 67 + 7 + 1], 0x80);  // red plane
}

TEST(GiciskyImage, PacksFourColoursIntoTwoBitsAPixel) {
    const auto& m = model(0x004E);
    TagImage image{400, 300};
    image.set(0, 0, Colour::black);
    image.set(1, 0, Colour::white);
    image.set(2, 0, Colour::yellow);
    image.set(3, 0, Colour::red);
    EXPECT_EQ(encode_image(m, m.coding, image).value()[0], 0x1B);
}

TEST(GiciskyImage, WritesPlainChunksWhenNoMatchesAreWanted) {
    const auto& m = model(0x012B);
    const auto bytes = encode_image(m, Coding::chunked, TagImage{800, 480}, Matches::off).value();
    EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 8), (Bytes{0x80, 0xBB, 0x00, 0x00,  // second half: 48000 bytes
                                                              0x74, 0x43, 0x40,        // plain chunk, 67 and 64 bytes
                                                              0x00}));                 // white is 0 on this panel
    EXPECT_EQ(bytes.size(), 4U + 2 * 750 * 67);
    const auto shorter = encode_image(m, Coding::chunked, TagImage{800, 480}, Matches::on).value();
    EXPECT_LT(shorter.size(), bytes.size() / 2);
}

TEST(GiciskyImage, OfAnotherSizeOrColourIsRefusedByName) {
    const auto wrong_size = encode_image(model(0x0033), Coding::planes, TagImage{128, 296});
    ASSERT_FALSE(wrong_size);
    EXPECT_EQ(wrong_size.error().message(), "out of range: image 128x296 for gicisky-0033, which is 296x128");
    TagImage yellow{296, 128};
    yellow.set(5, 6, Colour::yellow);
    EXPECT_TRUE(encode_image(model(0x0033), Coding::planes, yellow).error().is(WireError::out_of_range));
}

TEST(GiciskyImage, ShowsRedWhereBothPlanesAreSet) {
    const auto& m = model(0x004B);
    Bytes all(30000, 0xFF);
    const auto image = decode_image(m, Coding::planes, all).value();
    EXPECT_EQ(image.at(17, 5), Colour::red);
}

void expect_every_cut_refused(const Model& m, Coding coding, BytesView bytes, std::size_t step) {
    for (std::size_t n = 0; n < bytes.size(); n += step) {
        EXPECT_FALSE(decode_image(m, coding, bytes.first(n))) << model_name(m.id) << " cut to " << n;
    }
    Bytes longer(bytes.begin(), bytes.end());
    longer.push_back(0);
    EXPECT_FALSE(decode_image(m, coding, longer)) << model_name(m.id);
}

TEST(GiciskyImage, CutShortOrOneByteTooLongIsRefused) {
    for (const auto& m : models()) {
        const auto coding = m.coding;
        expect_every_cut_refused(m, coding, encode_image(m, coding, sample(m, 7)).value(), 997);
    }
}

TEST(GiciskyImage, DamagedFramingIsMalformedWithItsPlace) {
    const auto& m = model(0x022B);
    auto lines = encode_image(m, Coding::framed, sample(m, 1)).value();
    lines[4 + 59] = 0x74;  // the second line's first byte
    EXPECT_EQ(decode_image(m, Coding::framed, lines).error().message(), "malformed: line at byte 63");
    const auto& big = model(0x008B);
    auto chunks = encode_image(big, Coding::chunked, sample(big, 1), Matches::off).value();
    chunks[4 + 67 + 2] = 0x41;  // the second chunk says 65 bytes
    EXPECT_EQ(decode_image(big, Coding::chunked, chunks).error().message(), "malformed: chunk at byte 71");
}

}  // namespace
}  // namespace esl::tagwire::gicisky
