#include "mgmt-service/render/words.hpp"

#include <algorithm>

#include "mgmt-service/domain/price_rules.hpp"

namespace esl::mgmt::render {
namespace {

struct Words {
    std::string_view language, offer, before, piece;
    bool percent_spaced;
};
constexpr Words kWords[] = {
    {"en", "Offer", "was", "1 pc", false},          {"de", "Aktion", "statt", "1 St.", true},
    {"hr", "Akcija", "prije", "1 kom", true},       {"sr", "Akcija", "pre", "1 kom", false},
    {"sl", "Akcija", "prej", "1 kos", true},        {"cs", "Akce", "dříve", "1 ks", true},
    {"sk", "Akcia", "predtým", "1 ks", true},       {"pl", "Promocja", "przed", "1 szt.", false},
    {"hu", "Akció", "előtte", "1 db", false},       {"ro", "Ofertă", "înainte", "1 buc", true},
    {"fr", "Promo", "avant", "1 pce", true},        {"it", "Offerta", "prima", "1 pz", false},
    {"es", "Oferta", "antes", "1 ud", true},        {"pt", "Oferta", "antes", "1 un", false},
    {"nl", "Actie", "was", "1 st", false},          {"da", "Tilbud", "før", "1 stk", true},
    {"sv", "Erbjudande", "tidigare", "1 st", true}, {"nb", "Tilbud", "før", "1 stk", true},
    {"fi", "Tarjous", "ennen", "1 kpl", true},      {"el", "Προσφορά", "πριν", "1 τεμ", false},
    {"bg", "Промоция", "преди", "1 бр.", false},    {"ru", "Акция", "было", "1 шт.", true},
    {"uk", "Акція", "було", "1 шт.", false},        {"tr", "İndirim", "önce", "1 adet", false},
    {"he", "מבצע", "לפני", "1 יח'", false},         {"zh", "特价", "原价", "1 件", false},
    {"ja", "特価", "通常", "1 個", false},          {"ko", "할인", "정가", "1 개", false},
};

const Words& words(std::string_view locale) {
    const auto language = locale.substr(0, locale.find_first_of("-_"));
    const auto found = std::ranges::find(kWords, language, &Words::language);
    return found == std::end(kWords) ? kWords[0] : *found;
}

}  // namespace

std::string_view offer_word(std::string_view locale) {
    return words(locale).offer;
}
std::string_view before_word(std::string_view locale) {
    return words(locale).before;
}

std::string unit_price_text(const UnitPrice& price, std::string_view locale) {
    std::string out(price.per == "1 pcs" ? words(locale).piece : std::string_view(price.per));
    for (auto at = out.find(' '); at != std::string::npos; at = out.find(' ', at)) out.replace(at, 1, "\u00A0");
    return out + " = " + format_money(price.price, locale);
}

std::string discount_text(Money prior, Money price, std::string_view locale) {
    const int percent = discount_percent(prior, price);
    if (percent == 0) return "%";
    return "-" + std::to_string(percent) + (words(locale).percent_spaced ? "\u00A0%" : "%");
}

}  // namespace esl::mgmt::render
