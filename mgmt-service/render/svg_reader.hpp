// Attributes of one SVG element, with errors that name line, element and attribute.
#pragma once

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "common/core/result.hpp"
#include "mgmt-service/render/layout.hpp"

namespace esl::mgmt::render {

// Reads `node`, whose text is part of `svg` (for line numbers). Both must outlive this. The first wrong attribute is
// kept as error(); later reads then give defaults, so that a caller asks once, at the end.
class SvgReader {
public:
    SvgReader(const pugi::xml_node& node, std::string_view svg);

    // "line 12: <rect id="price">"
    [[nodiscard]] const std::string& label() const { return label_; }
    // The attribute, or the property of that name in `style`; empty when neither is there.
    [[nodiscard]] std::string_view text(const char* name) const;
    [[nodiscard]] bool has(const char* name) const { return !text(name).empty(); }
    // A number of pixels ("12", "12.5", "12px").
    double number(const char* name, std::optional<double> fallback);
    int integer(const char* name, int fallback, int least, int most);
    // One of `words`, by position; `fallback` when the attribute is not there.
    template <class Enum, std::size_t N>
    Enum choice(const char* name, const std::string_view (&words)[N], Enum fallback) {
        return static_cast<Enum>(choose(name, words, N, static_cast<std::size_t>(fallback)));
    }
    // `data-fill` (a word for a part in the design) before `fill` (a colour).
    Ink ink(const char* word_name, const char* colour_name, Ink fallback);
    Box box();
    void complain(const char* attribute, std::string why);

    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

private:
    std::size_t choose(const char* name, const std::string_view* words, std::size_t count, std::size_t fallback);

    pugi::xml_node node_;
    std::string label_;
    std::optional<Error> error_;
};

// How far the ancestors' `transform` attributes move it. Only translate() and a matrix that only moves are understood;
// an error otherwise.
[[nodiscard]] Result<std::pair<double, double>> moved_by(const pugi::xml_node& node, std::string_view svg);

// "line 12" of a byte offset.
[[nodiscard]] std::string line_of(std::string_view svg, std::ptrdiff_t offset);

}  // namespace esl::mgmt::render
