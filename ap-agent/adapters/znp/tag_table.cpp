#include "ap-agent/adapters/znp/tag_table.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace esl::ap::znp {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Panel& panel) {
    return {{"endpoint", panel.endpoint},
            {"width", panel.width},
            {"height", panel.height},
            {"palette", image::name(panel.palette)},
            {"slots", panel.slots},
            {"formats", panel.formats},
            {"max_image", panel.max_image},
            {"model", panel.model},
            {"manufacturer", panel.manufacturer},
            {"firmware", panel.firmware}};
}

// Reads one object's fields; the first that is missing, of another type or out of range is remembered.
class Fields {
public:
    explicit Fields(const nlohmann::json& object) : object_(object) {}

    std::uint64_t number(const char* field, std::uint64_t max) {
        const auto at = object_.find(field);
        if (at == object_.end() || !at->is_number_unsigned() || at->get<std::uint64_t>() > max) {
            if (bad_.empty()) bad_ = field;
            return 0;
        }
        return at->get<std::uint64_t>();
    }
    std::string text(const char* field) {
        const auto at = object_.find(field);
        if (at == object_.end() || !at->is_string()) {
            if (bad_.empty()) bad_ = field;
            return {};
        }
        return at->get<std::string>();
    }
    [[nodiscard]] const std::string& bad() const { return bad_; }

private:
    const nlohmann::json& object_;
    std::string bad_;
};

Result<Panel> panel_from(const nlohmann::json& json) {
    if (!json.is_object()) return fail(ParseError::malformed, "panel");
    Fields in(json);
    Panel out;
    out.endpoint = static_cast<std::uint8_t>(in.number("endpoint", 240));
    out.width = static_cast<unsigned>(in.number("width", image::kMaxSide));
    out.height = static_cast<unsigned>(in.number("height", image::kMaxSide));
    out.slots = static_cast<std::uint8_t>(in.number("slots", 255));
    out.formats = static_cast<std::uint8_t>(in.number("formats", 255));
    out.max_image = static_cast<std::uint32_t>(in.number("max_image", 0xFFFF'FFFF));
    out.model = in.text("model");
    out.manufacturer = in.text("manufacturer");
    out.firmware = in.text("firmware");
    const auto palette = image::palette_from(in.text("palette"));
    if (!in.bad().empty()) return fail(ParseError::malformed, in.bad());
    if (!palette) return fail(ParseError::malformed, "palette");
    out.palette = *palette;
    return out;
}

}  // namespace

Tag* TagTable::put(TagId id, std::uint16_t nwk) {
    auto at = tags_.find(id);
    if (at == tags_.end()) {
        if (tags_.size() >= kMax) return nullptr;
        at = tags_.emplace(id, Tag{}).first;
    } else if (const auto old = by_nwk_.find(at->second.nwk); old != by_nwk_.end() && old->second == id) {
        by_nwk_.erase(old);
    }
    at->second.nwk = nwk;
    if (nwk == kNowhere) return &at->second;
    const auto [owner, free] = by_nwk_.try_emplace(nwk, id);
    if (!free && owner->second != id) tags_[std::exchange(owner->second, id)].nwk = kNowhere;
    return &at->second;
}

Tag* TagTable::find(TagId id) {
    const auto at = tags_.find(id);
    return at == tags_.end() ? nullptr : &at->second;
}
const Tag* TagTable::find(TagId id) const {
    const auto at = tags_.find(id);
    return at == tags_.end() ? nullptr : &at->second;
}

std::optional<TagId> TagTable::at(std::uint16_t nwk) const {
    const auto found = by_nwk_.find(nwk);
    return found == by_nwk_.end() ? std::nullopt : std::optional(found->second);
}

void TagTable::erase(TagId id) {
    const auto at = tags_.find(id);
    if (at == tags_.end()) return;
    if (const auto nwk = by_nwk_.find(at->second.nwk); nwk != by_nwk_.end() && nwk->second == id) by_nwk_.erase(nwk);
    tags_.erase(at);
}

std::string TagTable::to_json() const {
    auto tags = Json::array();
    for (const auto& [id, tag] : tags_) {
        Json one{{"tag", id.text()}, {"nwk", tag.nwk}};
        if (tag.panel) one["panel"] = znp::to_json(*tag.panel);
        tags.push_back(std::move(one));
    }
    // What a tag says of itself may be no UTF-8; the file is.
    return Json{{"format", 1}, {"tags", std::move(tags)}}.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<TagTable> TagTable::from_json(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("tags") || !json["tags"].is_array()) {
        return fail(ParseError::malformed, "not an object with a list of tags");
    }
    if (!json.contains("format") || json["format"] != 1) return fail(ParseError::unknown, "format");
    TagTable out;
    for (const auto& entry : json["tags"]) {
        if (!entry.is_object()) return fail(ParseError::malformed, "tag");
        Fields in(entry);
        const auto name = in.text("tag");
        const auto nwk = in.number("nwk", 0xFFFF);
        const auto id = TagId::parse(name);
        if (!id || id->is_eui48() || !in.bad().empty())
            return fail(ParseError::malformed, "tag " + name + ": " + in.bad());
        auto* tag = out.put(*id, static_cast<std::uint16_t>(nwk));
        if (tag == nullptr) return fail(ParseError::too_long, "more tags than " + std::to_string(kMax));
        if (!entry.contains("panel")) continue;
        auto panel = panel_from(entry["panel"]);
        if (!panel) return fail(ParseError::malformed, "tag " + name + ": " + panel.error().about());
        tag->panel = *std::move(panel);
    }
    return out;
}

}  // namespace esl::ap::znp
