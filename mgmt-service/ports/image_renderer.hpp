// Turns what a tag stands for into the picture it shows.
#pragma once

#include "mgmt-service/core/model.hpp"

namespace esl::mgmt {

enum class RenderError { no_template, too_small, bad_content };
constexpr std::string_view describe(RenderError e) {
    switch (e) {
        case RenderError::no_template:
            return "no template for this panel";
        case RenderError::too_small:
            return "panel too small for this content";
        case RenderError::bad_content:
            return "content cannot be drawn";
    }
    return "render error";
}

// Everything the picture depends on, the moment already decided: no clock, no look-up.
struct Scene {
    Panel panel;
    std::optional<std::string> template_id;  // absent: the panel's usual one
    std::string tag;                         // an unbound tag shows its own id
    std::string currency;
    std::string locale;
    struct Item {
        std::string code;  // GTIN-14 or item code
        std::string name, brand, quantity, unit, url;
        std::optional<std::int64_t> price;        // now on the shelf, minor units
        std::optional<std::int64_t> prior_price;  // in a promotion: struck out beside it
        bool promotion = false;
        std::optional<UnixMillis> promotion_to;
        bool operator==(const Item&) const = default;
    };
    std::vector<Item> items;  // empty: the tag is not bound
    bool operator==(const Scene&) const = default;
};

struct TemplateInfo {
    std::string id, name, version;
    Panel panel;
};

// Thread-safe: several threads draw at once.
class ImageRenderer {
public:
    virtual ~ImageRenderer() = default;
    [[nodiscard]] virtual Result<image::TagImage> render(const Scene& scene) = 0;
    // Changes with the art, layout and fonts that would be used for the panel: part of the hash by which an unchanged
    // tag is recognised. Cheap.
    [[nodiscard]] virtual std::string template_version(const Panel& panel,
                                                       const std::optional<std::string>& template_id) = 0;
    [[nodiscard]] virtual std::vector<TemplateInfo> templates() = 0;
};

}  // namespace esl::mgmt
