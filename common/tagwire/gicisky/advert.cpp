#include "common/tagwire/gicisky/advert.hpp"

namespace esl::tagwire::gicisky {

Result<Advert> decode_advert(BytesView bytes) {
    ByteReader in{bytes};
    const auto type_low = in.u8();
    Advert out;
    out.battery_decivolts = in.u8();
    out.firmware = in.u16be();
    const auto type_high = in.u8();
    if (in.failed()) return fail(WireError::truncated, "advert of " + std::to_string(bytes.size()) + " bytes, not 5");
    if (in.left() > 0) return fail(WireError::trailing, "advert of " + std::to_string(bytes.size()) + " bytes, not 5");
    out.model = static_cast<std::uint16_t>((type_high << 8 | type_low) & 0x3FFF);
    out.no_compression = (type_high & 0x40) != 0;
    out.high_bit = (type_high & 0x80) != 0;
    return out;
}

Bytes encode_advert(const Advert& advert) {
    Bytes out;
    const unsigned type_high =
        (advert.model >> 8 & 0x3F) | (advert.no_compression ? 0x40U : 0U) | (advert.high_bit ? 0x80U : 0U);
    ByteWriter{out}
        .u8(static_cast<std::uint8_t>(advert.model & 0xFF))
        .u8(advert.battery_decivolts)
        .u16be(advert.firmware)
        .u8(static_cast<std::uint8_t>(type_high));
    return out;
}

}  // namespace esl::tagwire::gicisky
