#include "mgmt-service/render/renderer.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cassert>
#include <thread>

#include "mgmt-service/render/art.hpp"
#include "mgmt-service/render/codes.hpp"
#include "mgmt-service/render/field_text.hpp"
#include "mgmt-service/render/layout.hpp"
#include "mgmt-service/render/lru.hpp"
#include "mgmt-service/render/painting.hpp"
#include "mgmt-service/render/text.hpp"

namespace esl::mgmt::render {
namespace {

using image::Colour;

std::size_t bytes_of(const Drawn& p) {
    return (p.text.size() + p.strike.size()) * sizeof(Span);
}

bool is_price(Bind bind) {
    return bind == Bind::price || bind == Bind::prior_price;
}
// What must not be cut, because the rest of it would say something else.
bool is_number(Bind bind) {
    return is_price(bind) || bind == Bind::unit_price || bind == Bind::discount || bind == Bind::code;
}

// A number that does not fit at the template's smallest size may still be read a little smaller.
TextStyle legible(const Element& e) {
    constexpr int kSmallestNumber = 9;
    auto style = e.style;
    if (is_number(e.bind)) style.min_size = std::min(style.min_size, kSmallestNumber);
    return style;
}

}  // namespace

struct Renderer::Impl {
    std::shared_ptr<const FontSet> fonts;
    RendererOptions options;
    TextPainter painter;
    CodeMaker codes;
    Lru<Canvas> art_cache;
    Lru<Modules> code_cache;
    Lru<Drawn> text_cache;
    RendererStats stats;
    std::string key;  // scratch
    Modules modules;  // the code last made, when the cache is too small for it
    Drawn pixels;     // likewise
    std::thread::id home = std::this_thread::get_id();

    Impl(std::shared_ptr<const FontSet> f, RendererOptions o)
        : fonts(std::move(f)),
          options(o),
          painter(*fonts),
          art_cache(o.art_bytes),
          code_cache(o.code_bytes),
          text_cache(o.text_bytes) {}

    Result<Canvas> art(const Template& t, const Panel& panel, bool promotion);
    Result<const Modules*> code(Bind bind, std::string_view content);
    const Drawn& text(const Template& t, std::size_t index, std::string_view content, const Fields& fields);
    Result<> element(const Template& t, std::size_t index, const Panel& panel, const Fields& fields, Painting& painting,
                     std::vector<std::string>& notes);
};

Result<Canvas> Renderer::Impl::art(const Template& t, const Panel& panel, bool promotion) {
    key.assign(t.id()).append("\n").append(t.version());
    key += static_cast<char>('0' + static_cast<int>(panel.palette));
    key += promotion ? 'p' : 'r';
    if (const auto* kept = art_cache.find(key)) {
        ++stats.art_hits;
        return *kept;
    }
    ++stats.art_misses;
    auto drawn = draw_art(t.layout(), panel.palette, promotion);
    if (!drawn) return fail(RenderError::bad_svg, t.id() + ": " + drawn.error().about());
    art_cache.put(key, *drawn, drawn->size());
    return drawn;
}

Result<const Modules*> Renderer::Impl::code(Bind bind, std::string_view content) {
    key.assign(bind == Bind::qr ? "q" : "e").append(content);
    if (const auto* kept = code_cache.find(key)) {
        ++stats.code_hits;
        return kept;
    }
    ++stats.code_misses;
    auto made = bind == Bind::qr ? codes.qr(content) : codes.ean(content);
    if (!made) return fail(made.error());
    modules = std::move(*made);
    code_cache.put(key, modules, modules.dark.size());
    return &modules;
}

const Drawn& Renderer::Impl::text(const Template& t, std::size_t index, std::string_view content,
                                  const Fields& fields) {
    key.assign(t.id()).append("\n").append(t.version()).append(std::to_string(index)).append("\n");
    key.append(fields.locale).append("\n").append(content);
    if (const auto* kept = text_cache.find(key)) {
        ++stats.text_hits;
        return *kept;
    }
    ++stats.text_misses;
    const auto& e = t.layout().elements[index];
    if (e.bind == Bind::price) {
        const auto parts = price_parts(*fields.price, fields.locale);
        pixels = painter.price(legible(e), e.box, parts, e.currency, fields.locale);
    } else if (e.bind == Bind::prior_price) {
        pixels = painter.struck(legible(e), e.box, content, fields.locale);
    } else {
        pixels = painter.text(legible(e), e.box, content, fields.locale);
    }
    text_cache.put(key, pixels, bytes_of(pixels));
    return pixels;
}

// Draws one element. Errors: a price that has no room; half a price is a wrong price.
Result<> Renderer::Impl::element(const Template& t, std::size_t index, const Panel& panel, const Fields& fields,
                                 Painting& painting, std::vector<std::string>& notes) {
    const auto& e = t.layout().elements[index];
    const auto content = content_of(e, fields);
    if (content.empty()) return {};
    if (e.bind == Bind::ean13 || e.bind == Bind::qr) {
        const std::string word = e.bind == Bind::qr ? "qr: " : "ean13: ";
        const auto made = code(e.bind, content);
        if (!made) {
            notes.push_back(word + made.error().about() + "; left out");
        } else if (e.bind == Bind::ean13) {
            painting.ean(e, **made);
        } else if (!painting.qr(e, **made)) {
            notes.push_back(word + std::to_string((*made)->width) + " modules do not fit " +
                            std::to_string(std::min(e.box.width, e.box.height)) +
                            " px; left out (a shorter link fits)");
        }
        return {};
    }
    const auto& drawn = text(t, index, content, fields);
    if (!drawn.fits && is_price(e.bind)) {
        const std::string field = e.bind == Bind::price ? "price" : "prior_price";
        return fail(RenderError::bad_field, field + ": '" + content + "' has no room in " + t.id() + ", " + e.label);
    }
    if (!drawn.fits && is_number(e.bind)) {
        notes.push_back("'" + content + "' has no room in " + e.label + "; left out");
        return {};
    }
    painting.paint(drawn.text, resolve(e.ink, panel.palette));
    const auto strike = resolve(e.strike, panel.palette);
    // Yellow on white is no line at all.
    painting.paint(drawn.strike, strike == Colour::yellow ? Colour::black : strike);
    return {};
}

Renderer::Renderer(std::shared_ptr<const FontSet> fonts, RendererOptions options)
    : impl_(std::make_unique<Impl>(std::move(fonts), options)) {}
Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

const RendererStats& Renderer::stats() const {
    return impl_->stats;
}

void Renderer::warm_up() {
    const TextStyle style{"DejaVu Sans Condensed", 14, 14, false, Align::start, VerticalAlign::middle, 1};
    for (const auto* text : {"Ag 1,99 €", "中文", "עברית", "ไทย", "हिन्दी"}) {
        static_cast<void>(impl_->painter.text(style, {0, 0, 64, 20}, text, "en"));
    }
}

Result<Rendered> Renderer::render(const Template& t, const Panel& panel, const Fields& fields) {
    assert(impl_->home == std::this_thread::get_id());
    if (!t.fits(panel)) {
        return fail(RenderError::bad_panel, "template " + t.id() + " is " + std::to_string(t.width()) + "x" +
                                                std::to_string(t.height()) + ", the panel " + panel.id());
    }
    if (const auto ok = check_fields(fields); !ok) return fail(ok.error());
    const bool promotion = is_promotion(fields);
    auto art = impl_->art(t, panel, promotion);
    if (!art) return fail(art.error());
    Painting painting(panel, std::move(*art));
    std::vector<std::string> notes;
    const auto& elements = t.layout().elements;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        if (elements[i].when != When::always && (elements[i].when == When::promotion) != promotion) continue;
        if (const auto ok = impl_->element(t, i, panel, fields, painting, notes); !ok) return fail(ok.error());
    }

    auto image = image::TagImage::from_bytes(panel.width, panel.height, painting.packed());
    if (!image) return fail(image.error());
    Rendered out;
    out.image = std::move(*image);
    out.crc = out.image.crc();
    const auto bytes = out.image.bytes();
    SHA256(bytes.data(), bytes.size(), out.sha256.data());
    out.deflated = image::deflate(out.image, impl_->options.deflate_level);
    out.notes = std::move(notes);
    ++impl_->stats.images;
    return out;
}

}  // namespace esl::mgmt::render
