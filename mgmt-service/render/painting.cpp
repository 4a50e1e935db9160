#include "mgmt-service/render/painting.hpp"

#include <algorithm>

namespace esl::mgmt::render {

using image::Colour;

void Painting::paint(const Spans& spans, Colour colour) {
    for (const auto& s : spans) {
        const auto at = static_cast<std::ptrdiff_t>(s.y) * static_cast<std::ptrdiff_t>(panel_.width) + s.x;
        std::fill_n(canvas_.begin() + at, s.length, static_cast<std::uint8_t>(colour));
    }
}

void Painting::fill(int x, int y, int width, int height, Colour colour) {
    for (int row = y; row < y + height; ++row) {
        const auto at = static_cast<std::ptrdiff_t>(row) * static_cast<std::ptrdiff_t>(panel_.width) + x;
        std::fill_n(canvas_.begin() + at, width, static_cast<std::uint8_t>(colour));
    }
}

void Painting::ean(const Element& e, const Modules& m) {
    const int module = std::min(e.box.width / (kEanModules + kEanQuietLeft + kEanQuietRight), e.max_module);
    fill(e.box.x, e.box.y, e.box.width, e.box.height, Colour::white);
    // The left quiet zone of an EAN-13 is the wider one; an EAN-8 (67 modules, 7 on either side) has room to spare.
    const int shift = m.width == kEanModules ? module * (kEanQuietLeft - kEanQuietRight) : 0;
    const int left = e.box.x + (e.box.width - m.width * module + shift) / 2;
    for (int i = 0; i < m.width; ++i) {
        if (m.dark[static_cast<std::size_t>(i)] == 0) continue;
        fill(left + i * module, e.box.y, module, e.box.height, Colour::black);
    }
}

bool Painting::qr(const Element& e, const Modules& m) {
    const int modules = m.width + 2 * kQrQuiet;
    const int module = std::min(std::min(e.box.width, e.box.height) / modules, e.max_module);
    if (module * panel_.pixel_mm() < kMinModuleMm) return false;
    const int side = module * modules;
    const int x = e.box.x + (e.box.width - side) / 2, y = e.box.y + (e.box.height - side) / 2;
    fill(x, y, side, side, Colour::white);
    for (int row = 0; row < m.height; ++row) {
        for (int column = 0; column < m.width; ++column) {
            if (m.dark[static_cast<std::size_t>(row * m.width + column)] == 0) continue;
            fill(x + (column + kQrQuiet) * module, y + (row + kQrQuiet) * module, module, module, Colour::black);
        }
    }
    return true;
}

Bytes Painting::packed() const {
    const auto width = panel_.width, height = panel_.height;
    const std::size_t stride = (width + 3) / 4;
    Bytes out(stride * height);
    const std::size_t whole = width / 4;
    for (unsigned y = 0; y < height; ++y) {
        const auto* in = canvas_.data() + std::size_t{y} * width;
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

}  // namespace esl::mgmt::render
