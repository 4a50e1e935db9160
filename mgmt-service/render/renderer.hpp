// Draws tag images: fields + template + panel → canonical image, deflated, with its ids.
//
//     auto fonts = FontSet::load(assets / "fonts").value();
//     auto templates = TemplateSet::load(assets / "templates", *fonts).value();
//     Renderer renderer(fonts);                       // one per worker thread
//     const auto& t = *templates.usual(panel);
//     if (input_hash(t, panel, fields) == last) …     // unchanged: nothing to draw
//     auto out = renderer.render(t, panel, fields);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/image/tag_image.hpp"
#include "mgmt-service/render/fields.hpp"
#include "mgmt-service/render/fonts.hpp"
#include "mgmt-service/render/template.hpp"

namespace esl::mgmt::render {

// SHA-256 over template version (which covers fonts and code), panel and fields. Equal hash, equal image. Pure; any
// thread; about 1 µs.
[[nodiscard]] Digest input_hash(const Template& t, const Panel& panel, const Fields& fields);

struct Rendered {
    image::TagImage image;
    std::uint32_t crc = 0;  // the image id on the air
    Digest sha256{};        // of the canonical bytes, for the audit log
    Bytes deflated;         // zlib stream, as carried in MQTT
    // What had to be left out so that the rest could be shown: "qr: 57 modules do not fit …".
    std::vector<std::string> notes;
};

struct RendererOptions {
    // 1 to 12; 6 takes 18 % fewer bytes than 1 at twice the time.
    int deflate_level = 6;
    // Bounds of the caches, in bytes each; the least recently used goes first. 0 keeps nothing.
    std::size_t art_bytes = 16U << 20;   // static layers
    std::size_t code_bytes = 4U << 20;   // modules of EAN and QR codes
    std::size_t text_bytes = 16U << 20;  // pixels of drawn fields
};

struct RendererStats {
    std::uint64_t images = 0;
    std::uint64_t code_hits = 0, code_misses = 0;
    std::uint64_t text_hits = 0, text_misses = 0;
    std::uint64_t art_hits = 0, art_misses = 0;
};

// Thread-confined: make and use it on one thread (Pango's font map must not be shared). Construction costs tens of ms;
// pass the instance from image to image.
class Renderer {
public:
    explicit Renderer(std::shared_ptr<const FontSet> fonts, RendererOptions options = {});
    ~Renderer();
    Renderer(Renderer&&) noexcept;
    Renderer& operator=(Renderer&&) noexcept;

    // Draws one text in each script that the fonts know, so that the first image is not late (up to 100 ms).
    void warm_up();

    // Errors: bad_panel (template of another size), bad_field (control characters, bad UTF-8, too long: names the
    // field), bad_template (a code whose module would be too small on this panel: names the element).
    [[nodiscard]] Result<Rendered> render(const Template& t, const Panel& panel, const Fields& fields);

    [[nodiscard]] const RendererStats& stats() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt::render
