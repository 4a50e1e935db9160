#include "mgmt-service/render/template.hpp"

#include <gtest/gtest.h>

#include "mgmt-service/render/art.hpp"
#include "mgmt-service/render/layout.hpp"
#include "mgmt-service/render/renderer.hpp"
#include "mgmt-service/render/tests/render_cases.hpp"

namespace esl::mgmt::render {
namespace {

std::string svg(std::string_view body, std::string_view size = R"(width="100" height="50")") {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" " + std::string(size) + ">\n" + std::string(body) + "\n</svg>";
}

std::string error_of(std::string_view text) {
    const auto t = Template::parse("t", text, *test_fonts());
    return t ? std::string("none") : t.error().message();
}

TEST(Template, NamesLineElementAndAttributeOfWhatIsWrong) {
    const std::pair<std::string, std::string> rows[] = {
        {svg(R"(<rect id="p" data-bind="prize" width="9" height="9"/>)"),
         R"(bad template: t: line 2: <rect id="p"> attribute data-bind: 'prize' is not a field)"},
        {svg("\n"
             R"(<rect id="p" data-bind="price" width="9cm" height="9"/>)"),
         R"(bad template: t: line 3: <rect id="p"> attribute width: '9cm' is not a number of pixels)"},
        {svg(R"(<rect data-bind="price" height="9"/>)"), "bad template: t: line 2: <rect> attribute width: is missing"},
        {svg(R"(<rect data-bind="price" x="95" width="9" height="9"/>)"),
         "bad template: t: line 2: <rect> attribute width: the box leaves the picture"},
        {svg(R"(<rect data-bind="price" width="9" height="9" font-size="2000"/>)"),
         "bad template: t: line 2: <rect> attribute font-size: '2000' is not 6 to 600"},
        {svg(R"(<rect data-bind="name" width="9" height="9" text-anchor="left"/>)"),
         "bad template: t: line 2: <rect> attribute text-anchor: 'left' is none of start, middle, end"},
        {svg(R"(<rect data-bind="name" width="9" height="9" style="fill:greenish"/>)"),
         "bad template: t: line 2: <rect> attribute fill: 'greenish' is not a colour like #dc2626"},
        {svg(R"(<circle data-bind="name" r="9"/>)"),
         "bad template: t: line 2: <circle> attribute data-bind: only a <rect> can be bound; its box is where the "
         "field goes"},
        {svg(R"x(<g transform="rotate(9)"><rect data-bind="name" width="9" height="9"/></g>)x"),
         "bad template: t: line 2: <g> attribute transform: 'rotate(9)' does more than move, and a bound "
         "box is inside"},
        {svg(R"(<text x="1" y="9">Sale</text>)"),
         "bad template: t: line 2: <text>: text is drawn by fields only; make it a <rect data-text=\"…\"> or a path"},
        {svg("<script>1</script>"), "bad template: t: line 2: <script>: is not taken in a template"},
        {svg(R"(<image href="http://example.com/a.png" width="9" height="9"/>)"),
         "bad template: t: line 2: <image> attribute href: a picture must be inside the file (data:image/…)"},
        {svg("", R"(width="100")"), "bad template: t: line 1: <svg> attribute height: '' is not 8 to 1600"},
        {svg("", R"(width="100" height="50" viewBox="0 0 200 100")"),
         "bad template: t: line 1: <svg> attribute viewBox: must be '0 0 100 50', so that one unit is one pixel of the "
         "tag"},
        {"<html/>", "bad SVG: t: the first element is <html>, not <svg>"},
        {svg("<g>"), "bad SVG: t: line 3: Start-end tags mismatch"},
        {"", "bad SVG: t: line 1: No document element found"},
    };
    for (const auto& [text, message] : rows) EXPECT_EQ(error_of(text), message) << text;
}

TEST(Template, RefusesACodeWhoseModulesNoScannerReads) {
    EXPECT_EQ(
        error_of(svg(R"(<rect id="e" data-bind="ean13" width="200" height="20"/>)", R"(width="296" height="128")")),
        "bad template: t: line 2: <rect id=\"e\"> attribute width: 200 px give a module of 1 px (0.226 mm with quiet "
        "zones), and 0.264 mm is the least: make it 226 px");
    EXPECT_EQ(error_of(svg(R"(<rect data-bind="qr" width="66" height="66"/>)", R"(width="296" height="128")")), "none");
    EXPECT_NE(error_of(svg(R"(<rect data-bind="qr" width="65" height="66"/>)", R"(width="296" height="128")")), "none");
}

TEST(Template, IsNotBroughtDownByNesting) {
    std::string deep, end;
    for (int i = 0; i < 20'000; ++i) {
        deep += "<g>";
        end += "</g>";
    }
    EXPECT_NE(error_of(svg(deep + end)).find("nested too deeply"), std::string::npos);
    EXPECT_NE(error_of(std::string((1U << 20) + 1, ' ')).find("at most 1 MiB"), std::string::npos);
}

TEST(Template, MovesBoxesWithTheirGroups) {
    const auto t = Template::parse("t", svg(R"x(<g transform="translate(10, 5)"><g transform="matrix(1,0,0,1,3,0)">
<rect data-bind="name" x="1" y="2" width="20" height="10" style="font-size:11px; fill:#ffffff;font-weight:700"/></g></g>)x"),
                                   *test_fonts());
    ASSERT_TRUE(t) << t.error().message();
    const auto& e = t->layout().elements.at(0);
    EXPECT_EQ(e.box, (Box{14, 7, 20, 10}));
    EXPECT_EQ(e.style.size, 11);
    EXPECT_TRUE(e.style.bold);
    EXPECT_EQ(e.ink, Ink::white);
}

TEST(Template, HasAnotherVersionWhenAnythingInItChanges) {
    const auto a = Template::parse("t", svg("<g/>"), *test_fonts()).value();
    const auto b = Template::parse("t", svg("<g />"), *test_fonts()).value();
    EXPECT_EQ(a.version().size(), 8U);
    EXPECT_NE(a.version(), b.version());
    EXPECT_EQ(a.version(), Template::parse("u", svg("<g/>"), *test_fonts()).value().version());
}

TEST(TemplateSet, HasOneForEveryPanelSize) {
    for (const auto* id : {"212x104-bw", "250x122-bwr", "296x128-bwry", "400x300-bwy", "800x480-bw"}) {
        const auto* t = test_templates().usual(Panel::parse(id).value());
        ASSERT_NE(t, nullptr) << id;
        EXPECT_EQ(test_templates().find(t->id()), t);
        EXPECT_EQ(t->name(), "Shelf");
    }
    EXPECT_EQ(test_templates().usual(Panel::parse("152x152-bw").value()), nullptr);
    EXPECT_EQ(test_templates().find("nothing"), nullptr);
}

TEST(Panel, IsReadFromItsIdOrRefused) {
    EXPECT_EQ(Panel::parse("296x128-bwr").value().id(), "296x128-bwr");
    EXPECT_NEAR(Panel::parse("296x128-bwr").value().pixel_mm(), 0.226, 0.001);
    for (const auto* bad :
         {"", "296", "296x128", "296x128-rgb", "x128-bw", "296x-bw", "9999x128-bw", "296x1-bw", "-x", "a-bx"}) {
        EXPECT_TRUE(Panel::parse(bad).error().is(RenderError::bad_panel)) << bad;
    }
}

TEST(Art, TakesAPartsColourFromThePanel) {
    const auto t = Template::parse(
        "t", svg(R"(<rect width="100" height="50" style="fill:#123456" data-fill="accent"/>)"), *test_fonts());
    ASSERT_TRUE(t);
    const auto first = [&](image::Palette p) {
        return static_cast<image::Colour>(draw_art(t->layout(), p, false).value()[0]);
    };
    EXPECT_EQ(first(image::Palette::bw), image::Colour::black);
    EXPECT_EQ(first(image::Palette::bwr), image::Colour::red);
    EXPECT_EQ(first(image::Palette::bwy), image::Colour::yellow);
    EXPECT_EQ(first(image::Palette::bwry), image::Colour::red);
}

TEST(Art, DithersPicturesOnly) {
    // A grey rectangle, once as a shape and once as a picture (one grey pixel, stretched).
    const std::string grey =
        "data:image/"
        "png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";
    const auto t =
        Template::parse("t",
                        svg("<rect width=\"50\" height=\"50\" fill=\"#808080\"/><image x=\"50\" y=\"0\" width=\"50\" "
                            "height=\"50\" href=\"" +
                            grey + "\"/>"),
                        *test_fonts());
    ASSERT_TRUE(t) << t.error().message();
    const auto art = draw_art(t->layout(), image::Palette::bw, false).value();
    int shape = 0, picture = 0;
    for (std::size_t y = 0; y < 50; ++y) {
        for (std::size_t x = 0; x < 50; ++x) {
            shape += art[y * 100 + x];
            picture += art[y * 100 + 50 + x];
        }
    }
    EXPECT_TRUE(shape == 0 || shape == 2500) << shape;
    EXPECT_NEAR(picture, 1255, 60) << "half of the pixels of a half-grey picture are white";
}

TEST(DigitalLink, IsWrittenInCapitalsWhereThatMeansTheSame) {
    EXPECT_EQ(digital_link("https://id.example.shop/", "04006381333931"), "HTTPS://ID.EXAMPLE.SHOP/01/04006381333931");
    EXPECT_EQ(digital_link("https://example.shop/p", "04006381333931"), "https://example.shop/p/01/04006381333931");
    EXPECT_EQ(digital_link("https://id.example.shop", "TV-55"), "");
    EXPECT_EQ(digital_link("https://id.example.shop", "02100000012349"), "") << "in-store";
}

}  // namespace
}  // namespace esl::mgmt::render
