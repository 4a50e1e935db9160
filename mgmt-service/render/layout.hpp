// A parsed template: its boxes in pixels, and what is needed to draw its art.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/image/tag_image.hpp"
#include "mgmt-service/render/fields.hpp"

namespace esl::mgmt::render {

struct Box {
    int x = 0, y = 0, width = 0, height = 0;
    bool operator==(const Box&) const = default;
};

enum class Align : std::uint8_t { start, middle, end };
enum class VerticalAlign : std::uint8_t { top, middle, bottom };
enum class When : std::uint8_t { always, promotion, regular };
enum class CurrencyPlace : std::uint8_t { shown, none };

// Colours by their part in the design. `accent` is the promotion's strong colour and `on_accent` what is written on it;
// `highlight` is the second one. resolve() finds what a panel has for them.
enum class Ink : std::uint8_t { black, white, yellow, red, accent, on_accent, highlight, on_highlight };
[[nodiscard]] image::Colour resolve(Ink ink, image::Palette palette);

enum class Bind : std::uint8_t {
    name,
    brand,
    quantity,
    code,
    price,
    unit_price,
    prior_price,
    prior_label,
    discount,
    currency,
    promo_text,
    promo_until,
    literal,
    extra,
    ean13,
    qr,
};

struct TextStyle {
    std::string family;
    int size = 0;      // px an em
    int min_size = 0;  // text that does not fit shrinks to this before it is cut
    bool bold = false;
    Align align = Align::start;
    VerticalAlign vertical = VerticalAlign::middle;
    int lines = 1;
};

struct Element {
    std::string label;  // "line 12: <rect id=\"price\">"
    Bind bind = Bind::literal;
    std::string key;  // the text of a literal, the key of an extra
    Box box;
    TextStyle style;
    Ink ink = Ink::black;
    Ink strike = Ink::accent;
    When when = When::always;
    CurrencyPlace currency = CurrencyPlace::shown;
    int max_module = 8;  // px a module of a code
};

struct Layout {
    unsigned width = 0;
    unsigned height = 0;
    std::vector<Element> elements;
    std::vector<Box> pictures;  // dithered; everything else takes the nearest colour
    std::string svg;            // as it came
};

// The smallest EAN-13 module of the GS1 General Specifications (80 % of 0.33 mm); QR codes are held to it too.
inline constexpr double kMinModuleMm = 0.264;
inline constexpr int kEanModules = 95, kEanQuietLeft = 11, kEanQuietRight = 7;
inline constexpr int kQrQuiet = 4;
// A Digital Link written in capitals fits version 2.
inline constexpr int kQrUsualModules = 25;

}  // namespace esl::mgmt::render
