#include "common/tagwire/gicisky/model.hpp"

#include <algorithm>

#include "common/core/bytes.hpp"

namespace esl::tagwire::gicisky {
namespace {

using image::Palette;
using namespace std::chrono_literals;

constexpr bool kPlain = true;  // bit 14 of the type: the tag takes no compressed images

constexpr Model kModels[] = {
    // id     label         w    h    palette        rot  mx     my     inv    coding           bit14   max mV refresh
    {0x000B, "2.1\" BWR", 212, 104, Palette::bwr, 270, true, false, false, Coding::planes, kPlain, 2900, 15s},
    {0x010B, "2.1\" BWR", 250, 128, Palette::bwr, 270, true, false, false, Coding::planes, kPlain, 2900, 15s},
    {0x0028, "2.9\" BW", 296, 128, Palette::bw, 90, false, false, false, Coding::planes, kPlain, 3000, 4s},
    {0x0033, "2.9\" BWR", 296, 128, Palette::bwr, 90, false, false, false, Coding::planes, kPlain, 3000, 15s},
    {0x002E, "2.9\" BWRY", 296, 128, Palette::bwry, 90, false, false, false, Coding::packed, kPlain, 3000, 25s},
    {0x022B, "3.7\" BWR", 240, 416, Palette::bwr, 180, true, false, false, Coding::framed, false, 3000, 16s},
    {0x004B, "4.2\" BWR", 400, 300, Palette::bwr, 0, false, false, false, Coding::planes, kPlain, 3000, 16s},
    {0x004E, "4.2\" BWRY", 400, 300, Palette::bwry, 0, false, false, false, Coding::packed, kPlain, 3000, 30s},
    {0x012B, "7.5\" BWR", 800, 480, Palette::bwr, 0, false, true, true, Coding::chunked, false, 3000, 18s},
    {0x008B, "10.2\" BWR", 960, 640, Palette::bwr, 0, false, false, false, Coding::chunked, false, 3200, 25s},
};

constexpr std::uint16_t kFramedFirmware = 0x8101;

}  // namespace

std::span<const Model> models() {
    return kModels;
}

const Model* find_model(std::uint16_t id) {
    const auto* at = std::ranges::find(kModels, id, &Model::id);
    return at == std::end(kModels) ? nullptr : at;
}

Coding coding_of(const Model& model, std::uint16_t firmware) {
    if (model.id == 0x012B && firmware == kFramedFirmware) return Coding::framed;
    return model.coding;
}

std::string model_name(std::uint16_t id) {
    const std::uint8_t big_endian[] = {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
    return "gicisky-" + to_hex(big_endian);
}

std::uint8_t battery_percent(const Model& model, std::uint16_t millivolts) {
    if (millivolts <= kBatteryEmptyMv) return 0;
    const unsigned above = millivolts - kBatteryEmptyMv;
    const unsigned range = model.battery_max_mv - kBatteryEmptyMv;
    return static_cast<std::uint8_t>(std::min(100U, above * 100 / range));
}

}  // namespace esl::tagwire::gicisky
