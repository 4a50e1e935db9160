#include "common/mqtt/writer.hpp"

#include <array>
#include <string>

#include "common/mqtt/varint.hpp"

namespace esl::mqtt {

Writer::Writer(PacketType type, std::uint8_t flags, Bytes& out) : out_(out), start_(out.size()), type_(type) {
    out_.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags));
}

Writer& Writer::u8(std::uint8_t v) {
    out_.push_back(v);
    return *this;
}

Writer& Writer::u16(std::uint16_t v) {
    out_.push_back(static_cast<std::uint8_t>(v >> 8));
    out_.push_back(static_cast<std::uint8_t>(v & 0xFF));
    return *this;
}

Writer& Writer::binary(BytesView v) {
    if (v.size() > 0xFFFF) {
        too_long_ = true;
        return *this;
    }
    return u16(static_cast<std::uint16_t>(v.size())).bytes(v);
}

Writer& Writer::bytes(BytesView v) {
    out_.insert(out_.end(), v.begin(), v.end());
    return *this;
}

Writer& Writer::properties(PropertiesView v, ProtocolVersion version, PropertiesView extra) {
    if (version != ProtocolVersion::v5) return *this;
    const auto size = v.raw().size() + extra.raw().size();
    if (size > kVarintMax) {
        too_long_ = true;
        return *this;
    }
    append_varint(out_, static_cast<std::uint32_t>(size));
    return bytes(v.raw()).bytes(extra.raw());
}

Result<void> Writer::finish() {
    const auto body = out_.size() - start_ - 1;
    if (too_long_ || body > kVarintMax) {
        out_.resize(start_);
        return fail(EncodeError::too_long, std::string(name(type_)));
    }
    // Nearly every packet is short: its one length byte goes in by moving a few bytes.
    std::array<std::uint8_t, 4> length{};
    std::size_t used = 0;
    for (auto left = static_cast<std::uint32_t>(body); used == 0 || left != 0; left >>= 7) {
        length.at(used++) = static_cast<std::uint8_t>((left & 0x7F) | (left >= 0x80 ? 0x80 : 0));
    }
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(start_) + 1, length.begin(),
                length.begin() + static_cast<std::ptrdiff_t>(used));
    return {};
}

}  // namespace esl::mqtt
