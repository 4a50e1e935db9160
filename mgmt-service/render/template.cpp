#include "mgmt-service/render/template.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <pugixml.hpp>

#include "common/core/bytes.hpp"
#include "mgmt-service/render/layout.hpp"
#include "mgmt-service/render/picture.hpp"
#include "mgmt-service/render/svg_reader.hpp"

namespace esl::mgmt::render {
namespace {

// Raise it with every change of the drawing code that changes pixels.
constexpr std::string_view kDrawingVersion = "shelfwire render 2";
constexpr std::size_t kMaxSvgBytes = 1U << 20;
constexpr std::size_t kMaxElements = 200;
constexpr int kMaxDepth = 64;

constexpr std::string_view kBindWords[] = {"name",     "brand",      "quantity",    "code",
                                           "price",    "unit-price", "prior-price", "prior-label",
                                           "discount", "currency",   "promo-text",  "promo-until"};

bool read_bind(SvgReader& in, Element& out) {
    const auto word = in.text("data-bind");
    if (in.has("data-text")) {
        out.bind = Bind::literal;
        out.key = in.text("data-text");
        return true;
    }
    if (word == "ean13" || word == "qr") {
        out.bind = word == "qr" ? Bind::qr : Bind::ean13;
        return true;
    }
    if (word.starts_with("extra.") && word.size() > 6) {
        out.bind = Bind::extra;
        out.key = word.substr(6);
        return true;
    }
    const auto found = std::ranges::find(kBindWords, word);
    if (found == std::end(kBindWords)) {
        in.complain("data-bind", "'" + std::string(word.substr(0, 40)) + "' is not a field");
        return false;
    }
    out.bind = static_cast<Bind>(found - std::begin(kBindWords));
    return true;
}

void read_style(SvgReader& in, TextStyle& out) {
    out.family = in.has("font-family") ? std::string(in.text("font-family")) : "DejaVu Sans Condensed";
    std::erase_if(out.family, [](char c) { return c == '\'' || c == '"'; });
    out.size = in.integer("font-size", 12, 6, 600);
    out.min_size = in.integer("data-min-size", out.size, 6, 600);
    if (out.min_size > out.size) in.complain("data-min-size", "is above font-size");
    const auto weight = in.text("font-weight");
    out.bold = weight == "bold" || weight == "600" || weight == "700" || weight == "800" || weight == "900";
    if (!out.bold && !weight.empty() && weight != "normal" && weight != "400") {
        in.complain("font-weight", "'" + std::string(weight.substr(0, 20)) + "' is neither normal nor bold");
    }
    out.align = in.choice("text-anchor", {"start", "middle", "end"}, Align::start);
    out.vertical = in.choice("data-valign", {"top", "middle", "bottom"}, VerticalAlign::middle);
    out.lines = in.integer("data-lines", 1, 1, 20);
}

int smallest_code_width(Bind bind) {
    return bind == Bind::ean13 ? kEanModules + kEanQuietLeft + kEanQuietRight : kQrUsualModules + 2 * kQrQuiet;
}

// A code must fit its box with modules that a scanner can read on this panel.
void check_code(SvgReader& in, const Element& e, const Panel& panel) {
    const int room = e.bind == Bind::ean13 ? e.box.width : std::min(e.box.width, e.box.height);
    const int needed = smallest_code_width(e.bind);
    const int module = std::min(room / needed, e.max_module);
    const double mm = module * panel.pixel_mm();
    if (mm >= kMinModuleMm) return;
    char text[160];
    std::snprintf(text, sizeof text,
                  "%d px give a module of %d px (%.3f mm with quiet zones), and %.3f mm is the least: make it %d px",
                  room, module, mm, kMinModuleMm,
                  needed * static_cast<int>(std::ceil(kMinModuleMm / panel.pixel_mm())));
    in.complain("width", text);
}

Result<Element> read_element(const pugi::xml_node& node, std::string_view svg, const Layout& layout) {
    SvgReader in(node, svg);
    Element out;
    out.label = in.label();
    if (std::string_view(node.name()) != "rect") {
        in.complain("data-bind", "only a <rect> can be bound; its box is where the field goes");
    }
    const bool known = read_bind(in, out);
    out.box = in.box();
    out.when = in.choice("data-when", {"always", "promotion", "regular"}, When::always);
    out.currency = in.choice("data-currency", {"shown", "none"}, CurrencyPlace::shown);
    out.ink = in.ink("data-fill", "fill", Ink::black);
    out.strike = in.ink("data-stroke", "stroke", Ink::accent);
    out.max_module = in.integer("data-max-module", 8, 1, 40);
    read_style(in, out.style);
    if (!in.error()) {
        const auto move = moved_by(node, svg);
        if (!move) return fail(move.error());
        out.box.x += static_cast<int>(std::lround(move->first));
        out.box.y += static_cast<int>(std::lround(move->second));
        const auto& b = out.box;
        if (b.x < 0 || b.y < 0 || b.x + b.width > static_cast<int>(layout.width) ||
            b.y + b.height > static_cast<int>(layout.height)) {
            in.complain("width", "the box leaves the picture");
        }
    }
    if (known && !in.error() && (out.bind == Bind::ean13 || out.bind == Bind::qr)) {
        check_code(in, out, Panel{layout.width, layout.height});
    }
    if (in.error()) return fail(*in.error());
    return out;
}

// Without the prefix of a namespace, which is the writer's choice.
std::string_view local_name(std::string_view name) {
    return name.substr(name.find(':') + 1);
}

Result<Box> read_picture(const pugi::xml_node& node, std::string_view svg) {
    SvgReader in(node, svg);
    bool there = false;
    for (const auto& attribute : node.attributes()) {
        if (local_name(attribute.name()) != "href") continue;  // "xlink:href", whatever the prefix
        there = true;
        if (auto wrong = wrong_with_picture(attribute.value())) in.complain(attribute.name(), std::move(*wrong));
    }
    if (!there) in.complain("href", "is missing");
    auto box = in.box();
    if (in.error()) return fail(*in.error());
    const auto move = moved_by(node, svg);
    if (!move) return fail(move.error());
    box.x += static_cast<int>(std::lround(move->first));
    box.y += static_cast<int>(std::lround(move->second));
    return box;
}

// What would fetch, run or be set in fonts that nobody pinned.
Result<> check_harmless(const pugi::xml_node& node, std::string_view svg) {
    static constexpr std::string_view kRefused[] = {"script", "foreignObject", "iframe", "feImage"};
    const auto name = local_name(node.name());
    const SvgReader in(node, svg);
    if (name == "text" || name == "tspan" || name == "flowRoot") {
        return fail(RenderError::bad_template,
                    in.label() + ": text is drawn by fields only; make it a <rect data-text=\"…\"> or a path");
    }
    if (std::ranges::find(kRefused, name) != std::end(kRefused)) {
        return fail(RenderError::bad_template, in.label() + ": is not taken in a template");
    }
    return {};
}

Result<> walk(const pugi::xml_node& parent, std::string_view svg, Layout& out, int depth = 0) {
    if (depth > kMaxDepth)
        return fail(RenderError::bad_template, SvgReader(parent, svg).label() + ": nested too deeply");
    for (const auto& node : parent.children()) {
        if (node.type() != pugi::node_element) continue;
        if (const auto ok = check_harmless(node, svg); !ok) return ok;
        if (node.attribute("data-bind") || node.attribute("data-text")) {
            auto element = read_element(node, svg, out);
            if (!element) return fail(element.error());
            out.elements.push_back(std::move(*element));
            if (out.elements.size() > kMaxElements) {
                return fail(RenderError::bad_template, "more than " + std::to_string(kMaxElements) + " bound elements");
            }
        } else if (local_name(node.name()) == "image") {
            const auto box = read_picture(node, svg);
            if (!box) return fail(box.error());
            out.pictures.push_back(*box);
        }
        if (const auto ok = walk(node, svg, out, depth + 1); !ok) return ok;
    }
    return {};
}

Result<Layout> read_layout(const pugi::xml_document& document, std::string_view svg) {
    const auto root = document.document_element();
    if (std::string_view(root.name()) != "svg") {
        return fail(RenderError::bad_svg, "the first element is <" + std::string(root.name()) + ">, not <svg>");
    }
    SvgReader in(root, svg);
    Layout out;
    out.width = static_cast<unsigned>(in.integer("width", 0, 8, static_cast<int>(image::kMaxSide)));
    out.height = static_cast<unsigned>(in.integer("height", 0, 8, static_cast<int>(image::kMaxSide)));
    if (const auto view = in.text("viewBox"); !view.empty() && !in.error()) {
        const auto same = "0 0 " + std::to_string(out.width) + " " + std::to_string(out.height);
        if (view != same) in.complain("viewBox", "must be '" + same + "', so that one unit is one pixel of the tag");
    }
    if (in.error()) return fail(*in.error());
    out.svg = svg;
    if (const auto ok = walk(root, svg, out); !ok) return fail(ok.error());
    return out;
}

std::string version_of(std::string_view svg, const FontSet& fonts) {
    std::string all(kDrawingVersion);
    all.append(as_text(BytesView(fonts.digest()))).append(svg);
    Digest digest{};
    SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
    return to_lower_hex(BytesView(digest).first(4));
}

}  // namespace

image::Colour resolve(Ink ink, image::Palette palette) {
    using image::Colour;
    using image::Palette;
    const bool red = image::allows(palette, Colour::red), yellow = image::allows(palette, Colour::yellow);
    switch (ink) {
        case Ink::black:
            return Colour::black;
        case Ink::white:
            return Colour::white;
        case Ink::yellow:
            return yellow ? Colour::yellow : Colour::black;
        case Ink::red:
            return red ? Colour::red : Colour::black;
        case Ink::accent:
            return red ? Colour::red : yellow ? Colour::yellow : Colour::black;
        case Ink::on_accent:
            return red || !yellow ? Colour::white : Colour::black;
        case Ink::highlight:
            return yellow ? Colour::yellow : red ? Colour::red : Colour::black;
        case Ink::on_highlight:
            return yellow ? Colour::black : Colour::white;
    }
    return Colour::black;
}

unsigned Template::width() const {
    return layout_->width;
}
unsigned Template::height() const {
    return layout_->height;
}

Result<Template> Template::parse(std::string id, std::string_view svg, const FontSet& fonts) {
    if (svg.size() > kMaxSvgBytes) {
        return fail(RenderError::bad_svg, id + ": " + std::to_string(svg.size()) + " bytes, at most 1 MiB is taken");
    }
    pugi::xml_document document;
    const auto parsed = document.load_buffer(svg.data(), svg.size());
    if (!parsed) {
        return fail(RenderError::bad_svg, id + ": " + line_of(svg, parsed.offset) + ": " + parsed.description());
    }
    auto layout = read_layout(document, svg);
    if (!layout) {
        const bool svg_itself = layout.error().is(RenderError::bad_svg);
        return fail(svg_itself ? RenderError::bad_svg : RenderError::bad_template, id + ": " + layout.error().about());
    }
    Template out;
    out.name_ = document.document_element().child("title").text().as_string(id.c_str());
    out.id_ = std::move(id);
    out.version_ = version_of(svg, fonts);
    out.layout_ = std::make_shared<const Layout>(std::move(*layout));
    return out;
}

Result<TemplateSet> TemplateSet::load(const std::filesystem::path& folder, const FontSet& fonts) {
    std::vector<std::filesystem::path> files;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        if (entry.path().extension() == ".svg") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    if (files.empty()) return fail(RenderError::unknown_template, "no *.svg in " + folder.string());
    TemplateSet out;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        const std::string svg{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        auto t = Template::parse(file.stem().string(), svg, fonts);
        if (!t) return fail(t.error());
        out.all_.push_back(std::move(*t));
    }
    return out;
}

const Template* TemplateSet::find(std::string_view id) const {
    const auto at = std::ranges::find(all_, id, &Template::id);
    return at == all_.end() ? nullptr : &*at;
}

const Template* TemplateSet::usual(const Panel& panel) const {
    const auto at = std::ranges::find_if(all_, [&](const Template& t) { return t.fits(panel); });
    return at == all_.end() ? nullptr : &*at;
}

Result<std::filesystem::path> find_assets() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    const auto installed = program / "../share/shelfwire/render";
    const auto source = program / "../../mgmt-service/render";
    for (const auto& folder : {installed, source}) {
        if (std::filesystem::is_directory(folder / "templates", error)) {
            return std::filesystem::weakly_canonical(folder, error);
        }
    }
    return fail(RenderError::bad_fonts, "no templates and fonts in " + installed.lexically_normal().string() + " or " +
                                            source.lexically_normal().string());
}

}  // namespace esl::mgmt::render
