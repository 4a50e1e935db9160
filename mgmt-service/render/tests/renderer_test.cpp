#include "mgmt-service/render/renderer.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "mgmt-service/render/lru.hpp"
#include "mgmt-service/render/tests/render_cases.hpp"
#include "mgmt-service/render/text.hpp"

namespace esl::mgmt::render {
namespace {

const Template& usual(const char* panel) {
    return *test_templates().usual(Panel::parse(panel).value());
}
constexpr const char* kPanel = "296x128-bwr";

std::string error_of(Renderer& renderer, const Fields& fields) {
    const auto out = renderer.render(usual(kPanel), Panel::parse(kPanel).value(), fields);
    return out ? std::string("none") : out.error().message();
}

TEST(Renderer, IdsAndStreamBelongToTheImage) {
    Renderer renderer(test_fonts());
    const auto out = draw(renderer, {"", Panel::parse(kPanel).value(), juice()});
    EXPECT_EQ(out.crc, out.image.crc());
    EXPECT_EQ(image::inflate(296, 128, out.deflated).value(), out.image);
    EXPECT_TRUE(out.notes.empty());
}

TEST(Renderer, DrawsTheSameWithAndWithoutCaches) {
    Renderer cached(test_fonts());
    Renderer plain(test_fonts(), {.deflate_level = 6, .art_bytes = 0, .code_bytes = 0, .text_bytes = 0});
    for (const auto& c : golden_cases()) {
        const auto first = draw(cached, c), again = draw(cached, c), bare = draw(plain, c);
        EXPECT_EQ(first.image, again.image) << c.file;
        EXPECT_EQ(first.image, bare.image) << c.file;
        EXPECT_EQ(first.deflated, bare.deflated) << c.file;
    }
    EXPECT_GT(cached.stats().text_hits, 0U);
    EXPECT_EQ(plain.stats().text_hits + plain.stats().code_hits + plain.stats().art_hits, 0U);
}

TEST(Renderer, DrawsTheSameOnEveryThread) {
    const auto cases = golden_cases();
    std::vector<std::vector<std::uint32_t>> crcs(4);
    std::vector<std::thread> threads;
    for (auto& mine : crcs) {
        threads.emplace_back([&mine, &cases] {
            Renderer renderer(test_fonts());
            renderer.warm_up();
            for (int round = 0; round < 2; ++round) {
                for (const auto& c : cases) mine.push_back(draw(renderer, c).crc);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& mine : crcs) EXPECT_EQ(mine, crcs[0]);
}

TEST(Renderer, NamesTheFieldThatIsWrong) {
    Renderer renderer(test_fonts());
    auto fields = juice();
    fields.name = "a\xFFz";
    EXPECT_EQ(error_of(renderer, fields), "bad field: name: byte 2 is not UTF-8");
    fields.name = "two\nlines";
    EXPECT_EQ(error_of(renderer, fields), "bad field: name: byte 4 is a control character");
    fields.name = std::string(2000, 'x');
    EXPECT_EQ(error_of(renderer, fields), "bad field: name: 2000 bytes, at most 1024 are taken");
    fields = juice();
    fields.extra["origin"] = std::string(1, '\0');
    EXPECT_EQ(error_of(renderer, fields), "bad field: extra.origin: byte 1 is not UTF-8");
    fields = juice();
    fields.price->minor = -1;
    EXPECT_EQ(error_of(renderer, fields), "bad field: price: is below zero");
}

TEST(Renderer, RefusesATemplateOfAnotherSize) {
    Renderer renderer(test_fonts());
    const auto out = renderer.render(usual("250x122-bw"), Panel::parse(kPanel).value(), juice());
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().message(), "bad panel: template shelf-250x122 is 250x122, the panel 296x128-bwr");
}

constexpr const char* kEveryPanel[] = {"212x104-bw", "250x122-bwr", "296x128-bwry", "400x300-bw", "800x480-bwr"};

TEST(Renderer, DrawsEmptyAndOverlongFieldsWithoutHarm) {
    Renderer renderer(test_fonts());
    for (const auto* id : kEveryPanel) {
        const auto panel = Panel::parse(id).value();
        EXPECT_EQ(draw(renderer, {"", panel, Fields{}}).image.width(), panel.width);
        auto fields = promotion();
        fields.name = fields.brand = fields.quantity = fields.promo_text = std::string(1024, 'W');
        EXPECT_FALSE(draw(renderer, {"", panel, fields}).deflated.empty());
        fields.code = std::string(64, 'Q');
        for (const auto& note : draw(renderer, {"", panel, fields}).notes) {
            EXPECT_NE(note.find("has no room in line "), std::string::npos) << note;
        }
    }
}

TEST(Renderer, ShowsAPriceWholeOrNotAtAll) {
    Renderer renderer(test_fonts());
    for (const auto* id : kEveryPanel) {
        const auto panel = Panel::parse(id).value();
        auto fields = promotion();
        fields.price->minor = 12'999'99;
        fields.prior_price->minor = 13'999'99;
        EXPECT_FALSE(draw(renderer, {"", panel, fields}).deflated.empty()) << id;
        fields.price->minor = kMaxMinor - 1;
        fields.prior_price->minor = kMaxMinor;
        const auto out = renderer.render(*test_templates().usual(panel), panel, fields);
        if (panel.width > 300) continue;  // there is room
        ASSERT_FALSE(out) << id;
        EXPECT_TRUE(out.error().is(RenderError::bad_field));
        EXPECT_NE(out.error().message().find("9.999.999.999.999,9"), std::string::npos) << out.error().message();
        EXPECT_NE(out.error().message().find("has no room in shelf-"), std::string::npos) << out.error().message();
    }
}

TEST(Price, KeepsTheTailOfItsSeparatorInsideTheBox) {
    TextPainter painter(*test_fonts());
    for (const int height : {20, 35, 55, 120, 190}) {
        const TextStyle style{"DejaVu Sans Condensed", 232, 12, true, Align::middle, VerticalAlign::middle, 1};
        const Box tight{0, 10, 700, height}, roomy{0, 10, 700, height + 100};
        const auto parts = price_parts({249, Currency::eur()}, "de");
        const auto inked = painter.price(style, tight, parts, CurrencyPlace::shown, "de");
        int bottom = 0, top = 1000, ink = 0, roomy_ink = 0;
        for (const auto& s : inked.text) {
            bottom = std::max<int>(bottom, s.y);
            top = std::min<int>(top, s.y);
            ink += s.length;
        }
        EXPECT_LT(bottom, 10 + height) << height;
        EXPECT_GE(top, 10) << height;
        // The same size with room below has no pixel more: nothing was cut off.
        auto same = style;
        same.size = static_cast<int>(height / (0.729 + 0.04 + 0.16));
        for (const auto& s : painter.price(same, roomy, parts, CurrencyPlace::shown, "de").text) roomy_ink += s.length;
        EXPECT_EQ(ink, roomy_ink) << height;
    }
}

TEST(Renderer, ShowsAPromotionOnlyWhenThePriceIsLower) {
    Renderer renderer(test_fonts());
    const auto panel = Panel::parse(kPanel).value();
    auto fields = juice();
    const auto regular = draw(renderer, {"", panel, fields}).image;
    fields.prior_price = fields.price;
    EXPECT_EQ(draw(renderer, {"", panel, fields}).image, regular);
    fields.prior_price->minor += 1;
    EXPECT_NE(draw(renderer, {"", panel, fields}).image, regular);
}

TEST(StruckPrice, KeepsItsCommaAtEverySize) {
    TextPainter painter(*test_fonts());
    for (int size = 11; size <= 48; ++size) {
        const TextStyle style{"DejaVu Sans Condensed", size, size, false, Align::start, VerticalAlign::middle, 1};
        const Box box{0, 0, 300, 80};
        for (const auto* text : {"2,49 €", "12,98 €", "0,09 €"}) {
            const auto struck = painter.struck(style, box, text, "de");
            ASSERT_FALSE(struck.strike.empty());
            // The comma is what reaches below the baseline; nothing else in these texts does.
            int bottom = 0;
            for (const auto& s : struck.text) bottom = std::max<int>(bottom, s.y);
            int touched = 0, comma_left = 300, comma_right = 0;
            for (const auto& s : struck.text) {
                if (s.y != bottom) continue;
                comma_left = std::min<int>(comma_left, s.x);
                comma_right = std::max<int>(comma_right, s.x + s.length);
            }
            const int comma_top = bottom - static_cast<int>(0.30 * size);
            for (const auto& s : struck.strike) {
                touched += s.x >= comma_left - 1 && s.x <= comma_right && s.y >= comma_top ? 1 : 0;
            }
            EXPECT_EQ(touched, 0) << text << " at " << size << " px";
        }
    }
}

TEST(InputHash, ChangesWithEverythingThatIsShown) {
    const auto panel = Panel::parse(kPanel).value();
    const auto base = promotion();
    const auto hash = [&](const Fields& f) { return input_hash(usual(kPanel), panel, f); };
    EXPECT_EQ(hash(base), hash(promotion()));
    std::vector<Fields> changed(12, base);
    changed[0].name += "x";
    changed[1].brand += "x";
    changed[2].quantity += "x";
    changed[3].code += "x";
    changed[4].url += "x";
    changed[5].price->minor += 1;
    changed[6].unit_price->price.minor += 1;
    changed[7].prior_price.reset();
    changed[8].promo_text += "x";
    changed[9].promo_until += "x";
    changed[10].locale = "de";
    changed[11].extra["k"] = "v";
    for (std::size_t i = 0; i < changed.size(); ++i) EXPECT_NE(hash(changed[i]), hash(base)) << i;
    auto moved = base;
    moved.brand = base.name;
    moved.name = base.brand;
    EXPECT_NE(hash(moved), hash(base));
    EXPECT_NE(input_hash(usual(kPanel), Panel::parse("296x128-bw").value(), base), hash(base));
}

TEST(Lru, DropsTheOldestAtItsBound) {
    Lru<int> cache(600);
    for (int i = 0; i < 50; ++i) {
        cache.put(std::to_string(i), i, 4);
        EXPECT_LE(cache.bytes(), 600U);
        if (i > 0) {
            ASSERT_NE(cache.find("0"), nullptr) << "was used each time";
        }
    }
    EXPECT_EQ(*cache.find("49"), 49);
    EXPECT_EQ(cache.find("5"), nullptr);
    cache.put("large", 1, 10'000);
    EXPECT_EQ(cache.find("large"), nullptr);
}

}  // namespace
}  // namespace esl::mgmt::render
