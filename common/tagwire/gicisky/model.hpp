// What is known of each Gicisky panel: size, colours, and how its bytes lie (docs/formats/gicisky.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/image/tag_image.hpp"

namespace esl::tagwire::gicisky {

// How the bytes after rotation and mirroring are wrapped.
enum class Coding : std::uint8_t {
    planes,   // white plane, then the red plane when there is one
    packed,   // two bits a pixel
    framed,   // planes in lines of height/8 bytes ("compression")
    chunked,  // planes in two halves of 64-byte chunks, QuickLZ or plain ("compression2")
};

// Immutable rows of one table. `width` and `height` are those of the canonical image, as a person holds the tag.
struct Model {
    std::uint16_t id;
    std::string_view label;  // for people: "2.9\" BWR"
    unsigned width;
    unsigned height;
    image::Palette palette;
    unsigned rotation;  // degrees, counter-clockwise, applied before the rows are read out
    bool mirror_x;
    bool mirror_y;
    bool inverted;  // first plane: bit 1 is "not white"
    Coding coding;
    bool no_compression;                // bit 14 of the advertised type
    std::uint16_t battery_max_mv;       // 100 %; 0 % is kBatteryEmptyMv
    std::chrono::milliseconds refresh;  // a full refresh, about
};

inline constexpr std::uint16_t kBatteryEmptyMv = 2200;

// Ids with a tested geometry; nullptr for every other id.
[[nodiscard]] const Model* find_model(std::uint16_t id);
[[nodiscard]] std::span<const Model> models();
// A 7.5" tag with firmware 0x8101 takes framed instead of chunked bytes.
[[nodiscard]] Coding coding_of(const Model& model, std::uint16_t firmware);
// "gicisky-0033": the model's name in contract messages, whether the id is known or not.
[[nodiscard]] std::string model_name(std::uint16_t id);
// Linear between empty and the model's full voltage, clamped to 0..100.
[[nodiscard]] std::uint8_t battery_percent(const Model& model, std::uint16_t millivolts);

}  // namespace esl::tagwire::gicisky
