#include "mgmt-service/render/picture.hpp"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "common/core/bytes.hpp"
#include "mgmt-service/render/template.hpp"
#include "mgmt-service/render/tests/render_cases.hpp"

namespace esl::mgmt::render {
namespace {

using ::testing::HasSubstr;

std::string base64(BytesView bytes) {
    gchar* text = g_base64_encode(bytes.data(), bytes.size());
    std::string out = text;
    g_free(text);
    return out;
}

Bytes made(const char* type, int side = 40) {
    GdkPixbuf* picture = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, side, side);
    gdk_pixbuf_fill(picture, 0x808080FF);
    gchar* data = nullptr;
    gsize size = 0;
    EXPECT_NE(gdk_pixbuf_save_to_buffer(picture, &data, &size, type, nullptr, nullptr), 0);
    Bytes out(data, data + size);
    g_free(data);
    g_object_unref(picture);
    return out;
}

std::string wrong(const std::string& type, BytesView bytes) {
    return wrong_with_picture("data:image/" + type + ";base64," + base64(bytes)).value_or("nothing");
}

// The header of a PNG says this size, with a fitting checksum; the pixels stay those of the small one.
Bytes claiming(std::uint32_t width, std::uint32_t height) {
    auto png = made("png");
    for (std::size_t i = 0; i < 4; ++i) {
        png[16 + i] = static_cast<std::uint8_t>(width >> (24 - 8 * i));
        png[20 + i] = static_cast<std::uint8_t>(height >> (24 - 8 * i));
    }
    const auto crc = crc32(0, png.data() + 12, 17);
    for (std::size_t i = 0; i < 4; ++i) png[29 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    return png;
}

TEST(Picture, TakesAWholePngOrJpegAlsoWithLineBreaks) {
    EXPECT_EQ(wrong("png", made("png")), "nothing");
    EXPECT_EQ(wrong("jpeg", made("jpeg")), "nothing");
    auto text = base64(made("png"));
    for (std::size_t i = 60; i < text.size(); i += 62) text.insert(i, "\n ");
    EXPECT_FALSE(wrong_with_picture("data:image/png;base64," + text).has_value());
}

TEST(Picture, RefusesEveryTruncation) {
    for (const std::string type : {"png", "jpeg"}) {
        const auto whole = made(type.c_str());
        for (std::size_t size = 0; size < whole.size(); ++size) {
            ASSERT_NE(wrong(type, BytesView(whole).first(size)), "nothing") << type << " of " << size;
        }
    }
    const auto png = made("png");
    EXPECT_EQ(wrong("png", BytesView(png).first(png.size() - 1)),
              "a PNG that ends after " + std::to_string(png.size() - 1) + " bytes");
}

TEST(Picture, RefusesBase64ThatIsNotExact) {
    const std::string head = "data:image/png;base64,";
    const auto said = [&](const std::string& text) { return wrong_with_picture(head + text).value_or("nothing"); };
    EXPECT_EQ(said("iVB?"), "character 4 is not base64");
    EXPECT_EQ(said("iVB"), "base64 of a wrong length");
    EXPECT_EQ(said("iV==BORw"), "base64 goes on after its '='");
    EXPECT_EQ(said("iR=="), "base64 with bits beyond its end");
    EXPECT_EQ(said("i==="), "base64 of a wrong length");
    EXPECT_EQ(said(""), "not a PNG");
}

TEST(Picture, RefusesOtherTypesAndOneThatIsNotWhatItSays) {
    for (const auto* type : {"svg+xml;base64", "gif;base64", "png", "png;charset=x;base64"}) {
        EXPECT_EQ(wrong_with_picture("data:image/" + std::string(type) + ",AAAA"),
                  "a picture must be image/png or image/jpeg in base64");
    }
    EXPECT_EQ(wrong_with_picture("file:///etc/hostname"), "a picture must be inside the file (data:image/…)");
    EXPECT_EQ(wrong("png", made("jpeg")), "not a PNG");
    EXPECT_EQ(wrong("jpeg", made("png")), "not a JPEG");
}

TEST(Picture, JudgesTheSizeBeforeItDecodes) {
    EXPECT_EQ(wrong("png", claiming(50'000, 50'000)), "a picture of 50000x50000, at most 4194304 pixels are taken");
    EXPECT_EQ(wrong("png", claiming(0xFFFFFFFF, 0xFFFFFFFF)),
              "a picture of 4294967295x4294967295, at most 4194304 pixels are taken");
    EXPECT_EQ(wrong("png", claiming(0, 40)), "a picture of 0x40, at most 4194304 pixels are taken");
    EXPECT_THAT(wrong("png", claiming(41, 2'000)), HasSubstr("cannot be decoded"));
    auto jpeg = made("jpeg");
    for (std::size_t i = 0; i + 9 < jpeg.size(); ++i) {
        if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) jpeg[i + 5] = jpeg[i + 7] = 0xFF;
    }
    EXPECT_THAT(wrong("jpeg", jpeg), HasSubstr("at most 4194304 pixels"));
}

TEST(Picture, IsRefusedInATemplateByLineElementAndAttribute) {
    const auto said = [](const std::string& element) {
        const auto t =
            Template::parse("t",
                            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:s=\"http://www.w3.org/2000/svg\" "
                            "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"100\" height=\"50\">\n" +
                                element + "\n</svg>",
                            *test_fonts());
        return t ? std::string("none") : t.error().message();
    };
    EXPECT_EQ(said("<image id=\"logo\" width=\"9\" height=\"9\" xlink:href=\"data:image/png;base64,iVB?\"/>"),
              "bad template: t: line 2: <image id=\"logo\"> attribute xlink:href: character 4 is not base64");
    EXPECT_EQ(said("<s:image width=\"9\" height=\"9\" href=\"file:///etc/hostname\"/>"),
              "bad template: t: line 2: <s:image> attribute href: a picture must be inside the file (data:image/…)");
    EXPECT_EQ(said("<image width=\"9\" height=\"9\"/>"), "bad template: t: line 2: <image> attribute href: is missing");
    EXPECT_EQ(said("<feImage/>"), "bad template: t: line 2: <feImage>: is not taken in a template");
    EXPECT_EQ(said("<image width=\"9\" height=\"9\" href=\"data:image/png;base64," + base64(made("png")) + "\"/>"),
              "none");
}

}  // namespace
}  // namespace esl::mgmt::render
