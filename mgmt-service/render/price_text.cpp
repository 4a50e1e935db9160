#include "mgmt-service/render/text_impl.hpp"

namespace esl::mgmt::render {
namespace {

constexpr int kSmallestSign = 9;

// A price laid out for one size of the whole units.
struct PriceGrid {
    int size = 0, fraction_size = 0, sign_size = 0;
    SharedPiece whole, fraction, sign;
    int whole_room = 0;  // to where the fraction begins
    int gap = 0;
    bool sign_under = false;  // beneath the fraction, otherwise beside
    bool sign_first = false;

    [[nodiscard]] int sign_room() const { return sign->width == 0 ? 0 : sign->width + gap; }
    [[nodiscard]] int width() const {
        if (sign_under) return whole_room + std::max(fraction->width, sign->width);
        return whole_room + fraction->width + sign_room();
    }
};

}  // namespace

Drawn TextPainter::price(const TextStyle& style, const Box& box, const PriceParts& parts, CurrencyPlace currency,
                         std::string_view locale) {
    impl_->use_locale(locale);
    const bool shown = currency == CurrencyPlace::shown && !parts.symbol.empty();
    const auto place_sign = [&](PriceGrid& g) {
        const int below = cap_height(g.size) - cap_height(g.fraction_size) - std::max(2, rounded(0.09 * g.size));
        g.sign_size = std::min(rounded(below / 0.729), g.fraction_size);
        g.sign_under = !parts.symbol_first && g.fraction->width > 0 && g.sign_size >= kSmallestSign;
        g.sign_first = parts.symbol_first;
        if (!g.sign_under) g.sign_size = g.fraction_size;
        g.sign = impl_->piece(style, g.sign_size, parts.symbol);
        while (g.sign_under && g.sign->width > g.fraction->width * 5 / 4 && g.sign_size > kSmallestSign) {
            g.sign = impl_->piece(style, --g.sign_size, parts.symbol);
        }
    };
    const auto laid_out = [&](int size) {
        PriceGrid g;
        g.size = size;
        g.fraction_size = std::max(rounded(0.52 * size), 8);
        g.gap = std::max(1, rounded(0.06 * size));
        g.whole = impl_->piece(style, size, parts.whole + parts.separator);
        g.fraction = impl_->piece(style, g.fraction_size, parts.fraction);
        // The separator's right bearing would tear the fraction off.
        g.whole_room = g.whole->width - (parts.fraction.empty() ? 0 : rounded(0.07 * size));
        g.sign = impl_->piece(style, g.fraction_size, {});
        if (shown) place_sign(g);
        return g;
    };
    // A comma's tail hangs below the digits; cut off, it would be a dot. Round digits rise a little above the others.
    const bool comma = parts.separator == "," || parts.whole.find(',') != std::string::npos;
    const double hang = comma ? 0.16 : 0.02, rise = 0.02;
    const int highest = static_cast<int>(box.height / (0.729 + 2 * rise + hang));
    auto grid = laid_out(std::clamp(highest, style.min_size, style.size));
    while (grid.width() > box.width && grid.size > style.min_size) {
        const int guess = grid.size * box.width / grid.width();
        grid = laid_out(std::clamp(guess, style.min_size, grid.size - 1));
    }
    const bool fits = grid.width() <= box.width;

    Pen pen(impl_->glyphs, box);
    const int baseline = first_baseline(style, {0, 0, box.width, box.height - rounded(hang * grid.size)}, grid.size, 1);
    const auto raised = [&](int size) { return baseline - cap_height(grid.size) + cap_height(size); };
    const auto put = [&](const SharedPiece& piece, int at, int at_baseline) { pen.run(piece->spans, at, at_baseline); };
    int x = aligned(style.align, box.width, grid.width());
    if (grid.sign_first) {
        put(grid.sign, x, raised(grid.sign_size));
        x += grid.sign_room();
    }
    put(grid.whole, x, baseline);
    x += grid.whole_room;
    put(grid.fraction, x, raised(grid.fraction_size));
    if (grid.sign_under) {
        put(grid.sign, x + std::max(0, (grid.fraction->width - grid.sign->width) / 2), baseline);
    } else if (!grid.sign_first) {
        put(grid.sign, x + grid.fraction->width + grid.gap, raised(grid.sign_size));
    }
    return {pen.take(), {}, fits};
}

}  // namespace esl::mgmt::render
