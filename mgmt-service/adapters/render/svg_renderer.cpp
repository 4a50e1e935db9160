#include "mgmt-service/adapters/render/svg_renderer.hpp"

#include <stdexcept>

#include "mgmt-service/adapters/render/scene_fields.hpp"
#include "mgmt-service/render/renderer.hpp"

namespace esl::mgmt {
namespace {

render::Panel drawn_on(const Panel& panel) {
    return {panel.width, panel.height, panel.palette};
}

template <class T>
T need(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
}

}  // namespace

class SvgRenderer::Impl {
public:
    Impl(const std::filesystem::path& assets, SvgRendererOptions options)
        : options_(std::move(options)),
          fonts_(need(render::FontSet::load(assets / "fonts"))),
          templates_(need(render::TemplateSet::load(assets / "templates", *fonts_))) {}

    [[nodiscard]] const render::Template* choose(const Panel& panel, const std::optional<std::string>& id) const {
        return id ? templates_.find(*id) : templates_.usual(drawn_on(panel));
    }

    [[nodiscard]] render::Renderer& mine() const {
        // One a thread; another SvgRenderer on the same thread (tests) makes it anew.
        thread_local std::shared_ptr<const render::FontSet> of;
        thread_local std::unique_ptr<render::Renderer> renderer;
        if (of != fonts_) {
            renderer = std::make_unique<render::Renderer>(fonts_);
            of = fonts_;
        }
        return *renderer;
    }

    SvgRendererOptions options_;
    std::shared_ptr<const render::FontSet> fonts_;
    render::TemplateSet templates_;
};

SvgRenderer::SvgRenderer(const std::filesystem::path& assets, SvgRendererOptions options)
    : impl_(std::make_unique<Impl>(assets, std::move(options))) {}
SvgRenderer::~SvgRenderer() = default;

Result<image::TagImage> SvgRenderer::render(const Scene& scene) {
    const auto* chosen = impl_->choose(scene.panel, scene.template_id);
    if (chosen == nullptr) {
        return fail(RenderError::no_template,
                    scene.template_id ? "template '" + *scene.template_id + "'" : "panel " + text(scene.panel));
    }
    auto drawn = impl_->mine().render(*chosen, drawn_on(scene.panel), fields_of(scene, impl_->options_.link_base));
    if (!drawn) return fail(drawn.error());
    return std::move(drawn->image);
}

std::string SvgRenderer::template_version(const Panel& panel, const std::optional<std::string>& template_id) {
    const auto* chosen = impl_->choose(panel, template_id);
    return chosen == nullptr ? "none" : chosen->id() + "@" + chosen->version();
}

std::vector<TemplateInfo> SvgRenderer::templates() {
    std::vector<TemplateInfo> out;
    for (const auto& t : impl_->templates_.all()) {
        Panel panel;
        panel.width = t.width();
        panel.height = t.height();
        panel.palette = image::Palette::bwr;  // templates fit a size; colours a panel lacks become black
        out.push_back({t.id(), t.name(), t.version(), panel});
    }
    return out;
}

}  // namespace esl::mgmt
