// The tags that have joined, by IEEE and by short address, and what is known of each. A value with a file form.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/clock.hpp"
#include "common/core/ids.hpp"
#include "common/core/result.hpp"

namespace esl::ap::znp {

// What the tag said when it was asked.
struct Panel {
    std::uint8_t endpoint = 1;
    unsigned width = 0;
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;
    std::uint8_t slots = 1;
    std::uint8_t formats = 1;     // bit n: price_display::Format n
    std::uint32_t max_image = 0;  // bytes as pulled; 0: not said
    std::string model;
    std::string manufacturer;
    std::string firmware;
    bool operator==(const Panel&) const = default;
};

// The short address of a tag whose address another tag has got since; ZigBee's own value for "unknown".
inline constexpr std::uint16_t kNowhere = 0xFFFE;

struct Tag {
    std::uint16_t nwk = kNowhere;
    std::optional<Panel> panel;  // empty until the interview has succeeded
    // Not in the file:
    std::optional<std::uint32_t> battery_mv;
    std::optional<std::uint8_t> battery_percent;
    std::optional<std::uint32_t> shown;
    std::int32_t rssi = 0;
    std::optional<SteadyTime> heard;
};

class TagTable {
public:
    // A network of Z-Stack has a few hundred devices; this bounds what a file or a mad radio can make us keep.
    static constexpr std::size_t kMax = 2'000;

    // Makes the tag when it is new. A short address belongs to one tag: another one that had it is nowhere from then
    // on. Null when the table is full.
    Tag* put(TagId id, std::uint16_t nwk);
    [[nodiscard]] Tag* find(TagId id);
    [[nodiscard]] const Tag* find(TagId id) const;
    [[nodiscard]] std::optional<TagId> at(std::uint16_t nwk) const;
    void erase(TagId id);

    [[nodiscard]] const std::map<TagId, Tag>& all() const { return tags_; }
    [[nodiscard]] std::size_t size() const { return tags_.size(); }

    [[nodiscard]] std::string to_json() const;
    // Errors: ParseError with the tag and field.
    [[nodiscard]] static Result<TagTable> from_json(std::string_view text);

private:
    std::map<TagId, Tag> tags_;
    std::unordered_map<std::uint16_t, TagId> by_nwk_;
};

}  // namespace esl::ap::znp
