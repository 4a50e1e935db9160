// Golden images in tests/golden/render/. After a wanted change of the drawing: raise kDrawingVersion in template.cpp,
// run
//     ESL_UPDATE_GOLDEN=1 build/bin/esl_mgmt_render_tests --gtest_filter='*Golden*'
// in the source root, and look at every picture that git then shows as changed.
#include <gtest/gtest.h>
#include <png.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "mgmt-service/render/tests/render_cases.hpp"

namespace esl::mgmt::render {
namespace {

namespace fs = std::filesystem;
const fs::path kFolder = "tests/golden/render";

// The colours of image::to_png, back to indexes.
Result<image::TagImage> read_png(const fs::path& path) {
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_file(&png, path.c_str()) == 0) return fail(ParseError::malformed, png.message);
    png.format = PNG_FORMAT_RGB;
    std::vector<std::uint8_t> rgb(PNG_IMAGE_SIZE(png));
    if (png_image_finish_read(&png, nullptr, rgb.data(), 0, nullptr) == 0)
        return fail(ParseError::malformed, png.message);
    image::TagImage out(png.width, png.height);
    for (unsigned y = 0; y < png.height; ++y) {
        for (unsigned x = 0; x < png.width; ++x) {
            const auto* p = &rgb[(std::size_t{y} * png.width + x) * 3];
            const auto colour = p[0] < 100   ? image::Colour::black
                                : p[1] < 100 ? image::Colour::red
                                : p[2] < 100 ? image::Colour::yellow
                                             : image::Colour::white;
            out.set(x, y, colour);
        }
    }
    return out;
}

void write(const fs::path& path, const Bytes& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::size_t different_pixels(const image::TagImage& a, const image::TagImage& b) {
    std::size_t count = 0;
    for (unsigned y = 0; y < a.height(); ++y) {
        for (unsigned x = 0; x < a.width(); ++x) count += a.at(x, y) != b.at(x, y) ? 1 : 0;
    }
    return count;
}

class Golden : public ::testing::TestWithParam<Case> {};

TEST_P(Golden, ImageIsDrawnAsItWasLookedAt) {
    const auto& c = GetParam();
    Renderer renderer(test_fonts());
    const auto drawn = draw(renderer, c);
    EXPECT_TRUE(drawn.image.check(c.panel.palette)) << "a colour that the panel lacks";
    const auto path = kFolder / (c.file + ".png");
    if (std::getenv("ESL_UPDATE_GOLDEN") != nullptr) write(path, image::to_png(drawn.image));
    const auto golden = read_png(path);
    ASSERT_TRUE(golden) << path << ": " << golden.error().message();
    ASSERT_EQ(golden->width(), drawn.image.width());
    ASSERT_EQ(golden->height(), drawn.image.height());
    if (drawn.image == *golden) return;
    const auto seen = fs::temp_directory_path() / ("shelfwire-" + c.file + ".png");
    write(seen, image::to_png(drawn.image));
    FAIL() << different_pixels(*golden, drawn.image) << " pixels differ from " << path << "; drawn now: " << seen;
}

INSTANTIATE_TEST_SUITE_P(Render, Golden, ::testing::ValuesIn(golden_cases()), [](const auto& info) {
    auto name = info.param.file;
    for (auto& c : name) c = c == '-' ? '_' : c;
    return name;
});

}  // namespace
}  // namespace esl::mgmt::render
