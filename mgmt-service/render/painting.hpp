// An image on its way: palette indexes, one byte a pixel.
#pragma once

#include "common/core/bytes.hpp"
#include "mgmt-service/render/art.hpp"
#include "mgmt-service/render/codes.hpp"
#include "mgmt-service/render/layout.hpp"
#include "mgmt-service/render/text.hpp"

namespace esl::mgmt::render {

class Painting {
public:
    // `canvas` holds panel.width * panel.height pixels.
    Painting(const Panel& panel, Canvas canvas) : panel_(panel), canvas_(std::move(canvas)) {}

    void paint(const Spans& spans, image::Colour colour);
    void fill(int x, int y, int width, int height, image::Colour colour);
    // Bars over the whole height of the box, white around them.
    void ean(const Element& e, const Modules& modules);
    // False, and nothing is drawn, when its modules would be too small on this panel.
    [[nodiscard]] bool qr(const Element& e, const Modules& modules);
    // The canonical bytes (docs/formats/tag-image.md).
    [[nodiscard]] Bytes packed() const;

private:
    Panel panel_;
    Canvas canvas_;
};

}  // namespace esl::mgmt::render
