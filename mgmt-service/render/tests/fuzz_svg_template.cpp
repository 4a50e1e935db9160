// SVG templates from outside: whatever comes, an error or a layout whose boxes lie inside the picture.
#include <cstdint>
#include <cstdlib>

#include "mgmt-service/render/layout.hpp"
#include "mgmt-service/render/template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace esl::mgmt::render;
    static const auto fonts = FontSet::load("mgmt-service/render/fonts").value();
    const auto t = Template::parse("fuzz", {reinterpret_cast<const char*>(data), size}, *fonts);
    if (!t) return t.error().about().empty() ? std::abort(), 0 : 0;
    for (const auto& e : t->layout().elements) {
        const bool inside = e.box.x >= 0 && e.box.y >= 0 && e.box.width >= 0 && e.box.height >= 0 &&
                            e.box.x + e.box.width <= static_cast<int>(t->width()) &&
                            e.box.y + e.box.height <= static_cast<int>(t->height());
        if (!inside) std::abort();
    }
    return 0;
}
