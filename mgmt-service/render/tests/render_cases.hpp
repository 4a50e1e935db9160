// What the golden images show: real-looking shelves in several languages, on every template and palette.
#pragma once

#include <string>
#include <vector>

#include "mgmt-service/render/renderer.hpp"

namespace esl::mgmt::render {

struct Case {
    std::string file;  // stem of the golden image
    Panel panel;
    Fields fields;
};

[[nodiscard]] Fields juice();      // hr, EUR, regular
[[nodiscard]] Fields promotion();  // the same, reduced
[[nodiscard]] std::vector<Case> golden_cases();

// Fonts and templates of the source tree, loaded once a process.
[[nodiscard]] std::shared_ptr<const FontSet> test_fonts();
[[nodiscard]] const TemplateSet& test_templates();
[[nodiscard]] Rendered draw(Renderer& renderer, const Case& c);

}  // namespace esl::mgmt::render
