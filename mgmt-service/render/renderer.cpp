#include "mgmt-service/render/renderer.hpp"

#include <glib.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cassert>
#include <thread>

#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/render/art.hpp"
#include "mgmt-service/render/codes.hpp"
#include "mgmt-service/render/layout.hpp"
#include "mgmt-service/render/lru.hpp"
#include "mgmt-service/render/text.hpp"
#include "mgmt-service/render/words.hpp"

namespace esl::mgmt::render {
namespace {

using image::Colour;

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

Bytes packed(const Canvas& canvas, unsigned width, unsigned height) {
    const std::size_t stride = (width + 3) / 4;
    Bytes out(stride * height);
    const std::size_t whole = width / 4;
    for (unsigned y = 0; y < height; ++y) {
        const auto* in = canvas.data() + std::size_t{y} * width;
        auto* to = out.data() + y * stride;
        for (std::size_t i = 0; i < whole; ++i, in += 4) {
            to[i] = static_cast<std::uint8_t>(in[0] << 6 | in[1] << 4 | in[2] << 2 | in[3]);
        }
        for (unsigned x = 0; x < width % 4; ++x) {
            to[whole] = static_cast<std::uint8_t>(to[whole] | in[x] << (6 - 2 * x));
        }
    }
    return out;
}

struct TextPixels {
    Spans text;
    Spans strike;
};

std::size_t bytes_of(const TextPixels& p) {
    return (p.text.size() + p.strike.size()) * sizeof(Span);
}

}  // namespace

struct Renderer::Impl {
    std::shared_ptr<const FontSet> fonts;
    RendererOptions options;
    TextPainter painter;
    CodeMaker codes;
    Lru<Canvas> art_cache;
    Lru<Modules> code_cache;
    Lru<TextPixels> text_cache;
    RendererStats stats;
    std::string key;    // scratch
    Modules modules;    // the code last made, when the cache is too small for it
    TextPixels pixels;  // likewise
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
    const TextPixels& text(const Template& t, std::size_t index, std::string_view content, const Fields& fields);
};

// One image being drawn.
namespace {

struct Job {
    const Template& t;
    const Panel& panel;
    const Fields& fields;
    bool promotion;
    Canvas canvas;
    std::vector<std::string> notes;

    void paint(const Spans& spans, Colour colour) {
        for (const auto& s : spans) {
            const auto at = static_cast<std::ptrdiff_t>(s.y) * static_cast<std::ptrdiff_t>(panel.width) + s.x;
            std::fill_n(canvas.begin() + at, s.length, static_cast<std::uint8_t>(colour));
        }
    }
    void fill(int x, int y, int width, int height, Colour colour) {
        for (int row = y; row < y + height; ++row) {
            const auto at = static_cast<std::ptrdiff_t>(row) * static_cast<std::ptrdiff_t>(panel.width) + x;
            std::fill_n(canvas.begin() + at, width, static_cast<std::uint8_t>(colour));
        }
    }
};

void draw_ean(Job& job, const Element& e, const Modules& m) {
    const int module = std::min(e.box.width / (kEanModules + kEanQuietLeft + kEanQuietRight), e.max_module);
    job.fill(e.box.x, e.box.y, e.box.width, e.box.height, Colour::white);
    // The left quiet zone of an EAN-13 is the wider one; an EAN-8 (67 modules, 7 on either side) has room to spare.
    const int shift = m.width == kEanModules ? module * (kEanQuietLeft - kEanQuietRight) : 0;
    const int left = e.box.x + (e.box.width - m.width * module + shift) / 2;
    for (int i = 0; i < m.width; ++i) {
        if (m.dark[static_cast<std::size_t>(i)] != 0)
            job.fill(left + i * module, e.box.y, module, e.box.height, Colour::black);
    }
}

void draw_qr(Job& job, const Element& e, const Modules& m) {
    const int room = std::min(e.box.width, e.box.height);
    const int modules = m.width + 2 * kQrQuiet;
    const int module = std::min(room / modules, e.max_module);
    if (module * job.panel.pixel_mm() < kMinModuleMm) {
        job.notes.push_back("qr: " + std::to_string(m.width) + " modules do not fit " + std::to_string(room) +
                            " px; left out (a shorter link fits)");
        return;
    }
    const int side = module * modules;
    const int x = e.box.x + (e.box.width - side) / 2, y = e.box.y + (e.box.height - side) / 2;
    job.fill(x, y, side, side, Colour::white);
    for (int row = 0; row < m.height; ++row) {
        for (int column = 0; column < m.width; ++column) {
            if (m.dark[static_cast<std::size_t>(row * m.width + column)] == 0) continue;
            job.fill(x + (column + kQrQuiet) * module, y + (row + kQrQuiet) * module, module, module, Colour::black);
        }
    }
}

// What the element shows, as the key of its pixels; empty when there is nothing to draw.
std::string content_of(const Element& e, const Job& job) {
    const auto& f = job.fields;
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
            return job.promotion && f.price ? discount_text(*f.prior_price, *f.price, f.locale) : std::string();
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

}  // namespace

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

const TextPixels& Renderer::Impl::text(const Template& t, std::size_t index, std::string_view content,
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
        pixels = {painter.price(e.style, e.box, price_parts(*fields.price, fields.locale), e.currency, fields.locale),
                  {}};
    } else if (e.bind == Bind::prior_price) {
        auto struck = painter.struck(e.style, e.box, content, fields.locale);
        pixels = {std::move(struck.text), std::move(struck.strike)};
    } else {
        pixels = {painter.text(e.style, e.box, content, fields.locale), {}};
    }
    text_cache.put(key, pixels, bytes_of(pixels));
    return pixels;
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
    const bool promotion = fields.prior_price && fields.price &&
                           fields.prior_price->currency == fields.price->currency &&
                           fields.prior_price->minor > fields.price->minor;
    auto art = impl_->art(t, panel, promotion);
    if (!art) return fail(art.error());
    Job job{t, panel, fields, promotion, std::move(*art), {}};
    const auto& elements = t.layout().elements;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const auto& e = elements[i];
        if (e.when != When::always && (e.when == When::promotion) != promotion) continue;
        const auto content = content_of(e, job);
        if (content.empty()) continue;
        if (e.bind == Bind::ean13 || e.bind == Bind::qr) {
            const auto modules = impl_->code(e.bind, content);
            if (!modules) {
                job.notes.push_back((e.bind == Bind::qr ? "qr: " : "ean13: ") + modules.error().about() + "; left out");
            } else if (e.bind == Bind::qr) {
                draw_qr(job, e, **modules);
            } else {
                draw_ean(job, e, **modules);
            }
            continue;
        }
        const auto& drawn = impl_->text(t, i, content, fields);
        job.paint(drawn.text, resolve(e.ink, panel.palette));
        const auto strike = resolve(e.strike, panel.palette);
        // Yellow on white is no line at all.
        job.paint(drawn.strike, strike == Colour::yellow ? Colour::black : strike);
    }

    auto image = image::TagImage::from_bytes(panel.width, panel.height, packed(job.canvas, panel.width, panel.height));
    if (!image) return fail(image.error());
    Rendered out;
    out.image = std::move(*image);
    out.crc = out.image.crc();
    const auto bytes = out.image.bytes();
    SHA256(bytes.data(), bytes.size(), out.sha256.data());
    out.deflated = image::deflate(out.image, impl_->options.deflate_level);
    out.notes = std::move(job.notes);
    ++impl_->stats.images;
    return out;
}

}  // namespace esl::mgmt::render
