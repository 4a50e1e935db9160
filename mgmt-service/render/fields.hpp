// What a tag is to show, and on which panel. Plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/result.hpp"
#include "common/image/tag_image.hpp"
#include "mgmt-service/domain/money.hpp"
#include "mgmt-service/domain/unit_price.hpp"

namespace esl::mgmt::render {

enum class RenderError { bad_svg, bad_template, bad_field, bad_panel, bad_fonts, unknown_template };
constexpr std::string_view describe(RenderError e) {
    switch (e) {
        case RenderError::bad_svg:
            return "bad SVG";
        case RenderError::bad_template:
            return "bad template";
        case RenderError::bad_field:
            return "bad field";
        case RenderError::bad_panel:
            return "bad panel";
        case RenderError::bad_fonts:
            return "fonts cannot be used";
        case RenderError::unknown_template:
            return "unknown template";
    }
    return "render error";
}

struct Panel {
    unsigned width = 0;
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;

    // "296x128-bwr". Errors: bad_panel.
    [[nodiscard]] static Result<Panel> parse(std::string_view id);
    [[nodiscard]] std::string id() const;
    // Pixel pitch of the panel that is sold in this size; 0.2 mm where the size is not known.
    [[nodiscard]] double pixel_mm() const;
    bool operator==(const Panel&) const = default;
};

// All text is UTF-8 without control characters; longer than kMaxText bytes is an error (bad_field), longer than its
// box is cut with an ellipsis. Empty or absent: the element stays empty.
struct Fields {
    std::string name;
    std::string brand;
    // As shown, unit included and localised by the caller: "0,75 l".
    std::string quantity;
    // GTIN-14 or an item code. The EAN-13 is drawn from it when it can be, the "code" text always.
    std::string code;
    // Content of the QR code; see digital_link(). Empty: no QR code.
    std::string url;
    std::optional<Money> price;
    std::optional<UnitPrice> unit_price;
    // Set: the promotion variant is drawn, with this price struck, the discount and the banner.
    std::optional<Money> prior_price;
    // Banner text; empty: the locale's word ("Aktion", "Akcija", "特价", "Offer").
    std::string promo_text;
    // "until 30 Nov", made by the caller; may be empty.
    std::string promo_until;
    // BCP 47; decides number form, words and the Han variant.
    std::string locale = "en";
    // Bound by data-bind="extra.KEY".
    std::map<std::string, std::string> extra;

    bool operator==(const Fields&) const = default;
};
inline constexpr std::size_t kMaxText = 1024;

// GS1 Digital Link of a GTIN-14: "HTTPS://ID.EXAMPLE.SHOP/01/04006381333931" for "https://id.example.shop". Scheme
// and host are case-insensitive and written in capitals, which makes the QR code a version smaller. A base with a path
// is left as it is. Empty when `id` is no GTIN-14 (in-store and item codes have no such link).
[[nodiscard]] std::string digital_link(std::string_view base, std::string_view id);

}  // namespace esl::mgmt::render
