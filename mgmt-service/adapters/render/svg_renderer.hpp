// ImageRenderer over the SVG templates and pinned fonts of mgmt-service/render.
#pragma once

#include <filesystem>
#include <memory>

#include "mgmt-service/ports/image_renderer.hpp"

namespace esl::mgmt {

struct SvgRendererOptions {
    // Base of GS1 Digital Links for products without a URL of their own; empty: no QR code for them.
    std::string link_base;
};

// Each thread that draws gets a renderer of its own (Pango's font map must not be shared); it goes with the thread.
class SvgRenderer final : public ImageRenderer {
public:
    // `assets` holds templates/ and fonts/. Throws std::runtime_error that names the file.
    SvgRenderer(const std::filesystem::path& assets, SvgRendererOptions options);
    ~SvgRenderer() override;

    [[nodiscard]] Result<image::TagImage> render(const Scene& scene) override;
    [[nodiscard]] std::string template_version(const Panel& panel,
                                               const std::optional<std::string>& template_id) override;
    [[nodiscard]] std::vector<TemplateInfo> templates() override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt
