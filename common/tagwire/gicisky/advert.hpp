// The manufacturer data in a Gicisky tag's advertisements (docs/formats/gicisky.md).
#pragma once

#include <cstdint>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/tagwire/error.hpp"

namespace esl::tagwire::gicisky {

inline constexpr std::uint16_t kManufacturerId = 0x5053;

struct Advert {
    std::uint16_t model = 0;  // 14 bits
    bool no_compression = false;
    bool high_bit = false;  // bit 15 of the type: meaning not known, kept as it came
    std::uint8_t battery_decivolts = 0;
    std::uint16_t firmware = 0;  // software version, then hardware version

    [[nodiscard]] std::uint16_t battery_mv() const { return static_cast<std::uint16_t>(battery_decivolts * 100); }
    bool operator==(const Advert&) const = default;
};

// The five bytes without the manufacturer id, as BlueZ gives them. Errors: truncated, trailing.
[[nodiscard]] Result<Advert> decode_advert(BytesView bytes);
[[nodiscard]] Bytes encode_advert(const Advert& advert);

}  // namespace esl::tagwire::gicisky
