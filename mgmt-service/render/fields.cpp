#include "mgmt-service/render/fields.hpp"

#include <algorithm>
#include <charconv>

#include "mgmt-service/domain/gtin.hpp"

namespace esl::mgmt::render {
namespace {

// Active width in mm of the module that is sold with these pixels (e-paper makers' data sheets).
struct PanelSize {
    unsigned width, height;
    double active_width_mm;
};
constexpr PanelSize kPanelSizes[] = {
    {152, 152, 27.5}, {200, 200, 27.6}, {212, 104, 48.55}, {250, 122, 48.55}, {296, 128, 66.9},
    {296, 152, 66.9}, {384, 168, 81.5}, {400, 300, 84.8},  {640, 384, 163.2}, {800, 480, 163.2},
};
constexpr double kUsualPixelMm = 0.2;

std::optional<unsigned> side(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (value < 8 || value > image::kMaxSide) return std::nullopt;
    return value;
}

}  // namespace

Result<Panel> Panel::parse(std::string_view id) {
    const auto bad = [&](std::string why) {
        return fail(RenderError::bad_panel, "'" + std::string(id.substr(0, 32)) + "' " + std::move(why));
    };
    const auto cross = id.find('x');
    const auto dash = id.find('-');
    if (cross == std::string_view::npos || dash == std::string_view::npos || dash < cross) {
        return bad("is not like 296x128-bwr");
    }
    const auto width = side(id.substr(0, cross));
    const auto height = side(id.substr(cross + 1, dash - cross - 1));
    if (!width || !height) return bad("has a side that is not 8 to " + std::to_string(image::kMaxSide));
    const auto palette = image::palette_from(id.substr(dash + 1));
    if (!palette) return bad("has another palette than bw, bwr, bwy, bwry");
    return Panel{*width, *height, *palette};
}

std::string Panel::id() const {
    return std::to_string(width) + "x" + std::to_string(height) + "-" + std::string(image::name(palette));
}

double Panel::pixel_mm() const {
    for (const auto& size : kPanelSizes) {
        if (size.width == width && size.height == height) return size.active_width_mm / width;
    }
    return kUsualPixelMm;
}

std::string digital_link(std::string_view base, std::string_view id) {
    if (!is_gtin14(id)) return {};
    while (!base.empty() && base.back() == '/') base.remove_suffix(1);
    std::string out{base};
    const auto host = base.find("://");
    const bool has_path = host != std::string_view::npos && base.find('/', host + 3) != std::string_view::npos;
    if (!has_path) {
        std::ranges::transform(out, out.begin(),
                               [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    }
    return out.append("/01/").append(id);
}

}  // namespace esl::mgmt::render
