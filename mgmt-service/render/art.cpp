#include "mgmt-service/render/art.hpp"

#include <cairo.h>
#include <librsvg/rsvg.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <pugixml.hpp>
#include <sstream>

namespace esl::mgmt::render {
namespace {

using image::Colour;
using image::Palette;

struct Rgb {
    int r, g, b;
};
// Index order; the colours that designers write and PNG previews show.
constexpr Rgb kColours[] = {{0, 0, 0}, {255, 255, 255}, {250, 204, 21}, {220, 38, 38}};
constexpr const char* kColourWords[] = {"#000000", "#ffffff", "#facc15", "#dc2626"};

constexpr std::string_view kInkWords[] = {"black",  "white",     "yellow",    "red",
                                          "accent", "on-accent", "highlight", "on-highlight"};

struct FreeSurface {
    void operator()(cairo_surface_t* s) const { cairo_surface_destroy(s); }
};
struct FreeCairo {
    void operator()(cairo_t* c) const { cairo_destroy(c); }
};
struct FreeObject {
    void operator()(void* o) const { g_object_unref(o); }
};

// data-fill="accent" → fill="#dc2626" on this panel. Unknown words leave the colour that the editor shows.
void set_ink(pugi::xml_node& node, const char* word, const char* attribute, Palette palette) {
    const std::string_view value = node.attribute(word).value();
    const auto found = std::ranges::find(kInkWords, value);
    if (value.empty() || found == std::end(kInkWords)) return;
    const auto colour = resolve(static_cast<Ink>(found - std::begin(kInkWords)), palette);
    const auto* text = kColourWords[static_cast<std::size_t>(colour)];
    node.remove_attribute(attribute);
    node.append_attribute(attribute) = text;
    // A property in `style` would win over the attribute.
    if (auto style = node.attribute("style")) {
        style = (std::string(style.value()) + ";" + attribute + ":" + text).c_str();
    }
}

bool belongs(const pugi::xml_node& node, bool promotion) {
    if (node.attribute("data-bind") || node.attribute("data-text")) return false;
    const std::string_view when = node.attribute("data-when").value();
    if (when == "promotion") return promotion;
    if (when == "regular") return !promotion;
    return true;
}

void keep_art(pugi::xml_node parent, Palette palette, bool promotion) {
    for (auto node = parent.first_child(); node;) {
        auto next = node.next_sibling();
        if (node.type() == pugi::node_element && !belongs(node, promotion)) {
            parent.remove_child(node);
        } else {
            set_ink(node, "data-fill", "fill", palette);
            set_ink(node, "data-stroke", "stroke", palette);
            keep_art(node, palette, promotion);
        }
        node = next;
    }
}

std::string art_svg(const Layout& layout, Palette palette, bool promotion) {
    pugi::xml_document document;
    document.load_buffer(layout.svg.data(), layout.svg.size());
    auto root = document.document_element();
    keep_art(root, palette, promotion);
    // Without antialiasing every edge is one of the panel's colours, and no fringe needs a threshold.
    if (!root.attribute("shape-rendering")) root.append_attribute("shape-rendering") = "crispEdges";
    std::ostringstream out;
    document.save(out, "", pugi::format_raw);
    return out.str();
}

Result<std::unique_ptr<cairo_surface_t, FreeSurface>> rasterise(const Layout& layout, const std::string& svg) {
    GError* error = nullptr;
    const auto failed = [&] {
        std::string why = error != nullptr ? error->message : "unknown";
        g_clear_error(&error);
        return fail(RenderError::bad_svg, "librsvg: " + why);
    };
    const std::unique_ptr<RsvgHandle, FreeObject> handle(
        rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
    if (!handle) return failed();
    std::unique_ptr<cairo_surface_t, FreeSurface> surface(cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, static_cast<int>(layout.width), static_cast<int>(layout.height)));
    const std::unique_ptr<cairo_t, FreeCairo> cairo(cairo_create(surface.get()));
    cairo_set_source_rgb(cairo.get(), 1, 1, 1);
    cairo_paint(cairo.get());
    const RsvgRectangle all{0, 0, static_cast<double>(layout.width), static_cast<double>(layout.height)};
    if (rsvg_handle_render_document(handle.get(), cairo.get(), &all, &error) == 0) return failed();
    cairo_surface_flush(surface.get());
    return surface;
}

std::uint8_t nearest(Rgb c, Palette palette) {
    std::uint8_t best = 0;
    int least = 1 << 30;
    for (std::uint8_t i = 0; i < 4; ++i) {
        if (!image::allows(palette, static_cast<Colour>(i))) continue;
        const int dr = c.r - kColours[i].r, dg = c.g - kColours[i].g, db = c.b - kColours[i].b;
        // The eye weighs green most; the sum is 10.
        const int distance = 3 * dr * dr + 6 * dg * dg + db * db;
        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    return best;
}

class Pixels {
public:
    explicit Pixels(cairo_surface_t* surface)
        : data_(cairo_image_surface_get_data(surface)), stride_(cairo_image_surface_get_stride(surface)) {}
    [[nodiscard]] Rgb at(int x, int y) const {
        const auto* p = data_ + static_cast<std::ptrdiff_t>(y) * stride_ + static_cast<std::ptrdiff_t>(x) * 4;
        std::uint32_t value = 0;
        std::copy_n(p, 4, reinterpret_cast<unsigned char*>(&value));
        return {static_cast<int>(value >> 16 & 0xFF), static_cast<int>(value >> 8 & 0xFF),
                static_cast<int>(value & 0xFF)};
    }

private:
    const unsigned char* data_;
    int stride_;
};

// Floyd and Steinberg's error diffusion within one box.
void dither(const Pixels& pixels, const Box& box, Palette palette, Canvas& out, int stride) {
    const auto width = static_cast<std::size_t>(box.width);
    std::vector<std::array<int, 3>> here(width + 2), below(width + 2);
    for (int y = 0; y < box.height; ++y) {
        for (int x = 0; x < box.width; ++x) {
            const auto i = static_cast<std::size_t>(x) + 1;
            const auto p = pixels.at(box.x + x, box.y + y);
            const Rgb wanted{std::clamp(p.r + here[i][0] / 16, 0, 255), std::clamp(p.g + here[i][1] / 16, 0, 255),
                             std::clamp(p.b + here[i][2] / 16, 0, 255)};
            const auto got = nearest(wanted, palette);
            out[static_cast<std::size_t>((box.y + y) * stride + box.x + x)] = got;
            const int error[3] = {wanted.r - kColours[got].r, wanted.g - kColours[got].g, wanted.b - kColours[got].b};
            for (std::size_t c = 0; c < 3; ++c) {
                here[i + 1][c] += 7 * error[c];
                below[i - 1][c] += 3 * error[c];
                below[i][c] += 5 * error[c];
                below[i + 1][c] += error[c];
            }
        }
        here.swap(below);
        std::ranges::fill(below, std::array<int, 3>{});
    }
}

Box clipped(Box box, const Layout& layout) {
    const int right = std::min(box.x + box.width, static_cast<int>(layout.width));
    const int bottom = std::min(box.y + box.height, static_cast<int>(layout.height));
    box.x = std::max(box.x, 0);
    box.y = std::max(box.y, 0);
    box.width = std::max(right - box.x, 0);
    box.height = std::max(bottom - box.y, 0);
    return box;
}

}  // namespace

Result<Canvas> draw_art(const Layout& layout, Palette palette, bool promotion) {
    const auto surface = rasterise(layout, art_svg(layout, palette, promotion));
    if (!surface) return fail(surface.error());
    const Pixels pixels(surface->get());
    const int width = static_cast<int>(layout.width), height = static_cast<int>(layout.height);
    Canvas out(std::size_t{layout.width} * layout.height);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x)
            out[static_cast<std::size_t>(y * width + x)] = nearest(pixels.at(x, y), palette);
    }
    for (const auto& picture : layout.pictures) dither(pixels, clipped(picture, layout), palette, out, width);
    return out;
}

}  // namespace esl::mgmt::render
