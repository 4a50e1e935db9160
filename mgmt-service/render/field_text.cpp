#include "mgmt-service/render/field_text.hpp"

#include <glib.h>

#include <algorithm>

#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/render/words.hpp"

namespace esl::mgmt::render {
namespace {

Result<> check_text(std::string_view field, std::string_view text) {
    const auto bad = [&](std::string why) {
        return fail(RenderError::bad_field, std::string(field) + ": " + std::move(why));
    };
    if (text.size() > kMaxText) {
        return bad(std::to_string(text.size()) + " bytes, at most " + std::to_string(kMaxText) + " are taken");
    }
    const char* end = nullptr;
    if (g_utf8_validate_len(text.data(), text.size(), &end) == FALSE) {
        return bad("byte " + std::to_string(end - text.data() + 1) + " is not UTF-8");
    }
    const auto control = std::ranges::find_if(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
    if (control != text.end())
        return bad("byte " + std::to_string(control - text.begin() + 1) + " is a control character");
    return {};
}

// What the bar code of an id holds: a GTIN-8 has a shorter symbol of its own.
std::string_view ean_of(std::string_view id) {
    const auto digits = ean13_of(id);
    return digits.starts_with("00000") ? digits.substr(5) : digits;
}

// "4 006381 333931", as the standard prints it under an EAN-13.
std::string code_text(std::string_view id) {
    const auto digits = ean_of(id);
    if (digits.empty()) return std::string(id);
    if (digits.size() == 8) return std::string(digits.substr(0, 4)) + " " + std::string(digits.substr(4));
    return std::string(digits.substr(0, 1)) + " " + std::string(digits.substr(1, 6)) + " " +
           std::string(digits.substr(7));
}

}  // namespace

Result<> check_fields(const Fields& fields) {
    const std::pair<std::string_view, const std::string*> texts[] = {
        {"name", &fields.name},         {"brand", &fields.brand},
        {"quantity", &fields.quantity}, {"code", &fields.code},
        {"url", &fields.url},           {"promo_text", &fields.promo_text},
        {"locale", &fields.locale},     {"promo_until", &fields.promo_until},
    };
    for (const auto& [name, text] : texts) {
        if (const auto ok = check_text(name, *text); !ok) return ok;
    }
    for (const auto& [key, text] : fields.extra) {
        if (const auto ok = check_text("extra." + key.substr(0, 40), text); !ok) return ok;
    }
    if (fields.unit_price) {
        if (const auto ok = check_text("unit_price.per", fields.unit_price->per); !ok) return ok;
    }
    for (const auto& [name, money] : {std::pair{"price", fields.price}, {"prior_price", fields.prior_price}}) {
        if (money && money->minor < 0) return fail(RenderError::bad_field, std::string(name) + ": is below zero");
    }
    return {};
}

bool is_promotion(const Fields& fields) {
    return fields.prior_price && fields.price && fields.prior_price->currency == fields.price->currency &&
           fields.prior_price->minor > fields.price->minor;
}

std::string content_of(const Element& e, const Fields& f) {
    switch (e.bind) {
        case Bind::name:
            return f.name;
        case Bind::brand:
            return f.brand;
        case Bind::quantity:
            return f.quantity;
        case Bind::code:
            return code_text(f.code);
        case Bind::price:
            return f.price ? price_parts(*f.price, f.locale).text() : std::string();
        case Bind::unit_price:
            return f.unit_price ? unit_price_text(*f.unit_price, f.locale) : std::string();
        case Bind::prior_price:
            return f.prior_price ? format_money(*f.prior_price, f.locale) : std::string();
        case Bind::prior_label:
            return f.prior_price ? std::string(before_word(f.locale)) : std::string();
        case Bind::discount:
            return is_promotion(f) ? discount_text(*f.prior_price, *f.price, f.locale) : std::string();
        case Bind::currency:
            return f.price ? std::string(f.price->currency.symbol()) : std::string();
        case Bind::promo_text:
            return f.promo_text.empty() ? std::string(offer_word(f.locale)) : f.promo_text;
        case Bind::promo_until:
            return f.promo_until;
        case Bind::literal:
            return e.key;
        case Bind::extra: {
            const auto found = f.extra.find(e.key);
            return found == f.extra.end() ? std::string() : found->second;
        }
        case Bind::ean13:
            return std::string(ean_of(f.code));
        case Bind::qr:
            return f.url;
    }
    return {};
}

}  // namespace esl::mgmt::render
