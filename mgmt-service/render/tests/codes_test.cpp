// The codes on the tags are read from their PNGs by zbarimg, which shares nothing with the code that drew them.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "common/testing/testing.hpp"
#include "mgmt-service/render/codes.hpp"
#include "mgmt-service/render/tests/render_cases.hpp"

namespace esl::mgmt::render {
namespace {

std::string output_of(const std::string& command) {
    std::string out;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return out;
    std::array<char, 512> part{};
    while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr) out += part.data();
    pclose(pipe);
    return out;
}

// "EAN-13:…" and "QR-Code:…" lines, in the order zbarimg finds them.
std::string scanned(const image::TagImage& image, const std::filesystem::path& folder) {
    const auto path = folder / "tag.png";
    const auto png = image::to_png(image, 2);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
    return output_of("zbarimg --quiet --nodbus " + path.string() + " 2>/dev/null");
}

TEST(Codes, AreReadFromEveryTemplateAndPalette) {
    const testing::TempDir folder;
    Renderer renderer(test_fonts());
    int read = 0;
    for (const auto& t : test_templates().all()) {
        for (const auto* palette : {"bw", "bwr", "bwy", "bwry"}) {
            const auto id = std::to_string(t.width()) + "x" + std::to_string(t.height()) + "-" + palette;
            for (const auto& fields : {juice(), promotion()}) {
                const auto seen = scanned(draw(renderer, {"", Panel::parse(id).value(), fields}).image, folder.path());
                const bool ean = seen.find("EAN-13:9008700232043") != std::string::npos;
                const bool qr = seen.find("QR-Code:HTTPS://ID.EXAMPLE.SHOP/01/09008700232043") != std::string::npos;
                EXPECT_TRUE(ean || qr) << id << ": " << seen;
                read += ean + qr;
            }
        }
    }
    EXPECT_EQ(read, 5 * 8 + 8) << "the largest template has both codes";
}

TEST(Codes, OfAGtin8AreDrawnAsTheShortSymbol) {
    const testing::TempDir folder;
    Renderer renderer(test_fonts());
    auto fields = juice();
    fields.code = "00000096385074";
    const auto seen = scanned(draw(renderer, {"", Panel::parse("296x128-bw").value(), fields}).image, folder.path());
    EXPECT_EQ(seen, "EAN-8:96385074\n");
}

TEST(Codes, ThatDoNotFitAreLeftOutWithANote) {
    Renderer renderer(test_fonts());
    auto fields = juice();
    fields.url = "https://a-very-long-shop-name.example.com/" + std::string(200, 'p');
    const auto out = draw(renderer, {"", Panel::parse("212x104-bw").value(), fields});
    ASSERT_EQ(out.notes.size(), 1U);
    EXPECT_EQ(out.notes[0].find("qr: "), 0U) << out.notes[0];
    EXPECT_NE(out.notes[0].find("modules do not fit 66 px; left out"), std::string::npos) << out.notes[0];
    fields.code = "TV-55";
    EXPECT_TRUE(draw(renderer, {"", Panel::parse("296x128-bw").value(), fields}).notes.empty())
        << "an item code has no EAN";
}

TEST(CodeMaker, RefusesAWrongCheckDigit) {
    CodeMaker maker;
    EXPECT_TRUE(maker.ean("4006381333931"));
    EXPECT_FALSE(maker.ean("4006381333932"));
    EXPECT_TRUE(maker.ean("4006381333931")) << "an error leaves nothing behind";
    EXPECT_EQ(maker.ean("4006381333931").value().width, 95);
    EXPECT_EQ(maker.qr("HTTPS://ID.EXAMPLE.SHOP/01/09008700232043").value().width, 25);
    EXPECT_FALSE(maker.qr(std::string(4000, 'x')));
}

}  // namespace
}  // namespace esl::mgmt::render
