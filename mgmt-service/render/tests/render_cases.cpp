#include "mgmt-service/render/tests/render_cases.hpp"

#include <stdexcept>

namespace esl::mgmt::render {
namespace {

Money money(std::int64_t minor, const char* currency = "EUR") {
    return {minor, Currency::parse(currency).value()};
}

Fields fields(std::string name, std::string brand, std::string quantity, std::string code, std::string locale) {
    Fields f;
    f.name = std::move(name);
    f.brand = std::move(brand);
    f.quantity = std::move(quantity);
    f.url = digital_link("https://id.example.shop", code);
    f.code = std::move(code);
    f.locale = std::move(locale);
    return f;
}

Fields bread() {
    auto f =
        fields("Müslibrötchen aus dem Holzofen, 6 Stück im Beutel", "Bäckerei Grün", "480 g", "04006381333931", "de");
    f.price = money(349);
    f.unit_price = UnitPrice{money(727), "1 kg", false};
    return f;
}

Fields tea() {
    auto f = fields("龙井绿茶 明前特级 礼盒装", "西湖", "250 克", "06901234567892", "zh");
    f.price = money(12'800, "CNY");
    f.prior_price = money(16'800, "CNY");
    f.unit_price = UnitPrice{money(5'120, "CNY"), "100 g", false};
    f.promo_until = "至11月30日";
    return f;
}

Fields dates() {
    auto f = fields("תמרים מג'הול טריים 500 גרם", "הבקעה", "500 גרם", "07290000000015", "he");
    f.price = money(2'490, "ILS");
    f.unit_price = UnitPrice{money(4'980, "ILS"), "1 kg", false};
    return f;
}

Fields television() {
    auto f = fields(
        "Television 55″ UHD with a name that is much too long for any of the tags that are sold today, and is cut",
        "Lumen", "1 pc", "TV-55/UHD", "en");
    f.price = money(129'900, "USD");
    return f;
}

}  // namespace

Fields juice() {
    auto f = fields("Nektar naranča, mrkva i limun", "Bravo", "2 l", "09008700232043", "hr");
    f.price = money(249);
    f.unit_price = UnitPrice{money(125), "1 l", false};
    return f;
}

Fields promotion() {
    auto f = juice();
    f.prior_price = money(249);
    f.price = money(199);
    f.unit_price = UnitPrice{money(100), "1 l", false};
    f.promo_until = "do 30. 11.";
    return f;
}

std::vector<Case> golden_cases() {
    std::vector<Case> out;
    const auto add = [&](std::string word, const Fields& f, const char* panel) {
        out.push_back({word + "-" + panel, Panel::parse(panel).value(), f});
    };
    for (const auto* panel : {"212x104-bwr", "250x122-bwry", "296x128-bwr", "400x300-bwry", "800x480-bwr"}) {
        add("juice", juice(), panel);
        add("promotion", promotion(), panel);
    }
    for (const auto* panel : {"212x104-bw", "250x122-bw", "296x128-bw", "296x128-bwy", "296x128-bwry", "400x300-bw"}) {
        add("promotion", promotion(), panel);
    }
    add("bread", bread(), "212x104-bw");
    add("bread", bread(), "250x122-bwr");
    add("bread", bread(), "296x128-bwr");
    add("tea", tea(), "296x128-bwry");
    add("tea", tea(), "400x300-bwr");
    add("dates", dates(), "250x122-bw");
    add("dates", dates(), "296x128-bw");
    add("television", television(), "296x128-bwr");
    add("television", television(), "800x480-bw");
    return out;
}

std::shared_ptr<const FontSet> test_fonts() {
    static const auto fonts = FontSet::load("mgmt-service/render/fonts").value();
    return fonts;
}

const TemplateSet& test_templates() {
    static const auto set = [] {
        auto loaded = TemplateSet::load("mgmt-service/render/templates", *test_fonts());
        if (!loaded) throw std::runtime_error(loaded.error().message());
        return std::move(*loaded);
    }();
    return set;
}

Rendered draw(Renderer& renderer, const Case& c) {
    const auto* t = test_templates().usual(c.panel);
    if (t == nullptr) throw std::runtime_error("no template for " + c.panel.id());
    auto out = renderer.render(*t, c.panel, c.fields);
    if (!out) throw std::runtime_error(out.error().message());
    return std::move(*out);
}

}  // namespace esl::mgmt::render
