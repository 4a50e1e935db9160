// SVG templates (docs/formats/svg-template.md): static art plus boxes bound to fields by data-bind.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mgmt-service/render/fonts.hpp"

namespace esl::mgmt::render {

struct Layout;  // layout.hpp: the parsed boxes and art

// Immutable; cheap to copy; may be shared by threads.
class Template {
public:
    // `id` is the file name without ".svg". Errors: bad_svg, bad_template with line, element and attribute.
    [[nodiscard]] static Result<Template> parse(std::string id, std::string_view svg, const FontSet& fonts);

    [[nodiscard]] const std::string& id() const { return id_; }
    // The SVG's <title>.
    [[nodiscard]] const std::string& name() const { return name_; }
    // Eight hex digits; changes with the SVG, the fonts and the drawing code.
    [[nodiscard]] const std::string& version() const { return version_; }
    [[nodiscard]] unsigned width() const;
    [[nodiscard]] unsigned height() const;
    [[nodiscard]] bool fits(const Panel& panel) const { return panel.width == width() && panel.height == height(); }
    [[nodiscard]] const Layout& layout() const { return *layout_; }

private:
    std::string id_;
    std::string name_;
    std::string version_;
    std::shared_ptr<const Layout> layout_;
};

// Immutable; may be shared by threads.
class TemplateSet {
public:
    // Every *.svg of `folder`. The first one that is wrong is the error, its file named.
    [[nodiscard]] static Result<TemplateSet> load(const std::filesystem::path& folder, const FontSet& fonts);

    // nullptr when there is none. Pointers live as long as the set.
    [[nodiscard]] const Template* find(std::string_view id) const;
    // The panel's usual template: the first of its size by id.
    [[nodiscard]] const Template* usual(const Panel& panel) const;
    // By id.
    [[nodiscard]] const std::vector<Template>& all() const { return all_; }

private:
    std::vector<Template> all_;
};

// The folder with templates/ and fonts/: ../share/shelfwire/render beside an installed executable, otherwise
// mgmt-service/render of the source tree that holds the build folder. Errors: bad_fonts when neither is there.
[[nodiscard]] Result<std::filesystem::path> find_assets();

}  // namespace esl::mgmt::render
