#include "mgmt-service/adapters/render/scene_fields.hpp"

#include <chrono>

namespace esl::mgmt {
namespace {

constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
// Before the day in "day.month." form.
constexpr std::pair<std::string_view, std::string_view> kUntil[] = {
    {"bs", "do"},      {"cs", "do"}, {"de", "bis"}, {"fr", "jusqu'au"}, {"hr", "do"},
    {"it", "fino al"}, {"pl", "do"}, {"sk", "do"},  {"sl", "do"},       {"sr", "do"},
};

std::optional<Money> money(const std::optional<std::int64_t>& minor, const Currency& currency) {
    if (!minor) return std::nullopt;
    return Money{*minor, currency};
}

}  // namespace

std::string until_text(UnixMillis to, std::string_view locale) {
    const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(to - std::chrono::milliseconds(1))};
    const auto d = std::to_string(static_cast<unsigned>(day.day()));
    const auto m = std::to_string(static_cast<unsigned>(day.month()));
    const auto language = locale.substr(0, locale.find('-'));
    if (language == "zh") return "至" + m + "月" + d + "日";
    for (const auto& [known, word] : kUntil) {
        if (known == language) return std::string(word) + " " + d + "." + m + ".";
    }
    return "until " + d + " " + std::string(kMonths[static_cast<unsigned>(day.month()) - 1]);
}

render::Fields fields_of(const Scene& scene, const std::string& link_base) {
    render::Fields out;
    out.locale = scene.locale.empty() ? "en" : scene.locale;
    if (scene.items.empty()) {
        out.name = scene.tag;
        out.code = scene.tag;
        return out;
    }
    const auto currency = Currency::parse(scene.currency).value_or(Currency::eur());
    const auto& item = scene.items.front();
    out.name = item.name;
    out.brand = item.brand;
    out.code = item.code;
    out.url = item.url;
    if (out.url.empty() && !link_base.empty()) out.url = render::digital_link(link_base, item.code);
    out.price = money(item.price, currency);
    const auto quantity = Quantity::parse(item.quantity);
    const auto unit = parse_unit(item.unit);
    if (quantity) {
        out.quantity = quantity->text(decimal_sign(out.locale));
        const auto word = unit ? std::string(name(*unit)) : item.unit;
        if (!word.empty()) out.quantity += " " + word;
        if (unit && out.price) out.unit_price = unit_price(*out.price, *quantity, *unit);
    }
    if (item.promotion) {
        out.prior_price = money(item.prior_price, currency);
        if (item.promotion_to) out.promo_until = until_text(*item.promotion_to, out.locale);
    }
    for (std::size_t i = 1; i < scene.items.size(); ++i) {
        const auto n = std::to_string(i + 1);
        const auto& more = scene.items[i];
        out.extra["name" + n] = more.name;
        out.extra["code" + n] = more.code;
        if (more.price) out.extra["price" + n] = format_money({*more.price, currency}, out.locale);
    }
    return out;
}

}  // namespace esl::mgmt
