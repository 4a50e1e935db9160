#include "mgmt-service/render/svg_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace esl::mgmt::render {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string_view property(std::string_view style, std::string_view name) {
    while (!style.empty()) {
        const auto end = std::min(style.find(';'), style.size());
        const auto part = style.substr(0, end);
        const auto colon = part.find(':');
        if (colon != std::string_view::npos && trimmed(part.substr(0, colon)) == name) {
            return trimmed(part.substr(colon + 1));
        }
        style.remove_prefix(std::min(end + 1, style.size()));
    }
    return {};
}

std::optional<double> pixels(std::string_view text) {
    if (text.ends_with("px")) text.remove_suffix(2);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::string quoted(std::string_view text) {
    return "'" + std::string(text.substr(0, 60)) + "'";
}

// #rgb, #rrggbb or a name → the nearest of the four; nullopt when it is none of these.
std::optional<Ink> nearest_ink(std::string_view text) {
    if (text == "black") return Ink::black;
    if (text == "white") return Ink::white;
    if (text == "yellow") return Ink::yellow;
    if (text == "red") return Ink::red;
    if (text.empty() || text[0] != '#' || (text.size() != 4 && text.size() != 7)) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    const bool brief = text.size() == 4;
    const auto part = [&](unsigned index) {
        return brief ? (value >> (8 - 4 * index) & 0xF) * 17 : value >> (16 - 8 * index) & 0xFF;
    };
    const unsigned r = part(0), g = part(1), b = part(2);
    if (r > 128 && g < 110 && b < 110) return Ink::red;
    if (r > 128 && g > 110 && b < 128) return Ink::yellow;
    return r + g + b > 384 ? Ink::white : Ink::black;
}

// The numbers in "translate(1, 2)"; nullopt when it is not a list of numbers.
std::optional<std::vector<double>> arguments(std::string_view text) {
    std::vector<double> out;
    while (!(text = trimmed(text)).empty()) {
        const auto end = std::min(text.find_first_of(", \t"), text.size());
        const auto value = pixels(text.substr(0, end));
        if (!value || out.size() == 6) return std::nullopt;
        out.push_back(*value);
        text.remove_prefix(end);
        text = trimmed(text);
        if (!text.empty() && text.front() == ',') text.remove_prefix(1);
    }
    return out;
}

std::optional<std::pair<double, double>> movement(std::string_view transform) {
    transform = trimmed(transform);
    const auto open = transform.find('(');
    if (open == std::string_view::npos || transform.back() != ')') return std::nullopt;
    const auto values = arguments(transform.substr(open + 1, transform.size() - open - 2));
    if (!values) return std::nullopt;
    const auto name = trimmed(transform.substr(0, open));
    const auto& v = *values;
    if (name == "translate" && v.size() == 1) return std::pair{v[0], 0.0};
    if (name == "translate" && v.size() == 2) return std::pair{v[0], v[1]};
    const bool only_moves = v.size() == 6 && v[0] == 1 && v[1] == 0 && v[2] == 0 && v[3] == 1;
    if (name == "matrix" && only_moves) return std::pair{v[4], v[5]};
    return std::nullopt;
}

std::string label_of(const pugi::xml_node& node, std::string_view svg) {
    std::string label = line_of(svg, node.offset_debug()) + ": <" + node.name();
    if (const auto id = node.attribute("id")) label += std::string(" id=\"") + id.value() + "\"";
    return label + ">";
}

}  // namespace

std::string line_of(std::string_view svg, std::ptrdiff_t offset) {
    const auto head = svg.substr(0, offset < 0 ? 0 : static_cast<std::size_t>(offset));
    return "line " + std::to_string(1 + std::ranges::count(head, '\n'));
}

SvgReader::SvgReader(const pugi::xml_node& node, std::string_view svg) : node_(node), label_(label_of(node, svg)) {}

std::string_view SvgReader::text(const char* name) const {
    if (const auto attribute = node_.attribute(name)) return trimmed(attribute.value());
    return property(node_.attribute("style").value(), name);
}

void SvgReader::complain(const char* attribute, std::string why) {
    if (!error_) {
        error_ = Error(RenderError::bad_template, label_ + " attribute " + attribute + ": " + std::move(why));
    }
}

double SvgReader::number(const char* name, std::optional<double> fallback) {
    const auto found = text(name);
    if (found.empty()) {
        if (!fallback) complain(name, "is missing");
        return fallback.value_or(0);
    }
    const auto value = pixels(found);
    if (!value) complain(name, quoted(found) + " is not a number of pixels");
    return value.value_or(0);
}

int SvgReader::integer(const char* name, int fallback, int least, int most) {
    const double value = std::round(number(name, fallback));
    if (value < least || value > most) {
        complain(name, quoted(text(name)) + " is not " + std::to_string(least) + " to " + std::to_string(most));
        return fallback;
    }
    return static_cast<int>(value);
}

std::size_t SvgReader::choose(const char* name, const std::string_view* words, std::size_t count,
                              std::size_t fallback) {
    const auto found = text(name);
    if (found.empty()) return fallback;
    std::string known;
    for (std::size_t i = 0; i < count; ++i) {
        if (words[i] == found) return i;
        known += (i == 0 ? "" : ", ") + std::string(words[i]);
    }
    complain(name, quoted(found) + " is none of " + known);
    return fallback;
}

Ink SvgReader::ink(const char* word_name, const char* colour_name, Ink fallback) {
    static constexpr std::string_view kWords[] = {"black",  "white",     "yellow",    "red",
                                                  "accent", "on-accent", "highlight", "on-highlight"};
    if (has(word_name)) return choice(word_name, kWords, fallback);
    const auto found = text(colour_name);
    if (found.empty() || found == "none") return fallback;
    const auto ink = nearest_ink(found);
    if (!ink) complain(colour_name, quoted(found) + " is not a colour like #dc2626");
    return ink.value_or(fallback);
}

Box SvgReader::box() {
    const double x = number("x", 0), y = number("y", 0);
    const double width = number("width", std::nullopt), height = number("height", std::nullopt);
    constexpr double kFar = 100'000;
    for (const auto& [name, value] : {std::pair{"x", x}, {"y", y}, {"width", width}, {"height", height}}) {
        if (std::abs(value) > kFar) complain(name, "is far outside the picture");
    }
    if (!error_ && (width < 1 || height < 1)) complain(width < 1 ? "width" : "height", "is less than a pixel");
    if (error_) return {};
    const auto left = static_cast<int>(std::lround(x)), top = static_cast<int>(std::lround(y));
    return {left, top, static_cast<int>(std::lround(x + width)) - left,
            static_cast<int>(std::lround(y + height)) - top};
}

Result<std::pair<double, double>> moved_by(const pugi::xml_node& node, std::string_view svg) {
    std::pair<double, double> sum{0, 0};
    for (auto at = node; at && at.type() == pugi::node_element; at = at.parent()) {
        const auto transform = at.attribute("transform");
        if (!transform) continue;
        const auto move = movement(transform.value());
        if (!move) {
            return fail(RenderError::bad_template, label_of(at, svg) +
                                                       " attribute transform: " + quoted(transform.value()) +
                                                       " does more than move, and a bound box is inside");
        }
        sum.first += move->first;
        sum.second += move->second;
    }
    return sum;
}

}  // namespace esl::mgmt::render
